"""Every snippet of docs/gallery.md runs."""

import re
import shlex
import shutil
from pathlib import Path

import drawing
import pytest

from keras_arcface.cli.main import main

PAGE = Path(__file__).parents[2] / "docs" / "gallery.md"
TEXT = PAGE.read_text("utf-8")


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("docs")
    drawing.identities_folder(folder / "people", 3, 2, side=112)
    drawing.identities_folder(folder / "strangers", 16, 1, side=112)
    for identity in range(3):  # They are drawn as those of `people`.
        shutil.rmtree(folder / "strangers" / f"person_{identity:02d}")
    drawing.identities_folder(folder / "probes", 1, 2, side=112)
    return folder


def test_python_snippets_run(folder, monkeypatch):
    monkeypatch.chdir(folder)
    space = {}
    for block in blocks("python"):
        exec(compile(block, PAGE.name, "exec"), space)
    assert len(space["mine"]) == 2 and len(space["small"]) == 1
    assert "Ada" in space["small"]


def test_shell_snippets_run(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    lines = [line for block in blocks("bash") for line in block.splitlines()]
    assert len(lines) > 5
    for line in lines:
        assert main(shlex.split(line)[1:]) == 0, line
    assert "people.gallery has 2 people" in capsys.readouterr().out
