"""Several devices, and several machines, train as one device does.

Each way in processes of its own, which have the devices: two logical
processors and two workers on the loopback interface for TensorFlow, eight
virtual processors for JAX.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import drawing
import keras
import numpy as np
import pytest

HERE = Path(__file__).parent
SCRIPT = HERE / "device_training.py"
ON_JAX = keras.backend.backend() == "jax"
CASES = ("frozen", "synchronized")
# Each starts processes that compile, and trains for 50 steps.
pytestmark = pytest.mark.slow
on_jax = pytest.mark.skipif(not ON_JAX, reason="of JAX")
on_tensorflow = pytest.mark.skipif(ON_JAX, reason="of TensorFlow")
# Seconds for what takes a few tens on two quiet cores.
PATIENCE = 480


def start(*command):
    paths = os.pathsep.join(
        str(path) for path in (HERE.parents[1], HERE.parent)
    )
    return subprocess.Popen(
        [sys.executable, *map(str, command)],
        env={
            **{k: v for k, v in os.environ.items() if k != "TF_CONFIG"},
            "PYTHONPATH": paths,
            "TF_CPP_MIN_LOG_LEVEL": "3",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextlib.contextmanager
def pair(*command, describe=lambda cluster, worker: (cluster, worker)):
    """Starts two workers of one cluster; ends them however the test ends."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(2)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        cluster = ",".join(f"127.0.0.1:{s.getsockname()[1]}" for s in sockets)
    workers = [start(*command, *describe(cluster, n)) for n in range(2)]
    try:
        yield workers
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


def result(process):
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err[-3000:]
    return json.loads(out.splitlines()[-1])


def error(folder, name, case, of="weights"):
    """Returns how far weights are from one device's, relative to all."""
    one, other, begin = (
        np.concatenate([v.ravel().astype("float64") for v in file.values()])
        for file in (
            np.load(folder / f"{way} {case}.npz")
            for way in ("one", name, "start")
        )
    )
    whole = one if of == "weights" else one - begin
    return np.linalg.norm(one - other) / np.linalg.norm(whole)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("devices")


@pytest.fixture(scope="module")
def devices(folder):
    """What callbacks saw on one device and on several; writes the weights."""
    return result(start(SCRIPT, folder, 8 if ON_JAX else 2))


@pytest.fixture(scope="module")
def workers(folder, devices):
    with pair(SCRIPT, folder) as processes:
        return [result(process) for process in processes]


@pytest.mark.parametrize("case", CASES)
def test_several_devices_train_to_the_weights_of_one(devices, folder, case):
    assert error(folder, "several", case) < 1e-5
    # Of the way that the weights went, which is shorter than they are.
    assert error(folder, "several", case, of="way") < 1e-4
    one, several = devices[f"one {case}"], devices[f"several {case}"]
    assert several["seen"] == one["seen"]
    assert several["embedded"] == 5
    for ours, theirs in zip(several["logs"], one["logs"], strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


@on_jax
def test_centres_divided_by_class_train_to_the_weights_of_one(devices, folder):
    assert error(folder, "sharded", "frozen") < 1e-5
    assert devices["sharded"]["seen"] == devices["one frozen"]["seen"]


@on_tensorflow
@pytest.mark.parametrize("name", ["one", "several"])
def test_our_loop_does_what_fit_does(devices, folder, name):
    fit, ours = devices[f"{name} synchronized"], devices[f"loop, {name}"]
    assert ours["seen"] == fit["seen"]
    assert ours["logs"][1].keys() == fit["logs"][1].keys()
    for a, b in zip(ours["logs"], fit["logs"], strict=True):
        assert a == pytest.approx(b, rel=1e-5)
    with (
        np.load(folder / f"loop, {name} synchronized.npz") as by_loop,
        np.load(folder / f"{name} synchronized.npz") as by_fit,
    ):
        for key in by_fit:
            np.testing.assert_allclose(by_loop[key], by_fit[key], atol=1e-6)


@on_tensorflow
@pytest.mark.parametrize("case", CASES)
def test_two_machines_train_to_the_weights_of_one(
    workers, devices, folder, case
):
    for worker in range(2):
        assert error(folder, f"worker {worker}", case) < 1e-5
        assert error(folder, f"worker {worker}", case, of="way") < 1e-4
        seen = workers[worker][case]
        assert seen["seen"] == devices[f"one {case}"]["seen"]
        assert seen["embedded"] == 5
        rows = zip(seen["logs"], devices[f"one {case}"]["logs"], strict=True)
        for ours, theirs in rows:
            assert ours == pytest.approx(theirs, rel=1e-4)


def command(folder, output, **changes):
    values = {
        "data.source": folder,
        "output": output,
        "data.image_size": 24,
        "data.resize": "true",
        "data.augment": "none",
        "backbone.name": "smallnet",
        "backbone.embedding_dim": 16,
        "evaluation.holdout": 0.34,
        "schedule.epochs": 3,
        "schedule.batch_size": 8,
        "optimizer.learning_rate": 0.01,
        "checkpoints.every_steps": 2,
        "deterministic": "true",
        **{name.replace("__", "."): value for name, value in changes.items()},
    }
    changes = [f"{name}={value}" for name, value in values.items()]
    sets = [word for change in changes for word in ("--set", change)]
    return ["-m", "keras_arcface", "train", *sets]


def as_flags(cluster, worker):
    return "--cluster", cluster, "--worker", worker


def history(run):
    rows = json.loads((run / "history.json").read_text())
    return [{k: v for k, v in row.items() if k != "seconds"} for row in rows]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory):
    # 8 of 12 identities train: 40 pictures, 5 steps an epoch.
    return drawing.identities_folder(tmp_path_factory.mktemp("data"), 12, 5)


