import csv
import re
import shutil

import drawing
import numpy as np
import pytest
from PIL import Image

from keras_arcface.cli.main import main
from keras_arcface.training import cleaning
from keras_arcface.training import loading

IDENTITIES, PICTURES = 16, 8
TRAIN = (
    "--backbone smallnet --embedding-dim 32 --image-size 32 --epochs 12 "
    "--batch-size 16 --holdout 0.3 --margin 0.3"
).split()


def call(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A folder in which the first picture of each identity is a stranger."""
    folder = tmp_path_factory.mktemp("noisy")
    drawing.identities_folder(folder, IDENTITIES, PICTURES)
    for identity in range(IDENTITIES):
        stranger = drawing.picture(1000 + identity, 0)
        name = f"person_{identity:02d}"
        Image.fromarray(stranger).save(folder / name / f"{name}_0000.png")
    return folder


@pytest.fixture(scope="module")
def run(noisy, tmp_path_factory):
    output = tmp_path_factory.mktemp("runs") / "k3"
    train = ["train", "--data", noisy, "--output", output, *TRAIN]
    assert call(*train, "--sub-centers", 3) == 0
    return output


def rows_of(path):
    with open(path, encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_strangers_are_found_and_the_rest_is_kept(run, noisy, tmp_path, capsys):
    listed = tmp_path / "kept.csv"
    assert call("clean", run, noisy, "--output", listed, "--angle", 60) == 0
    assert "more than 60 degrees" in capsys.readouterr().out
    rows = rows_of(listed)
    assert len(rows) == len({row["identity"] for row in rows}) * PICTURES
    stranger = np.array([row["path"].endswith("_0000.png") for row in rows])
    degrees = np.array([float(row["degrees"]) for row in rows])
    kept = np.array([row["keep"] == "1" for row in rows])
    np.testing.assert_array_equal(kept, degrees <= 60)
    assert np.median(degrees[stranger]) > np.median(degrees[~stranger]) + 20
    assert kept[~stranger].mean() > 0.9
    clean = ["train", "--data", noisy, "--output", tmp_path / "k1", *TRAIN[:-2]]
    assert call(*clean, "--keep", listed, "--epochs", 1) == 0
    said = capsys.readouterr().out
    trained = re.search(r"Training on (\d+) pictures", said).group(1)
    judged = re.search(r"Judging on (\d+) pictures", said).group(1)
    total = IDENTITIES * PICTURES - int((~kept).sum())
    assert int(trained) + int(judged) == total


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--output", "kept.txt"], "must end in .csv"),
        (["--output", "kept.csv", "--angle", "0"], r"\(0, 180\]"),
    ],
)
def test_wrong_arguments(
    run, noisy, tmp_path, monkeypatch, capsys, arguments, message
):
    monkeypatch.chdir(tmp_path)
    assert call("clean", run, noisy, *arguments) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not list(tmp_path.iterdir())


def test_a_run_with_one_center_has_no_noise_to_show(noisy, tmp_path, capsys):
    output = tmp_path / "k1"
    train = ["train", "--data", noisy, "--output", output, *TRAIN]
    assert call(*train, "--epochs", 1) == 0
    assert call("clean", output, noisy, "--output", tmp_path / "k.csv") == 2
    assert "--sub-centers 3" in capsys.readouterr().err


def test_other_data_is_refused(run, tmp_path, capsys):
    other = drawing.identities_folder(tmp_path / "other", 3, 3)
    assert call("clean", run, other, "--output", tmp_path / "k.csv") == 2
    assert "are not in the data" in capsys.readouterr().err


@pytest.fixture
def damaged(run, tmp_path):
    """A copy of the run to spoil."""
    return shutil.copytree(run, tmp_path / "copy")


@pytest.mark.parametrize(
    "name, text, message",
    [
        ("classes.json", None, "classes.json is missing"),
        ("classes.json", "[1", "classes.json is damaged"),
        ("classes.json", '{"a": 1}', "it is no list of names"),
        ("best.keras", None, "is no folder of keras-arcface train"),
        ("best.keras", "junk", "best.keras is no readable Keras model"),
    ],
)
def test_a_damaged_run_is_named(
    damaged, noisy, tmp_path, capsys, name, text, message
):
    (damaged / name).unlink()
    if text is not None:
        (damaged / name).write_text(text)
    assert call("clean", damaged, noisy, "--output", tmp_path / "k.csv") == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "k.csv").exists()


def test_a_head_that_knows_no_sub_centers_is_refused(noisy, tmp_path, capsys):
    from keras_arcface import ArcFaceModel
    from keras_arcface import SmallNet
    from keras_arcface.losses import CrossBatchMemory
    from keras_arcface.losses import TripletLoss

    memory = CrossBatchMemory(TripletLoss(), 64)
    (tmp_path / "odd").mkdir()
    ArcFaceModel(SmallNet(), memory).save(tmp_path / "odd" / "best.keras")
    arguments = ["clean", tmp_path / "odd", noisy]
    assert call(*arguments, "--output", tmp_path / "k.csv") == 2
    assert "--sub-centers 3" in capsys.readouterr().err


def test_ctrl_c_leaves_the_old_list(run, noisy, tmp_path, monkeypatch, capsys):
    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    (tmp_path / "k.csv").write_text("old")
    monkeypatch.setattr(cleaning, "embed_data", interrupted)
    output = ["--output", tmp_path / "k.csv"]
    assert call("clean", run, noisy, *output) == 130
    assert capsys.readouterr().err.strip().endswith("Interrupted.")
    assert call("clean", run, noisy, *output, "--angle", "nan") == 2
    assert (tmp_path / "k.csv").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["k.csv"]


def test_a_wrong_list_stops_training_before_pictures_are_opened(
    noisy, tmp_path, monkeypatch, capsys
):
    monkeypatch.setattr(loading, "open_data", None)
    train = ["train", "--data", noisy, "--output", tmp_path / "run", *TRAIN]
    assert call(*train, "--keep", tmp_path / "gone.csv") == 2
    assert "no CSV file" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
