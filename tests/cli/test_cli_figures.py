"""keras-arcface figures: what it draws of what it is given."""

import importlib.util
import json
import re
from pathlib import Path

import drawing
import numpy as np
import pytest
from calling import call
from calling import error_of

from keras_arcface import SmallNet
from keras_arcface.studies.figures import FIGURES
from keras_arcface.studies.figures import MODEL
from keras_arcface.studies.figures import NAMES
from keras_arcface.studies.figures import PICTURES


@pytest.fixture(scope="module")
def people(tmp_path_factory):
    return drawing.identities_folder(tmp_path_factory.mktemp("people"), 8, 4)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "small.keras"
    SmallNet((8, 16), embedding_dim=8).save(path)
    return path


@pytest.fixture
def run_folder(tmp_path):
    folder = tmp_path / "run"
    folder.mkdir()
    counts = np.bincount([80, 85, 90], minlength=180).tolist()
    rows = [{"epoch": 1, "target_angle_counts": counts}]
    (folder / "angles.json").write_text(json.dumps({"epochs": rows}))
    (folder / "history.json").write_text('[{"epoch": 1, "loss": 2.0}]')
    return folder


def test_nothing_is_needed_for_the_figures_of_margins(tmp_path, capsys):
    out = tmp_path / "out"
    only = ["--only", "logits", "boundaries"]
    assert call("figures", *only, "--output", out, "--format", "svg") == 0
    names = {path.name for path in out.iterdir()}
    assert names == {"target_logits.svg", "decision_boundaries.svg"}
    assert "CM2" in (out / "target_logits.svg").read_text("utf-8")
    printed = capsys.readouterr().out
    assert f"Wrote {out / 'target_logits.svg'}" in printed
    assert "Left out" not in printed


def test_the_figures_of_a_run(run_folder, tmp_path):
    arguments = ["--only", "angles", "training", "--run", run_folder]
    assert call("figures", *arguments, "--output", tmp_path / "out") == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"target_angles.png", "training.png"}


def test_a_run_that_watched_no_angles_is_left_out(run_folder, tmp_path, capsys):
    (run_folder / "angles.json").unlink()
    arguments = ["--only", "angles", "--run", run_folder]
    assert call("figures", *arguments, "--output", tmp_path / "out") == 0
    assert "Left out angles: " in capsys.readouterr().out
    (run_folder / "angles.json").write_text("{")
    code, line = error_of(capsys, "figures", *arguments, "--output", tmp_path)
    assert code == 2 and "angles.json is damaged" in line


def test_the_figures_of_a_model(model, people, tmp_path, capsys):
    named = [n for n, f in FIGURES.items() if f.needs in (MODEL, PICTURES)]
    given = ["--model", model, "--data", people]
    arguments = ["--only", *named, *given, "--output", tmp_path / "out"]
    assert call("figures", *arguments) == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    drawn = {f"{FIGURES[n].stem}.png" for n in named if n != "projector"}
    assert names == drawn | {"projector"}
    assert (tmp_path / "out" / "projector" / "sprite.png").exists()
    # What shows no person, of the same model.
    arguments = ["--only", "projector", *given, "--no-pictures"]
    assert call("figures", *arguments, "--output", tmp_path / "other") == 0
    assert not list((tmp_path / "other").rglob("*.png"))


def test_what_is_missing_is_named_before_any_work(model, tmp_path, capsys):
    out = tmp_path / "out"
    for arguments, message in (
        (["--only", "logits", "det"], "'det' needs a model and data"),
        (["--only", "angles"], "'angles' needs a run folder (--run)"),
        (["--model", model], "--model needs --data"),
        (["--data", "glyphs"], "--data needs --model"),
        (["--only", "toy", "--seeds", "0"], "seeds must be at least 1"),
    ):
        code, line = error_of(capsys, "figures", *arguments, "--output", out)
        assert code == 2 and message in line
    assert not out.exists()


def test_pictures_may_be_kept_out(model, people, tmp_path, capsys):
    given = ["--model", model, "--data", people, "--no-pictures"]
    arguments = ["--only", "mistakes", *given, "--output", tmp_path / "out"]
    code, line = error_of(capsys, "figures", *arguments)
    assert code == 2 and "whose pictures may be shown" in line


def test_without_scikit_learn_the_toy_is_left_out(
    tmp_path, capsys, monkeypatch
):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name, *more: None if name == "sklearn" else find(name, *more),
    )
    assert call("figures", "--output", tmp_path / "out") == 0
    assert "pip install" in capsys.readouterr().out
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"target_logits.png", "decision_boundaries.png"}
    code, line = error_of(capsys, "figures", "--only", "toy")
    assert code == 2 and 'pip install "keras-arcface[figures]"' in line


def test_the_page_of_figures_shows_what_there_is():
    docs = Path(__file__).parents[2] / "docs"
    text = (docs / "figures.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    named = {
        n for row in rows for n in re.findall("`(.+?)`", row.split("|")[1])
    }
    assert named == set(NAMES)
    shown = re.findall(r"!\[.+?\]\((.+?)\)", text)
    assert shown and all((docs / path).is_file() for path in shown)
