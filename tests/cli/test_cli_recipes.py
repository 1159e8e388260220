"""Recipes on the command line: by name, by file, with --set, resumed."""

import json

import drawing
import pytest
from calling import call
from calling import error_of

from keras_arcface import Recipe
from keras_arcface.cli import train as train_command
from keras_arcface.training.recipe import list_recipes
from keras_arcface.training.trainer import TrainResult

SMALL = """\
# Small.
data:
  source: {folder}
  image_size: 32
output: {output}
backbone:
  name: smallnet
  embedding_dim: 16
schedule:
  epochs: 1
  batch_size: 8
evaluation:
  holdout: 0.4
"""


@pytest.fixture
def trained(monkeypatch, tmp_path):
    """Collects what would be trained, and trains nothing."""
    asked = []

    def train(recipe, resume=False, cluster=None):
        asked.append((recipe, resume))
        return TrainResult(None, [{"epoch": 1, "loss": 1.0}], tmp_path)

    monkeypatch.setattr(train_command, "train", train)
    monkeypatch.chdir(tmp_path)
    return asked


def test_a_shipped_recipe_trains_by_name(trained):
    call("train", "casia_r50", "--set", "data.source=faces", "--devices", 4)
    assert trained == [
        (
            Recipe.from_yaml("casia_r50").with_values(
                {"data.source": "faces", "devices": 4}
            ),
            False,
        )
    ]


def test_set_flag_and_file_agree_on_who_wins(trained, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL.format(folder="faces", output="runs/a"))
    call(
        "train", path, "--margin", "0.3", "--epochs", 7, "--resize",
        "--set", "head.margin=cosface:0.4",
        "--set", "evaluation.sets=[a.bin, b.csv]",
        "--set", "seed=3",
    )  # fmt: skip
    ((recipe, resume),) = trained
    assert recipe.head.margin == "cosface:0.4"  # --set is last.
    assert recipe.schedule.epochs == 7 and recipe.data.resize is True
    assert recipe.evaluation.sets == ("a.bin", "b.csv")
    assert recipe.seed == 3 and recipe.data.source == "faces" and not resume


def test_flags_alone_make_a_recipe(trained):
    call("train", "--data", "faces", "--output", "runs/a", "--weights", "w")
    assert trained[0][0] == Recipe.from_values(
        {"data.source": "faces", "output": "runs/a", "backbone.weights": "w"}
    )


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--set", "head.margin"], "--set must be KEY=VALUE"),
        (["--set", "head.margn=1"], "head.margn is no key"),
        (["--set", "=1"], "--set must be KEY=VALUE"),
        (["--set", "head.margin=28.6"], "head.margin=28.6. This looks like"),
        (
            ["--epochs", "many"],
            "schedule.epochs must be at least 1, an",
        ),
        (["--data", ""], "data.source must be text, not empty"),
    ],
)
def test_mistakes_name_the_key(trained, capsys, arguments, message):
    code, line = error_of(capsys, "train", "glyphs", *arguments)
    assert code == 2 and message in line and trained == []


def test_a_mistake_in_a_file_names_file_and_line(trained, capsys, tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(SMALL.format(folder="faces", output="a") + "  pairs: 1\n")
    code, line = error_of(capsys, "train", path)
    assert code == 2 and f"{path}, line 14: evaluation.pairs must be" in line


def test_what_is_missing_is_named(trained, capsys):
    code, line = error_of(capsys, "train", "--output", "runs/a")
    assert code == 2 and "data.source is missing" in line
    code, line = error_of(capsys, "train", "casia")
    assert code == 2 and "no recipe casia:" in line and "casia_r50" in line


def test_a_run_goes_on_with_its_own_recipe(trained, capsys, tmp_path):
    recipe = Recipe.from_values(
        {"data.source": "faces", "output": "runs/old", "head.margin": 0.3}
    )
    folder = tmp_path / "runs" / "moved"
    recipe.to_yaml(folder / "recipe.yaml")
    here = recipe.with_values({"output": str(folder)})
    call("train", "--resume", "--output", folder)
    call("train", folder, "--resume")
    call("train", folder / "recipe.yaml", "--resume", "--output", folder)
    assert trained == [(here, True)] * 3
    call("train", folder, "--output", "runs/new", "--set", "seed=1")
    anew = {"output": "runs/new", "seed": 1}
    assert trained[3:] == [(recipe.with_values(anew), False)]
    code, line = error_of(capsys, "train", "--resume")
    assert code == 2 and "give its folder as --output" in line
    code, line = error_of(capsys, "train", "--resume", "--output", "runs/x")
    assert code == 2 and "no run to resume in runs/x: recipe.yaml" in line


def test_a_run_that_is_called_as_a_recipe_goes_on_with_its_own(
    trained, tmp_path
):
    recipe = Recipe.from_values(
        {"data.source": "faces", "output": "glyphs", "head.margin": 0.3}
    )
    recipe.to_yaml(tmp_path / "glyphs" / "recipe.yaml")
    call("train", "--resume", "--output", "glyphs")
    assert trained == [(recipe, True)]
    call("train", "glyphs", "--resume")  # A name is first that of a recipe.
    assert trained[1:] == [(Recipe.from_yaml("glyphs"), True)]


def test_a_file_trains_and_its_run_resumes(tmp_path, capsys):
    """Once in earnest: file, --set, recipe.yaml, --resume by the folder."""
    folder = drawing.identities_folder(tmp_path / "data", 12, 4)
    path, run = tmp_path / "mine.yaml", tmp_path / "run"
    path.write_text(SMALL.format(folder=folder, output=run))
    assert call("train", path, "--set", "head.margin=0.3") == 0
    assert "recipe.yaml" in capsys.readouterr().out
    kept = Recipe.from_yaml(run)
    assert kept.head.margin == 0.3 and kept.data.augment == "flip"
    assert call("train", run, "--resume") == 0
    history = json.loads((run / "history.json").read_text())
    assert [row["epoch"] for row in history] == [1]
    code, line = error_of(
        capsys, "train", "--resume", "--output", run, "--margin", "0.5"
    )
    assert code == 2 and "other values of head.margin" in line


def test_recipes_are_listed_shown_and_copied(tmp_path, capsys):
    assert call("recipes") == 0
    text = capsys.readouterr().out
    for name in list_recipes():
        assert f"{name}: " in text and f"keras-arcface train {name}" in text
    assert text.count("Hardware:") == text.count("Expects:") == 8
    assert call("recipes", "show", "casia_r50") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("# ArcFace") and "milestones: [20, 28]" in shown
    copy = tmp_path / "mine.yaml"
    assert call("recipes", "show", "casia_r50", "--copy", copy) == 0
    assert copy.read_text() == shown
    assert f"train {copy}" in capsys.readouterr().out
    code, line = error_of(capsys, "recipes", "show", "glyphs", "--copy", copy)
    assert code == 2 and "is there already" in line
    assert copy.read_text() == shown
    assert call("recipes", "keys") == 0
    assert "| `head.margin` |" in capsys.readouterr().out


def test_help_says_which_key_a_flag_stands_for(capsys):
    with pytest.raises(SystemExit):
        call("train", "--help")
    text = " ".join(capsys.readouterr().out.split())
    assert (
        "--batch-size BATCH_SIZE schedule.batch_size: Pictures a step" in text
    )
    assert "--set KEY=VALUE" in text
