"""Class centres on several devices are those of one device.

On JAX divided by class, on TensorFlow the same on every replica. Each in a
process of its own, which has the devices.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import family
import keras
import pytest

from keras_arcface.layers.angle_histogram import BINS

HERE = Path(__file__).parent
BACKEND = keras.backend.backend()
CASES = [*family.KINDS, "binary", "without margin", "unknown labels"]
# Each process takes over ten seconds, most of it to compile.
pytestmark = pytest.mark.slow
on_jax = pytest.mark.skipif(BACKEND != "jax", reason="of JAX")
on_tensorflow = pytest.mark.skipif(
    BACKEND != "tensorflow", reason="of TensorFlow"
)


# Level 0 compiles in half the time, to the same arrays and messages.
XLA_FLAGS = (
    "--xla_force_host_platform_device_count=8 "
    "--xla_backend_optimization_level=0"
)


def run(script, *arguments):
    package, tests = HERE.parents[1], HERE.parent
    done = subprocess.run(
        [sys.executable, HERE / script, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": f"{package}{os.pathsep}{tests}",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "XLA_FLAGS": XLA_FLAGS,
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def values():
    return run("sharded_values.py")


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    return run("sharded_training.py", tmp_path_factory.mktemp("sharded"))


@pytest.fixture(scope="module")
def replicas():
    return run("replicated_training.py")


@on_jax
@pytest.mark.parametrize("case", [*CASES, "two axes"])
def test_every_head_is_that_of_one_device(values, case):
    differences = dict(values["cases"][case])
    assert differences.pop("share") == (1 / 4 if case == "two axes" else 1 / 8)
    assert {"by_centers", "by_embeddings", "loss", "angle"} < set(differences)
    wrong = {k: v for k, v in differences.items() if not v < 2e-5}
    assert wrong == {}


@on_jax
def test_training_is_that_of_one_device(training):
    losses = training["losses"]
    assert losses["one"][-1] < 0.5 * losses["one"][0]
    assert losses["arrays"] == pytest.approx(losses["one"], rel=1e-5)
    assert losses["data set"] == pytest.approx(losses["one"], rel=1e-5)
    assert training["centers"] < 1e-5


@on_jax
def test_a_device_holds_its_share_of_centers_and_slots_only(training):
    shares = training["shares"]
    centers = {k: v for k, v in shares.items() if "class_centers" in k}
    assert len(centers) == 2 and set(centers.values()) == {1 / 8}
    assert {v for k, v in shares.items() if k not in centers} == {1.0}


@on_jax
def test_no_device_sees_all_classes_in_a_step(training):
    # Neither centres, their gradient or slots, nor logits, nor a gather.
    assert 131 in training["sizes"] and 50 in training["sizes"]
    # Other than the bins that count the target angles.
    assert max(set(training["sizes"]) - {BINS}) == 131


@on_jax
@pytest.mark.parametrize("devices", ["0", "4"])
def test_a_saved_model_goes_on_with_any_number_of_devices(training, devices):
    assert training["resumed"][devices] < 1e-5


@on_jax
def test_what_devices_cannot_share_is_refused(values, training):
    assert "Received: num_classes=10 for 8 devices" in values["refusal"]
    assert "Use num_classes=16" in values["refusal"]
    assert "divisible by the 8 devices" in training["refusal"]


@on_tensorflow
def test_replicas_train_as_one_device_does(replicas):
    losses = replicas["losses"]
    assert losses["one"][-1] < losses["one"][0]
    assert losses["two"] == pytest.approx(losses["one"], rel=1e-5)
    assert len(replicas["centers"]) == 2
    assert max(replicas["centers"]) < 2e-5


@on_tensorflow
def test_replicas_draw_classes_with_the_dense_update_only(replicas):
    losses = replicas["losses"]
    # A rate that draws every class: what remains is the step.
    assert losses["sampled"] == pytest.approx(losses["one"], rel=1e-4)
    assert "dense_update=True" in replicas["refusal"]


@on_jax
def test_the_documented_example_runs_on_jax(training):
    assert 0 < training["documented"][0] < 100


@on_tensorflow
def test_the_documented_example_runs_on_tensorflow(replicas):
    assert 0 < replicas["documented"][0] < 100
