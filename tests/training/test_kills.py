"""Runs that are killed wherever, and resumed: as if they never stopped."""

import io
import itertools
import json
import random
import signal
import zipfile

import drawing
import h5py
import pytest
from killing import Zygote

from keras_arcface.training import resume_point


@pytest.fixture(scope="module")
def zygote():
    zygote = Zygote()
    yield zygote
    zygote.close()


@pytest.fixture(scope="module")
def values(tmp_path_factory):
    """Of a run of two phases with all that can be half done in between."""
    folder = tmp_path_factory.mktemp("data")
    return {
        "data.source": str(drawing.identities_folder(folder, 12, 4)),
        "data.image_size": 32,
        "data.augment": "flip",
        "backbone.name": "smallnet",
        "backbone.embedding_dim": 16,
        "head.margin": "adaface",
        "evaluation.holdout": 0.4,
        "schedule.epochs": 2,
        "schedule.batch_size": 4,
        "backbone.frozen_epochs": 1,
        "optimizer.learning_rate": 0.05,
        "optimizer.ema": 0.9,
        "optimizer.accumulate": 2,
        "optimizer.clip_norm": 5,
        "checkpoints.every_steps": 2,
        "deterministic": "true",
    }


@pytest.fixture(scope="module")
def whole(zygote, values, tmp_path_factory):
    """The folder of a run that never stopped, and how long it took."""
    folder = tmp_path_factory.mktemp("whole") / "run"
    ended = zygote.run("train_to_the_end", {**values, "output": str(folder)})
    assert ended["code"] == 0, ended["said"]
    return folder, ended["seconds"]


def assert_same_end(folder, whole):
    """All variables, the history and the best model, bit for bit."""
    one, other = resume_point(folder), resume_point(whole)
    assert one.place == other.place
    # Of the archive that holds every variable.
    assert one.written["sha256"] == other.written["sha256"]
    histories = [
        [{k: v for k, v in row.items() if k != "seconds"} for row in x.history]
        for x in (one, other)
    ]
    assert histories[0] == histories[1]
    written = json.loads((folder / "history.json").read_text("utf-8"))
    assert written == one.history
    assert weights_of(folder) == weights_of(whole)
    kept = [p.name for p in sorted((folder / "checkpoints").iterdir())]
    assert kept == [p.name for p in sorted((whole / "checkpoints").iterdir())]


def weights_of(folder):
    """Returns the bytes of every array of `best.keras`, in their order."""
    with zipfile.ZipFile(folder / "best.keras") as archive:
        data = io.BytesIO(archive.read("model.weights.h5"))
    found = []
    with h5py.File(data) as file:
        file.visititems(
            lambda _, item: (
                found.append(item[()].tobytes())
                if isinstance(item, h5py.Dataset)
                else None
            )
        )
    return found


def kill_and_resume(zygote, values, whole, tmp_path, kills, seed):
    folder, seconds = whole
    draw = random.Random(seed)
    for number in itertools.count():
        run = {**values, "output": str(tmp_path / str(number))}
        while True:
            after = {"after": draw.uniform(0, seconds)} if kills > 0 else {}
            ended = zygote.run("train_to_the_end", run, **after)
            if not ended["killed"]:
                break
            kills -= 1
        assert ended["code"] == 0, ended["said"]
        assert_same_end(tmp_path / str(number), folder)
        if kills <= 0:
            return


def test_killed_at_random_moments(zygote, values, whole, tmp_path):
    kill_and_resume(zygote, values, whole, tmp_path, kills=2, seed=1)


@pytest.mark.slow
def test_killed_at_twenty_random_moments(zygote, values, whole, tmp_path):
    kill_and_resume(zygote, values, whole, tmp_path, kills=20, seed=2)


@pytest.mark.slow
@pytest.mark.parametrize("event", range(1, 120, 17))
def test_killed_before_any_of_a_run_s_changes_to_its_folder(
    zygote, values, whole, tmp_path, event
):
    run = {**values, "output": str(tmp_path / "run")}
    assert zygote.run("train_to_the_end", run, event=event)["killed"]
    ended = zygote.run("train_to_the_end", run)
    assert ended["code"] == 0, ended["said"]
    assert_same_end(tmp_path / "run", whole[0])


@pytest.mark.parametrize("keep", [1, 2])
def test_a_kill_at_any_stage_of_a_write_leaves_a_whole_checkpoint(
    zygote, tmp_path, keep
):
    for event in itertools.count(1):
        folder = str(tmp_path / str(event))
        assert zygote.run("write", folder, 2, keep)["code"] == 0
        ended = zygote.run("write", folder, 3, keep, event=event)
        point = resume_point(folder)
        assert point.place.step in (2, 3)
        assert (point.values["model"][0] == point.place.step).all()
        left = [p.name for p in (tmp_path / str(event)).rglob(".*")]
        assert left == []
        if not ended["killed"]:
            break
    assert event > 10 and point.place.step == 3


def test_a_signal_finishes_the_step_and_writes_a_checkpoint(
    zygote, values, whole, tmp_path
):
    run = {**values, "output": str(tmp_path / "run")}
    for number, code, step in (
        (signal.SIGTERM, 143, 5),
        (signal.SIGINT, 130, 3),
    ):
        ended = zygote.run("train_to_the_end", run, signal=int(number), step=5)
        assert ended["code"] == code, ended["said"]
        assert (
            f"after step {step}" in ended["said"]
            and "--resume" in ended["said"]
        )
    assert zygote.run("train_to_the_end", run)["code"] == 0
    assert_same_end(tmp_path / "run", whole[0])
