"""Where a recipe may train, and what says why not."""

import json

import keras
import pytest

from keras_arcface import Recipe
from keras_arcface.training.distribution import Cluster
from keras_arcface.training.distribution import check_devices
from keras_arcface.training.distribution import placement
from keras_arcface.training.distribution.checks import check_shares
from keras_arcface.training.recipe import RecipeError

ON_JAX = keras.backend.backend() == "jax"
TWO = Cluster(("a:1", "b:1"), 0)
on_jax = pytest.mark.skipif(not ON_JAX, reason="of JAX")
on_tensorflow = pytest.mark.skipif(ON_JAX, reason="of TensorFlow")


@pytest.fixture(autouse=True)
def without_cluster(monkeypatch):
    # Set first, or what a test exports would outlive it.
    monkeypatch.setenv("TF_CONFIG", "")
    monkeypatch.delenv("TF_CONFIG")


def recipe(**changes):
    values = {name.replace("__", "."): v for name, v in changes.items()}
    values = {"data.source": "glyphs", "output": "runs/a", **values}
    return Recipe.from_values(values)


@on_tensorflow
@pytest.mark.parametrize(
    ("changes", "key", "instead"),
    [
        ({"head__sample_rate": 0.5}, "head.sample_rate", "dense_update=true"),
        ({"jit": True}, "jit", "jit=auto"),
    ],
)
def test_what_replicas_cannot_do_is_refused(changes, key, instead):
    for cluster, devices in ((None, 2), (TWO, 1)):
        with pytest.raises(RecipeError, match=instead) as refused:
            check_devices(recipe(devices=devices, **changes), cluster)
        assert refused.value.key == key
    check_devices(recipe(**changes))


@on_tensorflow
def test_accumulation_is_refused_on_a_cluster_too():
    accumulating = recipe(optimizer__accumulate=2)
    check_devices(accumulating)
    with pytest.raises(RecipeError, match="larger schedule.batch_size"):
        check_devices(accumulating, TWO)


@on_tensorflow
def test_a_sample_whose_step_is_dense_may_train_on_replicas():
    check_devices(
        recipe(devices=2, head__sample_rate=0.5, head__dense_update=True)
    )


@on_tensorflow
def test_a_cluster_says_how_many_devices_there_are():
    with pytest.raises(RecipeError, match="CUDA_VISIBLE_DEVICES"):
        check_devices(recipe(devices=2), TWO)
    with pytest.raises(RecipeError, match="batch_size=129. Try 128 or 130"):
        check_devices(recipe(schedule__batch_size=129), TWO)
    with pytest.raises(RecipeError, match="by the 3 devices"):
        check_shares(recipe(), 3)


@on_tensorflow
def test_a_distribution_that_would_do_nothing_is_refused():
    mesh = keras.distribution.DeviceMesh((1,), ["batch"], ["cpu:0"])
    with keras.distribution.DataParallel(device_mesh=mesh).scope():
        with pytest.raises(ValueError, match="does nothing on the tensorflow"):
            check_devices(recipe())


@on_tensorflow
def test_devices_are_asked_for_before_the_engine_starts():
    keras.ops.zeros(1)
    with pytest.raises(ValueError, match="before anything else uses TensorFl"):
        placement(recipe(devices=2))
    with pytest.raises(ValueError, match="make no tensors before"):
        placement(recipe(), Cluster(("127.0.0.1:1", "127.0.0.1:2"), 0))


@on_jax
@pytest.mark.parametrize(
    ("changes", "cluster", "instead"),
    [
        ({}, TWO, "KERAS_BACKEND=tensorflow"),
        ({"head__sharded": True}, None, "Set devices to how many"),
        (
            {"head__sharded": True, "devices": 2, "head__sample_rate": 0.5},
            None,
            "head.sample_rate=1.0, or head.sharded=false",
        ),
        (
            {"backbone__batch_norm": "synchronized"},
            None,
            "backbone.batch_norm=train",
        ),
    ],
)
def test_what_jax_cannot_do_is_refused(changes, cluster, instead):
    with pytest.raises(RecipeError, match=instead):
        check_devices(recipe(**changes), cluster)


@on_jax
def test_more_devices_than_there_are_are_refused():
    keras.ops.zeros(1)
    with pytest.raises(ValueError, match="device_count=128"):
        placement(recipe(devices=128))


@pytest.mark.parametrize(
    ("addresses", "worker", "message"),
    [
        ("a:1", 0, "two workers or more"),
        ("a:1,b", 0, "must be host:port.*'b'"),
        ("a:1,a:1", 0, "an address of its own"),
        ("a:1,b:1", 2, "worker must be 0 to 1.*worker=2"),
        ("a:1,b:1", -1, "worker must be 0 to 1"),
        ("a:1,b:1", None, "--worker 0 on the first"),
    ],
)
def test_a_cluster_that_cannot_be_is_refused(addresses, worker, message):
    with pytest.raises(ValueError, match=message):
        Cluster.parse(addresses, worker)


def test_a_cluster_goes_to_the_environment_and_back(monkeypatch):
    monkeypatch.setenv("TF_CONFIG", "")
    assert Cluster.from_environment() is None
    cluster = Cluster.parse("a:1, [::1]:2", 1)
    cluster.export()
    assert Cluster.from_environment() == cluster
    cluster.export()
    with pytest.raises(ValueError, match="says worker 1 of a:1"):
        TWO.export()


def test_a_chief_with_a_job_of_its_own_is_worker_0(monkeypatch):
    config = {"cluster": {"worker": ["b:1"], "chief": ["a:1"]}}
    for job, index in (("chief", 0), ("worker", 1)):
        config["task"] = {"type": job, "index": 0}
        monkeypatch.setenv("TF_CONFIG", json.dumps(config))
        assert Cluster.from_environment() == Cluster(("a:1", "b:1"), index)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "must be JSON of the form"),
        ("[1]", "must be JSON of the form"),
        ('{"cluster": {"worker": 3}}', "must be JSON of the form"),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": "x"}}',
            "must be JSON of the form",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:1"], "ps": ["c:1"]}}',
            "Received: ps.*list all machines as workers",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, '
            '"task": {"type": "evaluator"}}',
            "Received: evaluator",
        ),
        (
            '{"cluster": {"worker": ["a:1", "b:1"]}, "task": {"index": 7}}',
            "worker=7",
        ),
    ],
)
def test_a_description_that_means_nothing_is_refused(
    monkeypatch, text, message
):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(ValueError, match=message):
        Cluster.from_environment()


def test_one_machine_alone_is_no_cluster(monkeypatch):
    text = '{"cluster": {"worker": ["a:1"]}, "task": {"index": 0}}'
    monkeypatch.setenv("TF_CONFIG", text)
    assert Cluster.from_environment() is None
