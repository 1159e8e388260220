"""Recipes in Python: values, defaults, and what is refused."""

import dataclasses
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_arcface import Recipe
from keras_arcface.training.recipe import RecipeError
from keras_arcface.training.recipe import help_texts
from keras_arcface.training.recipe import recipe_keys
from keras_arcface.training.recipe import set_paths
from keras_arcface.training.recipe import shipped

NEEDED = {"data.source": "faces", "output": "runs/a"}


def recipe(**changes):
    """Returns a recipe; `head__margin` stands for `head.margin`."""
    changes = {k.replace("__", "."): v for k, v in changes.items()}
    return Recipe.from_values({**NEEDED, **changes})


def test_values_come_back_by_their_keys():
    values = recipe(head__margin=0.4, schedule__epochs=3).values()
    assert list(values) == list(recipe_keys())
    assert values["head.margin"] == 0.4 and values["schedule.epochs"] == 3
    assert Recipe.from_values(values) == recipe(
        head__margin=0.4, schedule__epochs=3
    )


def test_with_values_changes_what_it_names_alone():
    changed = recipe(seed=3).with_values({"head.margin": 0.4})
    assert changed == recipe(seed=3, head__margin=0.4)


@pytest.mark.parametrize(
    "key, text, value",
    [
        ("head.margin", "0.4", 0.4),
        ("head.margin", "cosface:0.35", "cosface:0.35"),
        ("head.margin", "none", "none"),
        ("head.scale", "auto", "auto"),
        ("head.scale", "64", 64.0),
        ("optimizer.weight_decay", "1e-4", 1e-4),
        ("schedule.epochs", " 7 ", 7),
        ("schedule.milestones", "[6, 9]", (6, 9)),
        ("schedule.milestones", "6,9", (6, 9)),
        ("evaluation.sets", "", ()),
        ("evaluation.sets", "a.bin", ("a.bin",)),
        ("data.resize", "true", True),
        ("data.augment", "none", "none"),
        ("data.augment", "null", None),
        ("data.source", "123", "123"),
        ("jit", "false", False),
        ("jit", "auto", "auto"),
        ("optimizer.ema", "0.999", 0.999),
        ("head.chunk_size", "null", None),
    ],
)
def test_text_becomes_what_its_key_takes(key, text, value):
    found = recipe().with_values({key: text}).values()[key]
    assert found == value and type(found) is type(value)


def test_paths_and_numpy_numbers_become_plain_values():
    found = recipe(
        output=Path("runs") / "b",
        schedule__batch_size=np.int64(8),
        optimizer__learning_rate=np.float32(0.5),
        schedule__milestones=[np.int32(3)],
    )
    assert found.output == "runs/b" and found.schedule.milestones == (3,)
    assert type(found.schedule.batch_size) is int
    assert type(found.optimizer.learning_rate) is float
    assert type(found.schedule.milestones[0]) is int


def test_defaults_depend_on_the_data():
    faces = recipe().resolved()
    assert (faces.backbone.name, faces.backbone.embedding_dim) == (
        "mobilefacenet",
        512,
    )
    assert (faces.data.image_size, faces.data.augment) == (112, "flip")
    glyphs = recipe(data__source="glyphs", data__augment="none").resolved()
    assert (glyphs.backbone.name, glyphs.backbone.embedding_dim) == (
        "smallnet",
        128,
    )
    assert (glyphs.data.image_size, glyphs.data.augment) == (32, "none")
    assert glyphs.resolved() is glyphs
    # What is not given stays open until then: other data, other defaults.
    moved = recipe(data__source="glyphs").with_values(NEEDED)
    assert moved.resolved() == faces


