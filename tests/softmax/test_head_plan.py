"""What a head is expected to take, and what it does take."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import keras
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import HeadPlan
from keras_arcface import SphereFace2Layer
from keras_arcface import losses
from keras_arcface.softmax.memory import OPTIMIZERS
from keras_arcface.training import CoupledSGD

BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "plan.py"
MILLION = HeadPlan(1_000_000, batch=256)


def test_the_formulas_count_what_is_held():
    parts = MILLION.parts
    assert parts["centres"] == 1_000_000 * 512 * 4
    assert parts["momentum"] == parts["gradient"] == parts["centres"]
    assert "sample" in parts and parts["sample"] == 0
    assert MILLION.total == sum(parts.values())


@pytest.mark.parametrize(
    "options, path",
    [
        ({"num_classes": 10_000}, "dense"),
        ({"num_classes": 100_000}, "fused"),
        ({"num_classes": 100_000, "chunk_size": 0}, "dense"),
        ({"num_classes": 1_000, "chunk_size": 128}, "fused"),
        ({"num_classes": 1_000_000, "sample_rate": 0.1}, "partial (fused)"),
        ({"num_classes": 100_000, "sample_rate": 0.1}, "partial (dense)"),
    ],
)
def test_the_path_is_that_of_the_layer(options, path):
    assert HeadPlan(batch=256, **options).path == path


def test_adam_holds_two_moments():
    plan = dataclasses.replace(MILLION, optimizer="adamw")
    assert plan.parts["moments"] == 2 * plan.parts["centres"]


def test_a_sample_has_the_gradient_of_its_rows():
    plan = dataclasses.replace(MILLION, sample_rate=0.1)
    assert plan.classes_sampled == 100_000
    assert plan.parts["gradient"] == MILLION.parts["gradient"] // 10
    assert plan.parts["momentum"] == MILLION.parts["momentum"]
    everything = dataclasses.replace(plan, dense_update=True)
    assert everything.parts["gradient"] == MILLION.parts["gradient"]
    assert plan.total < everything.total


def test_a_sample_holds_the_batch():
    assert HeadPlan(1000, batch=300, sample_rate=0.1).classes_sampled == 300
    assert HeadPlan(200, batch=300, sample_rate=0.1).classes_sampled == 200


def test_jax_shares_the_classes_out_and_tensorflow_the_batch():
    replicas = dataclasses.replace(MILLION, devices=8)
    assert replicas.parts["centres"] == MILLION.parts["centres"]
    assert replicas.dense.total < MILLION.dense.total
    sharded = dataclasses.replace(replicas, backend="jax")
    assert sharded.parts["centres"] == MILLION.parts["centres"] // 8
    assert sharded.classes_seen == 125_000


def test_half_precision_halves_what_is_kept_and_not_the_centres():
    few = HeadPlan(100_000)
    half = dataclasses.replace(few, precision="mixed_bfloat16")
    assert half.parts["centres"] == few.parts["centres"]
    assert half.parts["softmax"] < few.parts["softmax"]


def test_the_line_names_path_parts_and_the_dense_path():
    line = MILLION.describe()
    assert "fused softmax, 1,000,000 classes in chunks of 2,000" in line
    assert "centres 1.9" in line and "GiB on each" not in line
    assert f"would take {MILLION.dense.total / 2**30:.1f} GiB." in line
    sharded = dataclasses.replace(MILLION, backend="jax", devices=8)
    assert "on each of 8 devices" in sharded.describe()
    few = HeadPlan(1000).describe()
    assert "MiB" in few and "would take" not in few
    sampled = dataclasses.replace(MILLION, sample_rate=0.1).describe()
    assert "100,000 of them a step in chunks of " in sampled
    least = HeadPlan(7, embedding_dim=16, batch=4).describe()
    assert least == "Head: dense softmax, 7 classes; expects less than 0.1 MiB."


@pytest.mark.parametrize(
    "options, message",
    [
        ({"num_classes": 1}, "num_classes must be .* at least 2"),
        ({"num_classes": 2.5}, "num_classes must be an integer"),
        ({"num_classes": 10, "batch": 0}, "batch must be"),
        ({"num_classes": 10, "devices": True}, "devices must be"),
        ({"num_classes": 10, "chunk_size": -1}, "chunk_size must be"),
        ({"num_classes": 10, "sample_rate": 1.5}, "sample_rate must be"),
        ({"num_classes": 10, "optimizer": "lion"}, "coupled_sgd, sgd"),
        ({"num_classes": 10, "backend": "torch"}, "tensorflow, jax"),
        ({"num_classes": 10, "dense_update": "no"}, "dense_update must be"),
        (
            {
                "num_classes": 80,
                "backend": "jax",
                "devices": 8,
                "sample_rate": 0.5,
            },
            "sample_rate must be 1.0",
        ),
    ],
)
def test_nonsense_is_refused_by_name(options, message):
    with pytest.raises(ValueError, match=message):
        HeadPlan(**options)


def model_of(head):
    backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(8)])
    return ArcFaceModel(backbone, head)


@pytest.mark.parametrize(
    "optimizer, name",
    [
        (lambda: CoupledSGD(), "coupled_sgd"),
        (lambda: CoupledSGD(coupled_decay=0.0), "sgd"),
        (lambda: keras.optimizers.SGD(momentum=0.9), "sgd"),
        (lambda: keras.optimizers.SGD(), "plain_sgd"),
        (lambda: keras.optimizers.AdamW(), "adamw"),
    ],
)
def test_a_model_knows_its_plan(optimizer, name):
    model = model_of(ArcMarginLayer(2000, sub_centers=2, chunk_size=500))
    model.compile(optimizer())
    plan = model.head_plan(32)
    assert plan.optimizer == name and name in OPTIMIZERS
    assert (plan.num_classes, plan.embedding_dim, plan.batch) == (2000, 8, 32)
    assert plan.sub_centers == 2 and plan.chunk == 500
    assert plan.backend == keras.backend.backend()


def test_a_plan_before_compile_takes_the_optimizer_of_train():
    assert model_of(ArcMarginLayer(9)).head_plan(2).optimizer == "coupled_sgd"


def test_a_sampled_model_knows_what_its_steps_move():
    model = model_of(ArcMarginLayer(2000, sample_rate=0.1))
    model.compile("sgd")
    assert model.head_plan(32).path == "partial (dense)"
    assert not model.head_plan(32).dense_update
    model.compile("sgd", dense_update=True)
    assert model.head_plan(32).dense_update


def test_a_binary_head_is_always_dense():
    assert model_of(SphereFace2Layer(100_000)).head_plan(256).path == "dense"


def test_heads_without_class_centres_have_no_plan():
    model = model_of(losses.ProxyAnchor(9))
    with pytest.raises(ValueError, match="ProxyAnchor"):
        model.head_plan(2)


@pytest.mark.skipif(
    not Path("/proc/self/status").is_file(), reason="reads memory as on Linux"
)
def test_a_measured_peak_is_within_a_quarter_of_the_estimate():
    row = json.dumps([keras.backend.backend(), 80_000, {"batch": 128}])
    done = subprocess.run(
        [sys.executable, str(BENCHMARK), "--row", row],
        capture_output=True,
        text=True,
        check=True,
        cwd=BENCHMARK.parents[1],
    )
    result = json.loads(done.stdout.splitlines()[-1])
    assert result["path"] == "fused"
    assert result["ratio"] == pytest.approx(1.0, abs=0.25)
