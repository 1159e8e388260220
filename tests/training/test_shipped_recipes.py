"""The recipes that come with the package, and their documentation."""

import functools
import math
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_arcface
from keras_arcface import Recipe
from keras_arcface import create_backbone
from keras_arcface import margins
from keras_arcface.presets import list_presets
from keras_arcface.training.distribution.checks import check_devices
from keras_arcface.training.recipe import find_recipe
from keras_arcface.training.recipe import keys_table
from keras_arcface.training.recipe import list_recipes
from keras_arcface.training.recipe import recipe_header
from keras_arcface.training.recipe import recipe_keys
from keras_arcface.training.recipe import shipped

DOCS = Path(keras_arcface.__file__).parents[1] / "docs" / "recipes.md"
NAMES = list_recipes()
# Identities, and the loss before the first step (reference: full margin on
# random features, scale * sin(margin) + ln(C - 1) + scale^2 / (2 d)).
LARGE = {
    "casia_r50": (10572, 43.95),
    "ms1mv3_mbf": (93431, 46.13),
    "ms1mv3_r50": (93431, 46.13),
    "ms1mv3_r100": (93431, 46.13),
    "glint360k_r100_pfc": (360232, 42.39),
}


def test_those_that_were_promised_are_there():
    assert set(NAMES) == {"glyphs", "lfw_finetune", "vgg2_r50", *LARGE}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_opens_with_what_one_must_know(name):
    header = recipe_header(find_recipe(name))
    assert list(header) == ["Title", *shipped.PARTS]
    assert all(len(text) > 15 for text in header.values())
    assert header["Command"].startswith(f"keras-arcface train {name}")
    estimated = "not measured here" in header["Time"]
    assert estimated or "measured" in header["Time"]
    if name in LARGE:
        assert f"{LARGE[name][0]:,} identities" in header["Data"]
        assert "research" in header["Data"]
        assert "%" in header["Expects"]


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_loads_and_says_what_it_decays(name):
    recipe = Recipe.from_yaml(name)
    assert recipe.output == f"runs/{name}"
    assert "coupled" in find_recipe(name).read_text("utf-8")
    again = recipe.resolved().with_values({"data.source": "elsewhere"})
    assert again.data.source == "elsewhere"


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_trains_on_the_devices_that_it_asks_for(name):
    check_devices(Recipe.from_yaml(name).resolved())


@functools.cache
def embeds(name, side, embedding_dim, **options):
    shape = (side, side, 3)
    return create_backbone(
        name, input_shape=shape, embedding_dim=embedding_dim, **options
    ).output_shape


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_names_a_network_that_there_is(name):
    recipe = Recipe.from_yaml(name).resolved()
    backbone, side = recipe.backbone, recipe.data.image_size
    if backbone.weights is not None:
        assert backbone.weights in list_presets()
        return
    options = {"dropout": backbone.dropout} if backbone.dropout else {}
    # IResNet100 is the same code with more blocks, and takes a minute.
    network = backbone.name.replace("iresnet100", "iresnet50")
    shape = embeds(network, side, backbone.embedding_dim, **options)
    assert shape == (None, backbone.embedding_dim)


@pytest.mark.parametrize("name", LARGE)
def test_a_large_recipe_starts_at_the_expected_loss(name):
    recipe = Recipe.from_yaml(name).resolved()
    classes, loss = LARGE[name]
    assert recipe.data.identities == classes
    assert recipe.head.margin_warmup == 0
    # Random features lie at a right angle to every centre.
    scale, margin = recipe.head.scale, margins.get(recipe.head.margin)
    target = float(margin.penalize(np.zeros((), "float32")))
    spread = scale**2 / (2 * recipe.backbone.embedding_dim)
    expected = -scale * target + math.log(classes - 1) + spread
    assert expected == pytest.approx(loss, abs=0.01)


def test_the_papers_values():
    casia = Recipe.from_yaml("casia_r50")
    assert casia.schedule.milestones == (20, 28)
    assert (casia.schedule.epochs, casia.schedule.batch_size) == (32, 512)
    assert casia.optimizer.learning_rate == 0.1
    assert casia.optimizer.weight_decay == 5e-4
    assert casia.backbone.dropout == 0.4
    glint = Recipe.from_yaml("glint360k_r100_pfc")
    assert glint.head.margin == "cosface:0.4"
    assert glint.head.sample_rate == 0.1
    assert glint.optimizer.weight_decay == 1e-4
    for name in ("ms1mv3_mbf", "ms1mv3_r50", "ms1mv3_r100"):
        recipe = Recipe.from_yaml(name)
        assert recipe.schedule.name == "polynomial"
        assert recipe.schedule.power == 1.0
        assert recipe.schedule.batch_size == 128 * recipe.devices == 1024
        assert recipe.optimizer.clip_norm == 5


def test_glyphs_is_what_train_does_by_itself():
    bare = {"data.source": "glyphs", "output": "runs/glyphs"}
    assert Recipe.from_yaml("glyphs") == Recipe.from_values(bare)


def test_a_recipe_is_found_by_name_file_and_run(tmp_path):
    recipe = Recipe.from_yaml("glyphs").with_values({"output": str(tmp_path)})
    recipe.to_yaml(tmp_path / "recipe.yaml")
    assert Recipe.from_yaml(tmp_path) == recipe
    assert Recipe.from_yaml(tmp_path / "recipe.yaml") == recipe
    with pytest.raises(FileNotFoundError, match="no recipe gone:.*casia_r50"):
        Recipe.from_yaml("gone")


def test_the_docs_tell_all_keys_and_recipes():
    text = DOCS.read_text("utf-8")
    assert keys_table() in text, "paste what `keras-arcface recipes keys` says"
    for name in NAMES:
        assert f"| `{name}` |" in text


def test_the_snippet_of_the_docs_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.+?)```", DOCS.read_text("utf-8"), re.S)
    found = {}
    exec(code, found)
    assert Recipe.from_yaml(tmp_path / "mine.yaml") == found["recipe"]


def test_the_header_of_any_file_is_read(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("# Mine.\n#\n# Time: a\n#   day\nseed: 1\n# Data: no\n")
    assert recipe_header(path) == {"Title": "Mine.", "Time": "a day"}
    path.write_text("seed: 1\n")
    assert recipe_header(path) == {}


def test_the_recipes_are_in_the_wheel(tmp_path):
    """By what setup.py tells setuptools; .ci/run builds the wheel."""
    pytest.importorskip("setuptools", reason="setup.py runs on it")
    root = Path(keras_arcface.__file__).parents[1]
    code = (
        "import sys; sys.argv = ['setup.py', '-q', 'build_py', '-d', "
        f"{str(tmp_path)!r}]; exec(open('setup.py').read(), "
        "{'__file__': 'setup.py', '__name__': '__main__'})"
    )
    subprocess.run(
        [sys.executable, "-c", code],
        cwd=root,
        check=True,
        capture_output=True,
        timeout=120,
    )
    built = tmp_path / "keras_arcface" / "recipes"
    assert {path.stem for path in built.iterdir()} == set(NAMES)


def test_every_flag_stands_for_a_key():
    from keras_arcface.cli.train import FLAGS

    assert set(FLAGS.values()) <= set(recipe_keys())
    assert len(set(FLAGS.values())) == len(FLAGS)
