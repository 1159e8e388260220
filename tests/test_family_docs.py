"""docs/family.md names every margin and loss with its true defaults."""

import inspect
import re
from pathlib import Path

import keras
import pytest

import keras_arcface as ka
from keras_arcface import layers
from keras_arcface import losses
from keras_arcface import margins

TEXT = (Path(__file__).parents[1] / "docs" / "family.md").read_text("utf-8")
ROWS = [
    [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
    for line in TEXT.splitlines()
    if line.startswith("| `")
]
NAMED = {row[0].strip("`"): row for row in ROWS}
# Bases, and what stands in the README.
ELSEWHERE = {
    "Margin", "PairLoss", "EmbeddingHead", "CenterTerm", "Miner",
    "MarginSoftmaxLoss", "ArcFaceLoss", "CosFaceLoss", "NormSoftmaxLoss",
    "ArcMarginLayer", "BinaryHead", "GroupedConv2D",
}  # fmt: skip


def public():
    for room in (margins, losses, layers):
        for name, value in vars(room).items():
            if isinstance(value, type) and value.__module__.startswith("keras"):
                kinds = (keras.layers.Layer, keras.losses.Loss)
                if issubclass(value, kinds) and name not in ELSEWHERE:
                    yield name, value


@pytest.mark.parametrize("name, kind", public())
def test_every_margin_and_loss_has_its_row(name, kind):
    assert name in NAMED


@pytest.mark.parametrize("name", NAMED)
def test_defaults_in_the_table_are_those_of_the_code(name):
    kind = getattr(ka, name, None) or getattr(losses, name)
    known = {
        parameter.name: repr(parameter.default)
        for parameter in inspect.signature(kind).parameters.values()
        if parameter.default is not inspect.Parameter.empty
    }
    cell = next((c for c in NAMED[name] if "=" in c and c[0] == "`"), "")
    written = re.findall(r"(\w+)=(\([^)]*\)|[^,`]+)", cell)
    for argument, default in written:
        assert known[argument] == default, argument
    hidden = {"reduction", "name", "dtype", "filter_above"}
    hidden |= {"proxies_initializer"}
    assert set(known) - hidden == {argument for argument, _ in written}


def test_every_miner_is_named():
    miners = [
        name
        for name, value in vars(losses).items()
        if isinstance(value, type) and issubclass(value, losses.Miner)
    ]
    assert len(miners) > 5
    for name in miners:
        assert f"`{name}`" in TEXT or name == "Miner"


def test_snippets_run():
    space = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(block, "family.md", "exec"), space)
    assert isinstance(space["model"], ka.ArcFaceModel)


def test_the_golden_tests_of_the_table_exist():
    tests = Path(__file__).parent / "margins"
    code = "".join(path.read_text("utf-8") for path in tests.glob("*.py"))
    named = set(re.findall(r"`(test_\w+)`", TEXT))
    assert len(named) > 10
    for name in named:
        assert f"def {name}(" in code, name
