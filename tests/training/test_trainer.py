import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time

import drawing
import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import SmallNet
from keras_arcface import load_pretrained
from keras_arcface.data import write_bin
from keras_arcface.pretrained import load_backbone
from keras_arcface.pretrained import save_pretrained
from keras_arcface.training import Checkpoints
from keras_arcface.training import Recipe
from keras_arcface.training import resume_point
from keras_arcface.training import train
from keras_arcface.training.run_folder import claim
from keras_arcface.training.run_folder import sole_writer


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawing.identities_folder(tmp_path_factory.mktemp("data"), 12, 4)


KEYS = {
    "augment": "data.augment",
    "backbone": "backbone.name",
    "batch_size": "schedule.batch_size",
    "chunk_size": "head.chunk_size",
    "epochs": "schedule.epochs",
    "holdout": "evaluation.holdout",
    "identities": "data.identities",
    "image_size": "data.image_size",
    "learning_rate": "optimizer.learning_rate",
    "margin": "head.margin",
    "min_pictures": "data.min_pictures",
    "resize": "data.resize",
    "sample_rate": "head.sample_rate",
    "scale": "head.scale",
}


def recipe(folder, output, **changes):
    values = {
        "data.source": folder,
        "output": output,
        "backbone.name": "smallnet",
        "backbone.embedding_dim": 16,
        "data.image_size": 32,
        "schedule.epochs": 2,
        "schedule.batch_size": 8,
        "optimizer.learning_rate": 0.05,
        "evaluation.holdout": 0.4,
        "data.augment": "none",
    }
    changes = {KEYS.get(name, name): value for name, value in changes.items()}
    return Recipe.from_values({**values, **changes})