def test_weights_bring_their_network():
    found = recipe(backbone__weights="mobilefacenet_ms1m_192").resolved()
    assert found.backbone.name is None
    assert found.backbone.embedding_dim is None


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"head.margn": 1}, "head.margn is no key .* mean head.margin"),
        ({"margin": 0.4}, "margin is no key .* mean head.margin"),
        ({"head": 3}, "head is a section, .* such as head.margin"),
        ({"optimiser.name": "sgd"}, "optimiser.name.* mean optimizer.name"),
        ({"head.margin": 28.6}, r"^head.margin must .*head.margin=28.6.*degr"),
        ({"head.margin": "foo"}, "^head.margin must be a number.*cosface"),
        ({"head.margin": "adacos:1"}, "^head.margin.*takes no value"),
        ({"head.scale": -1}, "head.scale must be a positive .*head.scale=-1"),
        ({"head.sample_rate": 1.5}, r"head.sample_rate must be in \(0, 1\]"),
        ({"head.centers_rate": 0}, "head.centers_rate must be positive"),
        ({"head.centers": "means"}, "head.centers=means asks trained weights"),
        ({"head.dense_update": 1}, "head.dense_update must be True or False"),
        ({"schedule.epochs": 2.5}, "schedule.epochs must .*an integer.*2.5"),
        ({"schedule.epochs": True}, "schedule.epochs must .*an integer"),
        ({"schedule.epochs": None}, "schedule.epochs must be at least 1"),
        ({"schedule.name": "poly"}, "schedule.name must be one of cosine"),
        ({"schedule.milestones": (3, 3)}, "schedule.milestones must.*later"),
        ({"schedule.milestones": 3}, "schedule.milestones must be a list"),
        ({"schedule.name": "step"}, "schedule.milestones must be epochs bef"),
        (
            {"schedule.name": "step", "schedule.milestones": [20]},
            "before schedule.epochs=20",
        ),
        ({"schedule.warmup": 1.0}, r"schedule.warmup must be in \[0, 1\)"),
        ({"optimizer.momentum": 1.0}, r"optimizer.momentum must be in \[0, 1"),
        ({"optimizer.ema": 1.0}, r"optimizer.ema must be in \(0, 1\), or nu"),
        ({"optimizer.clip_norm": 0}, "optimizer.clip_norm must be positive"),
        ({"optimizer.learning_rate": "nan"}, "learning_rate must be positive"),
        ({"optimizer.name": "lion"}, "optimizer.name must be one of sgd"),
        ({"backbone.batch_norm": "x"}, "backbone.batch_norm must be one of"),
        ({"backbone.dropout": 1.0}, r"backbone.dropout must be in \[0, 1\)"),
        ({"backbone.frozen_epochs": 21}, "frozen_epochs must be at most sch"),
        ({"seed": "9" * 400}, "seed must be at least 0 and below"),
        ({"schedule.epochs": "9" * 400}, "schedule.epochs must be at least 1"),
        ({"output": "null"}, "output must be text, not empty.*output=None"),
        ({"evaluation.monitor": "~"}, "evaluation.monitor must be text"),
        ({"evaluation.sets": "null"}, "evaluation.sets must be a list"),
        ({"head.centers": "means"}, "and backbone.weights is null"),
        (
            {"backbone.weights": "a", "backbone.name": "smallnet"},
            "backbone.name is decided by backbone.weights",
        ),
        ({"devices": 3}, "schedule.batch_size must be divisible by devices=3"),
        (
            {"devices": 2, "optimizer.accumulate": 2},
            "optimizer.accumulate does not work on several devices",
        ),
        (
            {"head.sample_rate": 0.1, "optimizer.ema": 0.99},
            "optimizer.ema averages every class centre",
        ),
        (
            {"head.sample_rate": 0.1, "optimizer.accumulate": 2},
            "optimizer.accumulate sums gradients",
        ),
        ({"evaluation.holdout": 0}, "evaluation.sets is empty"),
        ({"evaluation.sets": ("a", " ")}, "evaluation.sets must be a list"),
        (
            {"data.source": "glyphs", "data.keep": "a.csv"},
            "data.keep lists pictures of a folder",
        ),
        ({"data.source": " "}, "data.source must be text, not empty"),
        ({"data.augment": "blur"}, "data.augment must be one of"),
        ({"export.formats": ["core_ml"]}, "export.formats must be a list of"),
        ({"precision": "float16"}, "precision must be one of float32"),
        ({"jit": "sometimes"}, "jit must be auto, True or False"),
        ({"jit": 1}, "jit must be auto, True or False"),
        ({"seed": 2**32}, r"seed must be at least 0 and below 2\*\*32"),
    ],
)
def test_what_cannot_be_is_refused_by_its_key(changes, message):
    with pytest.raises(RecipeError, match=message) as raised:
        Recipe.from_values({**NEEDED, **changes})
    assert raised.value.key in changes or raised.value.key in recipe_keys()


def test_the_constructor_checks_too():
    right = recipe()
    with pytest.raises(ValueError, match="schedule.epochs must be at least 1"):
        dataclasses.replace(
            right, schedule=dataclasses.replace(right.schedule, epochs=0)
        )


@pytest.mark.parametrize("name", list(NEEDED))
def test_what_has_no_default_must_be_given(name):
    values = {k: v for k, v in NEEDED.items() if k != name}
    with pytest.raises(ValueError, match=f"{name} is missing.*--set {name}"):
        Recipe.from_values(values)


def test_what_dense_updates_allow():
    values = {"head.sample_rate": 0.1, "optimizer.ema": 0.99}
    assert recipe().with_values({**values, "head.dense_update": True})


@pytest.mark.skipif(keras.backend.backend() == "jax", reason="JAX has it")
def test_sharded_centres_are_for_jax():
    with pytest.raises(ValueError, match="KERAS_BACKEND=jax"):
        recipe(head__sharded=True)


def test_every_key_has_a_meaning_and_a_word_for_what_it_takes():
    assert list(help_texts()) == list(recipe_keys())
    assert all(len(text) > 5 for text in help_texts().values())
    assert help_texts()["data.keep"].startswith("CSV file of `keras-arcface")
    for name, key in recipe_keys().items():
        assert set(key.kinds) <= {bool, int, float, str}, name


def test_sets_lie_beside_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "faces").mkdir()
    (tmp_path / "faces" / "lfw.bin").touch()
    (tmp_path / "mine.csv").touch()
    found = recipe(evaluation__sets=["lfw.bin", "mine.csv"])
    assert set_paths(found) == [Path("faces/lfw.bin"), Path("mine.csv")]
    by_file = found.with_values({"data.source": "faces/train.rec"})
    assert set_paths(by_file) == set_paths(found)
    with pytest.raises(FileNotFoundError, match="gone.bin or faces/gone.bin"):
        set_paths(recipe(evaluation__sets="gone.bin"))


def test_the_file_of_a_run_is_what_is_looked_for():
    from keras_arcface.training import run_folder

    assert run_folder.RECIPE == shipped.IN_RUN
