"""Every snippet of the README runs, and what trains in it learns."""

import re
import shlex
from pathlib import Path

import drawing
import pytest

from keras_arcface.checks import margin_heads
from keras_arcface.cli.main import build_parser
from keras_arcface.training import chance_loss

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_python_snippets_run_and_learn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawing.identities_folder(tmp_path / "faces", 20, 6)
    space, learned = {}, 0
    for block in blocks("python"):
        space.pop("history", None)
        exec(compile(block, "README.md", "exec"), space)
        if "history" in space:
            # The margin grows while it trains, so the first loss is no
            # measure; what features that know nothing would give now is.
            chance = chance_loss(margin_heads(space["model"])[0])
            assert space["history"].history["loss"][-1] < 0.5 * chance, block
            learned += 1
    assert learned == 3
    assert space["result"].history[-1]["angle"] < 60
    assert space["reports"][0].passed
    assert space["embeddings"].shape == (2, 192)


@pytest.mark.parametrize(
    "line",
    [
        line
        for block in blocks("bash")
        for line in block.splitlines()
        if line.startswith("keras-arcface ")
    ],
)
def test_shell_snippets_are_understood(line):
    arguments = build_parser().parse_args(shlex.split(line)[1:])
    assert callable(arguments.run)


def test_the_two_commands_are_one_line_each():
    lines = [block.strip() for block in blocks("bash")]
    marked = [
        line
        for line in lines
        if line.endswith(("# the main job", "# the tests"))
    ]
    assert len(marked) == 2
    assert all("\n" not in line for line in marked)


def test_links_lead_somewhere():
    for target in re.findall(r"\]\(([^)#]+)\)", TEXT):
        if "://" not in target:
            assert (README.parent / target).exists(), target
