"""Figures: the right words in them, the right files on disk."""

import matplotlib
import numpy as np
import pytest

from keras_arcface.evaluation import check_threshold
from keras_arcface.evaluation import equal_error_rate
from keras_arcface.plots import plot_det
from keras_arcface.plots import plot_scores
from keras_arcface.plots import plot_training
from keras_arcface.plots.style import percent

IS_SAME = np.arange(400) % 2 == 0
SCORES = np.random.default_rng(0).normal(2.0 * IS_SAME)
HISTORY = {
    "loss": [9.0, 5.0, 3.0],
    "val_loss": [9.0, 6.0, 5.0],
    "target_angle": [88.0, 70.0, 60.0],
    "margin_strength": [0.0, 0.5, 1.0],
    "verification_accuracy": [None, 0.8, float("nan")],
    "learning_rate": [0.1, 0.1, 0.1],
}


def draw_scores(path):
    plot_scores(SCORES, IS_SAME, path, threshold=1.0, title="Title")


def draw_det(path):
    useless, perfect = np.zeros(400), IS_SAME * 1.0
    systems = {"ArcFace": SCORES, "useless": useless, "perfect": perfect}
    plot_det({name: (s, IS_SAME) for name, s in systems.items()}, path)


def draw_training(path):
    plot_training(HISTORY, path)


FIGURES = [draw_scores, draw_det, draw_training]


@pytest.mark.parametrize(
    "draw, suffix, start",
    [
        (draw_scores, ".png", b"\x89PNG"),
        (draw_det, ".PNG", b"\x89PNG"),
        (draw_training, ".png", b"\x89PNG"),
        (draw_scores, ".svg", b"<?xml"),
        (draw_scores, ".pdf", b"%PDF"),
    ],
)
def test_suffix_chooses_the_format(draw, suffix, start, tmp_path):
    path = tmp_path / "made" / f"figure{suffix}"
    draw(path)
    assert path.read_bytes().startswith(start)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("suffix", ["png", "svg", "pdf"])
def test_same_arrays_same_bytes_and_no_global_state(suffix, tmp_path):
    before = dict(matplotlib.rcParams)
    paths = [tmp_path / f"{name}.{suffix}" for name in ("one", "two")]
    for path in paths:
        draw_scores(path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert dict(matplotlib.rcParams) == before


@pytest.mark.parametrize("draw", FIGURES)
def test_unknown_suffix_leaves_nothing_behind(draw, tmp_path):
    with pytest.raises(ValueError, match=r"\.png, \.svg, \.pdf.*figure\.gif"):
        draw(tmp_path / "figure.gif")
    assert not list(tmp_path.iterdir())


def test_scores_show_counts_and_what_the_threshold_does(tmp_path):
    draw_scores(tmp_path / "scores.svg")
    text = (tmp_path / "scores.svg").read_text("utf-8")
    rates = check_threshold(SCORES, IS_SAME, 1.0)
    assert "genuine (200 pairs)" in text and "impostor (200 pairs)" in text
    assert f"FMR {percent(rates.fmr)}, FNMR {percent(rates.fnmr)}" in text
    assert "Title" in text


def test_scores_that_are_all_equal_can_be_drawn(tmp_path):
    plot_scores(np.full(400, 0.3), IS_SAME, tmp_path / "flat.png")


def test_det_names_every_system_with_its_eer(tmp_path):
    draw_det(tmp_path / "det.svg")
    text = (tmp_path / "det.svg").read_text("utf-8")
    eer = percent(equal_error_rate(SCORES, IS_SAME)[0])
    assert f"ArcFace (EER {eer})" in text
    assert "useless (EER 50%)" in text and "useless (AUC 0.5000)" in text
    assert "perfect (EER 0%)" in text
    assert "fewer than 30 false matches" in text


def test_det_accepts_one_or_many_systems_and_refuses_none(tmp_path):
    one = {str(k): (SCORES + k, IS_SAME.tolist()) for k in range(9)}
    plot_det(one, tmp_path / "many.png")
    with pytest.raises(ValueError, match="at least one system"):
        plot_det({}, tmp_path / "none.png")


def test_training_shows_the_panels_it_has(tmp_path):
    draw_training(tmp_path / "all.svg")
    text = (tmp_path / "all.svg").read_text("utf-8")
    for word in ("val_loss", "degrees", "margin strength", "verification"):
        assert word in text
    assert "learning_rate" not in text
    plot_training({"loss": [2.0, 1.0]}, tmp_path / "loss.svg")
    assert "degrees" not in (tmp_path / "loss.svg").read_text("utf-8")


def test_epoch_numbers_are_taken_from_the_history(tmp_path):
    plot_training({"epoch": [10, 20], "loss": [2, 1]}, tmp_path / "a.png")
    with pytest.raises(ValueError, match="3 entries but.*'loss'.* has 2"):
        plot_training({"epoch": [1, 2, 3], "loss": [2, 1]}, tmp_path / "b.png")


def test_history_without_known_series_is_refused(tmp_path):
    with pytest.raises(ValueError, match="no series.*learning_rate"):
        plot_training({"learning_rate": [0.1]}, tmp_path / "none.png")


@pytest.mark.parametrize(
    "share, text",
    [(0.00767, "0.77%"), (0.1234, "12.3%"), (0, "0%"), (1, "100%")],
)
def test_percent_is_short(share, text):
    assert percent(share) == text