@on_tensorflow
def test_a_killed_worker_ends_all_and_all_resume(pictures, tmp_path):
    whole, run = tmp_path / "whole", tmp_path / "run"
    with pair(*command(pictures, whole), describe=as_flags) as processes:
        said = [p.communicate(timeout=PATIENCE) for p in processes]
        assert [p.returncode for p in processes] == [0, 0], said
    assert "on 2 machines, 2 replicas" in said[0][0]
    assert "epoch 3/3" in said[0][1]
    assert said[1][0] == ""
    (line,) = [text for text in said[1][1].splitlines() if "orker" in text]
    assert line.startswith("Worker 1 of 2: worker 0, at 127.0.0.1:")
    with pair(*command(pictures, run), describe=as_flags) as processes:
        chief, worker = processes
        saved = run / "checkpoints" / "step-00000006"
        deadline = time.monotonic() + PATIENCE
        while not saved.exists() and chief.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        worker.send_signal(signal.SIGKILL)
        _, err = chief.communicate(timeout=60)
        assert chief.returncode == 1, err
        assert "lost another worker of 127.0.0.1:" in err
        assert "Start all of them again with --resume" in err
    assert len(history(run)) < 3
    resumed = [*command(pictures, run), "--resume"]
    with pair(*resumed, describe=as_flags) as processes:
        said = [p.communicate(timeout=PATIENCE) for p in processes]
        assert [p.returncode for p in processes] == [0, 0], said
    assert "Resuming after epoch" in said[0][0]
    assert history(run) == history(whole)


def forget_last_step(run):
    """Leaves a run as if it had been killed before its last checkpoint."""
    shutil.rmtree(max((run / "checkpoints").iterdir()))


@on_tensorflow
def test_a_recipe_trains_on_two_replicas(pictures, tmp_path):
    process = start(*command(pictures, tmp_path / "run", devices=2))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err[-3000:]
    assert "on 2 replicas (CPU:0, CPU:1)" in out
    # What is judged are the pictures, each once.
    assert history(tmp_path / "run")[-1]["verification_accuracy"] > 0.5
    forget_last_step(tmp_path / "run")
    resumed = command(pictures, tmp_path / "run", devices=1)
    process = start(*resumed, "--resume")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err[-3000:]
    assert "Resuming after epoch" in out
    assert "replicas" not in out
    assert [row["epoch"] for row in history(tmp_path / "run")] == [1, 2, 3]


@on_jax
def test_a_recipe_trains_on_eight_devices(pictures, tmp_path):
    run = tmp_path / "run"
    options = {"devices": 8, "head__sharded": "true", "schedule__epochs": 1}
    process = start(*command(pictures, run, **options))
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err[-3000:]
    assert "on 8 devices, class centres divided" in out
    # It goes on with another number of devices, from a checkpoint in between.
    forget_last_step(run)
    options = {"devices": 2, "head__sharded": "false", "schedule__epochs": 1}
    process = start(*command(pictures, run, **options), "--resume")
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err[-3000:]
    assert "Resuming after epoch 0 of 1, step 4 of 5" in out
    assert "on 2 devices" in out
