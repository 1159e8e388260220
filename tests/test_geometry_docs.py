"""The snippet of docs/geometry.md runs, and its names are ours."""

import dataclasses
import re
from pathlib import Path

from keras_arcface import plots
from keras_arcface.evaluation import GeometryReport

TEXT = (Path(__file__).parents[1] / "docs" / "geometry.md").read_text("utf-8")


def test_the_snippet_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    space = {}
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL):
        exec(compile(block, "geometry.md", "exec"), space)
    assert (tmp_path / "geometry.png").stat().st_size > 1000
    assert "W-Inter" in capsys.readouterr().out
    assert space["report"].classes == 100


def test_every_name_is_one_of_ours():
    known = {field.name for field in dataclasses.fields(GeometryReport)}
    known |= {"intra", "inter", "w_ec", "w_inter"}
    rows = re.findall(r"^\| `(\w+)[`\[]", TEXT, re.MULTILINE)
    assert len(rows) >= 8 and set(rows) <= known
    for name in re.findall(r"`plots\.(\w+)`", TEXT):
        assert callable(getattr(plots, name))