def test_a_run_writes_what_it_promises(folder, tmp_path, capsys):
    result = train(recipe(folder, tmp_path / "run"))
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} == {
        "angles.json",
        "angles.png",
        "best.keras",
        "checkpoints",
        "classes.json",
        "recipe.yaml",
        "history.json",
        "identities.json",
        "log.csv",
        "log.jsonl",
        "training.png",
    }
    kept = sorted(p.name for p in (run / "checkpoints").iterdir())
    assert kept == ["step-00000003", "step-00000006"]
    history = json.loads((run / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1, 2]
    expected = {"loss", "angle", "eer", "verification_accuracy"}
    assert expected <= set(history[0])
    assert len(json.loads((run / "classes.json").read_text())) == 7
    assert isinstance(result.model, ArcFaceModel)
    assert result.model.head.num_classes == 7
    assert load_backbone(run).output_shape == (None, 16)
    said = capsys.readouterr()
    first, last = [x for x in said.err.splitlines() if "eer" in x]
    assert "epoch 2/2" in last and "angle" in last and "nan" not in last
    assert re.search(r"\(\d+ s, \d+ images/s, \d+:\d\d left\)$", first)
    assert re.search(r"\(\d+ s, \d+ images/s\)$", last)
    assert "too few for the TAR at FAR 0.01, which needs 100" in said.out
    assert "Head: dense softmax, 7 classes; expects " in said.out


def test_chunks_are_taken_and_said(folder, tmp_path, capsys):
    run = recipe(folder, tmp_path / "run", epochs=1, chunk_size=3)
    assert train(run).model.head.chunk_size == 3
    assert (
        "fused softmax, 7 classes in chunks of 3; " in capsys.readouterr().out
    )


def test_a_sample_of_the_classes_trains_and_resumes(folder, tmp_path, capsys):
    run = recipe(folder, tmp_path / "run", sample_rate=0.2, batch_size=4)
    train_and_stop(run, after=1)
    model = train(run, resume=True).model
    assert model.head.sample_rate == 0.2
    said = "partial (dense) softmax, 7 classes, 4 of them a step; "
    assert said in capsys.readouterr().out


def test_sets_alone_judge_where_nobody_is_held_out(folder, tmp_path, capsys):
    paths = [sorted(folder.glob(f"person_{i:02d}/*"))[:2] for i in range(8)]
    same = [path for pair in paths for path in pair]
    other = [paths[i // 2 - i % 2][i % 2] for i in range(16)]
    pictures = [path.read_bytes() for path in same + other]
    data = tmp_path / "data"
    shutil.copytree(folder, data)
    write_bin(tmp_path / "lfw.bin", pictures, [True] * 8 + [False] * 8)
    changes = {"evaluation.sets": ["lfw.bin"], "evaluation.flip": True}
    run = recipe(data, tmp_path / "run", epochs=1, holdout=0, **changes)
    with pytest.raises(FileNotFoundError, match="evaluation.sets names lfw.b"):
        train(run)
    shutil.move(tmp_path / "lfw.bin", data / "lfw.bin")
    result = train(run)
    assert result.model.head.num_classes == 12
    assert 0 <= result.history[-1]["eer"] <= 1
    who = json.loads((tmp_path / "run" / "identities.json").read_text())
    assert list(who) == ["training"] and len(who["training"]) == 12
    assert "Judging on sets of their own: 16 pairs" in (capsys.readouterr().out)
    assert len(train(run, resume=True).history) == 1


class Stop(Exception):
    pass


def train_and_stop(run, after, error=Stop):
    """Trains, and stops as a crash would when `after` epochs are done."""
    from keras_arcface.training import trainer

    class StopAfter(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == after:
                raise error

    make = trainer.make_callbacks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            trainer, "make_callbacks", lambda *a: [StopAfter(), *make(*a)]
        )
        with pytest.raises(error):
            train(run)


def test_a_resumed_run_equals_one_that_never_stopped(folder, tmp_path):
    whole = train(recipe(folder, tmp_path / "whole", epochs=3))
    train_and_stop(recipe(folder, tmp_path / "part", epochs=3), after=2)
    resumed = train(recipe(folder, tmp_path / "part", epochs=3), resume=True)
    assert [row["epoch"] for row in resumed.history] == [1, 2, 3]
    for name in ("loss", "angle", "margin_strength", "eer"):
        np.testing.assert_allclose(
            resumed.history[-1][name], whole.history[-1][name], rtol=1e-4
        )


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_resumes_with_its_optimizer(folder, tmp_path, precision):
    run = recipe(folder, tmp_path / "run", epochs=5, precision=precision)
    train_and_stop(run, after=4)
    saved = resume_point(tmp_path / "run")
    before = dict(
        zip(
            (v["name"] for v in saved.written["variables"]["optimizer"]),
            saved.values["optimizer"],
            strict=True,
        )
    )
    result = train(run, resume=True)
    assert np.isfinite(result.history[-1]["loss"])
    assert keras.config.dtype_policy().name == "float32"
    after = result.model.optimizer
    scaled = isinstance(after, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16")
    if scaled:
        # The first steps overflow at 2**15; a scale that came back has not.
        scale = float(after.dynamic_scale.numpy())
        assert scale <= before["dynamic_scale"] < 2**15
    assert int(after.iterations.numpy()) > before["iteration"] > 0


def test_a_run_killed_behind_its_last_checkpoint_is_ended(folder, tmp_path):
    run = recipe(folder, tmp_path / "run", epochs=1)
    train(run)
    # What is written between the last checkpoint and the end.
    names = ("history.json", "angles.png", "training.png")
    whole = (tmp_path / "run" / names[0]).read_bytes()
    for name in names:
        (tmp_path / "run" / name).unlink()
    train(run, resume=True)
    assert all((tmp_path / "run" / name).exists() for name in names)
    assert (tmp_path / "run" / names[0]).read_bytes() == whole


def test_a_run_does_not_go_on_with_other_people(tmp_path):
    folder = drawing.identities_folder(tmp_path / "data", 12, 4)
    run = recipe(folder, tmp_path / "run")
    train_and_stop(run, after=1)
    (folder / "person_00").rename(folder / "zoe")
    with pytest.raises(ValueError, match="person_00, zoe"):
        train(run, resume=True)
    who = tmp_path / "run" / "identities.json"
    for damage in (lambda: who.write_text("[1"), who.unlink):
        damage()
        with pytest.raises(ValueError, match="identities.json, which says.*--"):
            train(run, resume=True)


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt])
@pytest.mark.parametrize("there_before", [False, True])
def test_a_run_without_a_checkpoint_leaves_nothing(
    folder, tmp_path, error, there_before
):
    if there_before:
        (tmp_path / "run").mkdir()
    train_and_stop(recipe(folder, tmp_path / "run"), after=0, error=error)
    assert list(tmp_path.iterdir()) == [tmp_path / "run"] * there_before
    assert list(tmp_path.rglob("*.json")) == []


def test_nan_in_the_first_epoch_leaves_nothing(folder, tmp_path):
    with pytest.raises(FloatingPointError, match="learning rate"):
        train(recipe(folder, tmp_path / "run", learning_rate=1e30))
    assert not (tmp_path / "run").exists()


def test_a_failure_while_the_first_checkpoint_is_written_leaves_nothing(
    folder, tmp_path, monkeypatch
):
    def interrupted(*args):
        assert (tmp_path / "run" / "best.keras").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(Checkpoints, "_write", interrupted)
    with pytest.raises(KeyboardInterrupt):
        train(recipe(folder, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


def test_a_run_killed_in_its_first_epoch_gives_its_folder_back(
    folder, tmp_path
):
    run = recipe(folder, tmp_path / "run", epochs=1)
    run.to_yaml(tmp_path / "run" / "recipe.yaml")
    with pytest.raises(ValueError, match="other values of head.margin"):
        train(run.with_values({"head.margin": 0.2}), resume=True)
    claim(tmp_path / "run", run, resume=True)
    claim(tmp_path / "run", run.with_values({"head.margin": 0.2}), resume=False)
    (tmp_path / "run" / ".writing-abc").mkdir()
    assert len(train(run).history) == 1
    assert not (tmp_path / "run" / ".writing-abc").exists()


def test_a_finished_run_without_its_checkpoints_keeps_its_best(
    folder, tmp_path
):
    run = recipe(folder, tmp_path / "run", epochs=1)
    train(run)
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    before = (tmp_path / "run" / "best.keras").read_bytes()
    with pytest.raises(FileExistsError, match="another --output"):
        train(run)
    with pytest.raises(FileNotFoundError, match="no checkpoint left"):
        train(run, resume=True)
    assert (tmp_path / "run" / "best.keras").read_bytes() == before


@pytest.mark.parametrize("resume", [False, True])
def test_a_folder_that_is_no_run_is_left_alone(folder, tmp_path, resume):
    preset = tmp_path / "preset"
    save_pretrained(SmallNet(), preset)
    listed = {"only.yaml": "data: 1", "recipe.yaml": "data: 1"}
    for name, text in listed.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / name).write_text(text)
    expected = (FileExistsError, FileNotFoundError, ValueError)
    for output in (preset, *(tmp_path / name for name in listed)):
        before = {p: p.read_bytes() for p in output.iterdir()}
        with pytest.raises(expected, match="output|a section|no run to"):
            train(recipe(folder, output), resume)
        assert {p: p.read_bytes() for p in output.iterdir()} == before
    assert load_pretrained(preset).output_shape == (None, 128)


def test_a_run_is_not_overwritten_nor_resumed_with_other_values(
    folder, tmp_path
):
    train(recipe(folder, tmp_path / "run", epochs=1))
    with pytest.raises(FileExistsError, match="--resume"):
        train(recipe(folder, tmp_path / "run", epochs=1))
    with pytest.raises(ValueError, match="other values of head.margin"):
        train(recipe(folder, tmp_path / "run", epochs=1, margin=0.2), True)
    with pytest.raises(FileNotFoundError, match="no run to resume"):
        train(recipe(folder, tmp_path / "other"), resume=True)


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"batch_size": 1000}, "larger than the"),
        ({"margin": 28.6}, "looks like degrees"),
        ({"scale": "big"}, "scale must be"),
        ({"epochs": 0}, "epochs must be at least 1"),
        ({"batch_size": "a"}, "batch_size must be at least 1, an integer.*'a'"),
        ({"epochs": 2.5}, "epochs must be at least 1, an integer"),
        ({"learning_rate": "a"}, "learning_rate must be positive.*'a'"),
        ({"learning_rate": float("inf")}, "learning_rate must be positive"),
        ({"identities": 9}, "has 12 identities, and data.identities=9"),
        ({"resize": 1}, "resize must be True or False"),
        ({"sample_rate": 0}, r"sample_rate must be in \(0, 1\]"),
        ({"chunk_size": -1}, "chunk_size must be at least 0, an integer"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"seed": 2**32}, r"seed must be at least 0 and below 2\*\*32"),
        ({"holdout": 0.001}, r"0.001 \(fraction, or --holdout\) holds out 0"),
        ({"holdout": 1.0}, r"holdout must be in \[0, 1\)"),
        ({"precision": "float16"}, "precision must be one of float32"),
        ({"backbone": "vgg"}, "backbone.name must be one of iresnet18"),
        ({"min_pictures": 9}, "identities have 9 pictures"),
        ({"optimizer.accumulate": 7}, "more than the 6 batches"),
        ({"image_size": 24}, "resize"),
        ({"evaluation.monitor": "err"}, "monitor must.*one of.* eer"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_work(
    folder, tmp_path, changes, message
):
    with pytest.raises(ValueError, match=message):
        train(recipe(folder, tmp_path / "run", **changes))
    assert not (tmp_path / "run").exists()


def test_a_checkpoint_of_another_backend_says_so(trained, tmp_path):
    saved = resume_point(shutil.copytree(trained, tmp_path / "run"))
    saved.written["variables"]["optimizer"][0]["dtype"] = "float8"
    with pytest.raises(ValueError, match="KERAS_BACKEND.* made with"):
        saved.restore(load_compiled(saved))


def load_compiled(saved):
    model = saved.load_model()
    model.compile("sgd")
    return model


def test_one_identity_alone_is_refused(tmp_path):
    folder = drawing.identities_folder(tmp_path / "data", 1, 4)
    with pytest.raises(ValueError, match="one identity alone"):
        train(recipe(folder, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("resume", [False, True])
def test_two_runs_do_not_write_to_one_folder(folder, tmp_path, resume):
    output = tmp_path / "run"
    if resume:
        recipe(folder, output).to_yaml(output / "recipe.yaml")
    before = list(tmp_path.rglob("*"))
    with sole_writer(output):
        with pytest.raises(FileExistsError, match="Another run is training"):
            train(recipe(folder, output), resume)
        assert output.is_dir()
    assert list(tmp_path.rglob("*")) == before


def test_a_folder_whose_disk_has_no_locks_is_written_to(tmp_path, monkeypatch):
    def refuse(*args):
        raise OSError("Bad file descriptor")

    monkeypatch.setattr("fcntl.flock", refuse)
    with sole_writer(tmp_path / "run"):
        (tmp_path / "run" / "file").touch()
    assert (tmp_path / "run" / "file").exists()


def test_an_identity_without_a_picture_is_named(tmp_path):
    folder = drawing.identities_folder(tmp_path / "data", 3, 2)
    (folder / "nobody").mkdir()
    with pytest.raises(ValueError, match="nobody"):
        train(recipe(folder, tmp_path / "run"))


def test_a_damaged_picture_read_while_training_is_named(tmp_path, monkeypatch):
    from keras_arcface.training import loading

    monkeypatch.setattr(loading, "MEMORY_BYTES", 0)
    folder = drawing.identities_folder(tmp_path / "data", 12, 4)
    for path in folder.rglob("*_0000.png"):
        path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(ValueError, match=r"^[^\n]*_0000.png[^\n]*$"):
        train(recipe(folder, tmp_path / "run"))


def test_a_damaged_checkpoint_is_named_and_the_one_before_taken(
    folder, tmp_path, capsys
):
    whole = train(recipe(folder, tmp_path / "whole", epochs=3))
    run = recipe(folder, tmp_path / "run", epochs=3)
    train_and_stop(run, after=2)
    last = tmp_path / "run" / "checkpoints" / "step-00000006"
    damage(last / "variables.npz")
    resumed = train(run, resume=True)
    said = capsys.readouterr()
    assert "step-00000006" in said.err and "is damaged" in said.err
    assert "kept as damaged-00000006" in said.err
    assert "Resuming after epoch 1 of 3." in said.out
    assert values_of(resumed) == values_of(whole)


@pytest.mark.parametrize(
    "name", ["run.json", "model.json", "variables.npz", "sha256.json"]
)
def test_any_damage_to_a_checkpoint_is_found(trained, tmp_path, name):
    run, copy = tmp_path / "run", tmp_path / "run" / "checkpoints" / "step-1"
    shutil.copytree(sorted((trained / "checkpoints").iterdir())[-1], copy)
    assert resume_point(run).path == copy
    damage(copy / name)
    with pytest.raises(ValueError, match="All checkpoints .* are damaged"):
        resume_point(run)


def damage(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.fixture(scope="module")
def trained(folder, tmp_path_factory):
    run = tmp_path_factory.mktemp("trained") / "run"
    train(recipe(folder, run, epochs=1))
    return run


def values_of(result):
    return [
        {k: v for k, v in row.items() if k != "seconds"}
        for row in result.history
    ]


def test_what_decides_nothing_may_change_on_resume(folder, tmp_path):
    run = recipe(folder, tmp_path / "run", chunk_size=3)
    train_and_stop(run, after=1)
    other = run.with_values(
        {
            "head.chunk_size": 0,
            "checkpoints.every_steps": 1,
            "checkpoints.keep": 5,
            "deterministic": False,
        }
    )
    result = train(other, resume=True)
    assert result.model.head.chunk_size == 0
    whole = train(recipe(folder, tmp_path / "whole"))
    np.testing.assert_allclose(
        result.history[-1]["loss"], whole.history[-1]["loss"], rtol=1e-4
    )
    kept = sorted((tmp_path / "run" / "checkpoints").iterdir())
    assert [int(path.name[5:]) for path in kept] == [3, 4, 5, 6]
    with pytest.raises(ValueError, match="margin_warmup, schedule.epochs"):
        train(
            run.with_values({"head.margin_warmup": 0, "schedule.epochs": 9}),
            resume=True,
        )


def test_a_rate_that_breaks_the_network_is_named(folder, tmp_path):
    run = recipe(folder, tmp_path / "run", epochs=3, learning_rate=1e12)
    with pytest.raises(FloatingPointError, match="learning rate"):
        train(run)


def test_a_killed_run_loses_at_most_one_epoch(folder, tmp_path):
    """SIGKILL while it trains; what is on disk is whole and goes on."""
    output = tmp_path / "run"
    arguments = [
        "train", "--data", folder, "--output", output,
        "--backbone", "smallnet", "--embedding-dim", "16",
        "--image-size", "32", "--epochs", "400", "--batch-size", "8",
        "--holdout", "0.4", "--learning-rate", "0.01",
    ]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "-m", "keras_arcface", *map(str, arguments)],
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = 0
    for line in process.stderr:
        if line.startswith("epoch ") and "loss" in line:
            seen = int(line.split()[1].split("/")[0])
        if seen >= 4:
            break
    time.sleep(0.1)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    saved = resume_point(output)
    done = saved.place.epoch
    assert done >= seen - 1
    assert [row["epoch"] for row in saved.history] == list(range(1, done + 1))
    leftovers = [p for p in output.rglob(".writing-*")]
    assert leftovers == []
    assert keras.saving.load_model(output / "best.keras") is not None


def test_paths_and_numpy_numbers_become_plain_values(folder, tmp_path):
    run = recipe(
        folder,
        tmp_path,
        batch_size=np.int64(8),
        learning_rate=np.float32(0.5),
    )
    assert type(run.data.source) is str
    assert type(run.schedule.batch_size) is int
    run.to_yaml(tmp_path / "recipe.yaml")
    assert Recipe.from_yaml(tmp_path / "recipe.yaml") == run
