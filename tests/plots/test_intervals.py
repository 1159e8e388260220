"""Means with intervals: every method in its row."""

import re

import pytest

from keras_arcface.plots import plot_intervals

PANELS = {
    "separated": {"low": (0.2, (0.1, 0.3)), "high": (0.8, (0.7, 0.9))},
    "concatenated": {"low": (0.9, (0.8, 1.0)), "lone": (0.5, None)},
}


def test_methods_stand_in_the_order_of_the_first_panel(tmp_path):
    plot_intervals(PANELS, tmp_path / "a.svg", xlabel="MAP@R")
    text = (tmp_path / "a.svg").read_text("utf-8")
    names = re.findall(r">(low|high|lone)<", text)
    assert names == ["high", "lone", "low"]
    for word in ("separated", "concatenated", "MAP@R", "20%"):
        assert word in text


def test_baselines_are_grey_and_a_lone_mean_is_open(tmp_path):
    from keras_arcface.plots import style

    plot_intervals(PANELS, tmp_path / "a.svg", xlabel="x", reference=["low"])
    text = (tmp_path / "a.svg").read_text("utf-8").lower()
    assert style.GREY.lower() in text and style.BLUE.lower() in text
    assert "fill: #ffffff; stroke: #0072b2" in text


def test_same_numbers_same_bytes(tmp_path):
    for name in ("a.png", "b.png"):
        plot_intervals(PANELS, tmp_path / name, xlabel="x")
    assert (tmp_path / "a.png").read_bytes() == (
        tmp_path / "b.png"
    ).read_bytes()


def test_nothing_to_draw_is_refused(tmp_path):
    for panels in ({}, {"separated": {}}):
        with pytest.raises(ValueError, match="at least one mean"):
            plot_intervals(panels, tmp_path / "a.png", xlabel="x")
    assert not list(tmp_path.iterdir())
