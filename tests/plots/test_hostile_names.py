"""Names from folders and users are text, whatever they hold."""

import os
from xml.etree import ElementTree

import drawing
import numpy as np
import pytest

from keras_arcface.evaluation import error_versus_reject
from keras_arcface.plots import plot_cmc
from keras_arcface.plots import plot_det
from keras_arcface.plots import plot_picture_grid
from keras_arcface.plots import plot_reject_curve
from keras_arcface.plots import plot_roc
from keras_arcface.plots import plot_scores
from keras_arcface.plots import plot_target_logits
from keras_arcface.plots.style import text

NAMES = [
    "$x$",
    r"$\frac{$ and $\nothing",
    "_hidden",
    "__",
    "名前",
    "two\nlines\x1b[31m\x00",
    os.fsdecode(b"latin-\xe9"),
    "right \u202e to left",
    "<b>&\"'</b>]]>",
    "x" * 500,
    "many words " * 50,
    "",
    " ",
    "\\",
    "%s {0} {name}",
]
IS_SAME = np.arange(200) % 2 == 0
SCORES = np.random.default_rng(0).normal(2.0 * IS_SAME)
REJECTION = error_versus_reject(SCORES, IS_SAME, SCORES, SCORES, 1, bootstrap=0)


def pictures(names, path):
    pairs = [[drawing.picture(0, 0)] * 2] * len(names)
    plot_picture_grid(pairs, path, names, title=names[0], across=3)
    plot_picture_grid(pairs, path, [[name, name] for name in names])


FIGURES = {
    "roc": lambda names, path: plot_roc(
        dict.fromkeys(names, (SCORES, IS_SAME)), path
    ),
    "det": lambda names, path: plot_det(
        dict.fromkeys(names, (SCORES, IS_SAME)), path
    ),
    "cmc": lambda names, path: plot_cmc(dict.fromkeys(names, [1, 2]), path),
    "logits": lambda names, path: plot_target_logits(
        [0, 90], dict.fromkeys(names, [1, 0]), path
    ),
    "rejection": lambda names, path: plot_reject_curve(
        dict.fromkeys(names, REJECTION), path
    ),
    "pictures": pictures,
}


@pytest.mark.parametrize("draw", FIGURES.values(), ids=FIGURES)
def test_a_figure_shows_any_name(draw, tmp_path):
    draw(NAMES, tmp_path / "figure.svg")
    root = ElementTree.parse(tmp_path / "figure.svg").getroot()
    shown = "\n".join(root.itertext())
    for name in ("$x$", "_hidden", "名前", "latin-", "<b>&\"'</b>]]>"):
        assert name in shown
    assert "x" * 60 not in shown
    # A picture without a caption has none.
    assert ("(no name)" in shown) == (draw is not pictures)


@pytest.mark.parametrize("name", NAMES)
def test_a_title_may_be_anything(name, tmp_path):
    plot_scores(SCORES, IS_SAME, tmp_path / "a.png", title=name or "-")


@pytest.mark.parametrize(
    "name, options, expected",
    [
        ("plain", {}, "plain"),
        ("a\tb\n c", {}, "a b c"),
        ("$5", {}, r"\$5"),
        ("_a", {}, " _a"),
        ("", {}, "(no name)"),
        ("abcdefghij", {"most": 5}, "abcd…"),
        ("ab cd ef", {"most": 5}, "ab …"),
        ("ab cd ef", {"most": 5, "lines": 2}, "ab cd\nef"),
        (7, {}, "7"),
    ],
)
def test_text_is_short_and_printable(name, options, expected):
    assert text(name, **options) == expected
