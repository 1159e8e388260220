"""Every example runs as it is, on little data."""

import re
import runpy
import sys
import types
from pathlib import Path

import drawing
import numpy as np
import pytest
from PIL import Image

import keras_arcface as ka

EXAMPLES = Path(__file__).parents[1] / "examples"
WITH_COMMAND = [
    path
    for folder in ("examples", "benchmarks")
    for path in sorted((EXAMPLES.parent / folder).glob("*.py"))
    if "__main__" in path.read_text("utf-8")
]


@pytest.fixture
def run(monkeypatch, capfd, tmp_path):
    """Runs an example in this process, where a shell would; what it printed."""

    def run(name, *arguments):
        path = EXAMPLES / f"{name}.py"
        monkeypatch.setattr(sys, "argv", [str(path), *map(str, arguments)])
        monkeypatch.chdir(tmp_path)
        capfd.readouterr()
        runpy.run_path(str(path), run_name="__main__")
        return capfd.readouterr().out

    return run


def percent(text, printed):
    return float(re.search(rf"{text}: ([0-9.]+)%", printed)[1])


def test_cosface_on_glyphs(run):
    printed = run("cosface_on_glyphs", "--identities", 60, "--epochs", 3)
    assert percent("EER on held-out characters", printed) < 47


def test_custom_margin(run):
    printed = run("custom_margin", "--identities", 30, "--epochs", 1)
    assert re.search("HardMargin.*EER on held-out characters [0-9.]+%", printed)
    assert re.search("no margin: EER on held-out characters [0-9.]", printed)


def test_custom_margin_checks_its_golden_values():
    example = runpy.run_path(str(EXAMPLES / "custom_margin.py"))
    with pytest.raises(AssertionError, match="Mismatched elements"):
        example["check"](example["HardMargin"](0.3))


def test_find_a_face(run, tmp_path):
    for identity in range(3):
        picture = drawing.picture(identity, 0, 112)
        Image.fromarray(picture).save(tmp_path / f"{identity}.png")
    printed = run("find_a_face", tmp_path / "1.png", tmp_path)
    similarity, path = printed.splitlines()[0].split()
    assert (similarity, Path(path).name) == ("1.000", "1.png")


def test_recognise_products(run):
    options = ("--products", 40, "--epochs", 1, "--side", 24)
    printed = run("recognise_products", *options)
    values = dict(re.findall("([a-z, ]+): ([0-9.]+)", printed))
    assert values["products in the shop"] == "8"
    # Two of four products at random, one of four for a network of no use.
    assert 0.25 < float(values["nearest is right"]) <= 1


def test_recognise_products_takes_pictures_in_any_order():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(6), 5))
    images = np.tile(labels[:, None, None, None], (1, 2, 2, 3)).astype("uint8")
    data = ka.data.ImageData(images, labels, list("abcdef"))
    shop = types.SimpleNamespace(embed=lambda x: np.eye(6)[x[:, 0, 0, 0]])
    example = runpy.run_path(str(EXAMPLES / "recognise_products.py"))
    similarity, known, right = example["search"](shop, data)
    # Three products are sold and leave two queries each; strangers all five.
    np.testing.assert_array_equal(known, [1, 1, 0, 0] * 3)
    np.testing.assert_array_equal(similarity, known)
    np.testing.assert_array_equal(right, known)


def test_train_on_a_folder(run, tmp_path):
    printed = run("train_on_a_folder", "--epochs", 1, "--identities", 20)
    assert percent("EER on held-out identities", printed) < 60
    assert (tmp_path / "runs" / "folder" / "best.keras").is_file()


@pytest.mark.slow
def test_fine_tune_on_your_people(run, tmp_path):
    options = ("--people", 20, "--pictures", 4, "--epochs", 2)
    printed = run("fine_tune_on_your_people", *options)
    for when in ("before", "after"):
        assert percent(f"EER on 5 people held out, {when}", printed) < 60
    assert (tmp_path / "runs" / "people" / "best.keras").is_file()


@pytest.mark.slow
def test_distil_to_a_small_model(run, tmp_path):
    options = ("--characters", 10, "--pictures", 4, "--epochs", 1)
    printed = run("distil_to_a_small_model", *options)
    before, after = re.findall(r"(-?[0-9.]+) (?:before|after)", printed)
    assert float(before) != float(after)
    network = ka.load_pretrained(tmp_path / "runs" / "small")
    assert f"{network.count_params():,} parameters" in printed


@pytest.mark.slow
def test_train_on_two_machines(run, tmp_path):
    people = drawing.identities_folder(tmp_path / "people", 12, 4)
    recipe = ka.Recipe.from_values(
        {
            "data.source": people,
            "data.image_size": 32,
            "output": "unused",
            "backbone.name": "smallnet",
            "backbone.embedding_dim": 16,
            "schedule.batch_size": 8,
            "evaluation.holdout": 0.4,
        }
    )
    recipe.to_yaml(tmp_path / "small.yaml")
    options = ("--recipe", tmp_path / "small.yaml", "--epochs", 1)
    printed = run("train_on_two_machines", *options)
    assert "on 2 machines, 2 replicas" in printed
    assert (tmp_path / "runs" / "machines" / "best.keras").is_file()


@pytest.mark.parametrize("path", WITH_COMMAND, ids=lambda path: path.stem)
def test_every_program_says_what_to_expect(path):
    text = path.read_text("utf-8")
    for word in ("Command:", "Data:", "Hardware:", "Time:"):
        assert word in text, word


def test_the_index_has_every_example():
    index = (EXAMPLES / "README.md").read_text("utf-8")
    listed = set(re.findall(r"\(([a-z_]+)\.py\)", index))
    assert listed == {path.stem for path in EXAMPLES.glob("*.py")}
