"""How far apart genuine and impostor pairs score."""

import os

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation import check_threshold
from keras_arcface.evaluation.pairs import check_pairs
from keras_arcface.plots import style

BINS = 60


def plot_scores(
    similarity: ArrayLike,
    is_same: ArrayLike,
    path: str | os.PathLike,
    threshold: float | None = None,
    title: str | None = None,
) -> None:
    """Draws the histograms of genuine and impostor scores over each other.

    Each histogram shows shares of its own kind, so that unequal numbers of
    pairs compare.

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        path: Where to write; .png, .svg or .pdf.
        threshold: Drawn as a line with its FMR and FNMR on these pairs.
        title: Defaults to none.
    """
    scores, truth = check_pairs(similarity, is_same)
    edges = _edges(scores)
    with style.figure(path, height=3.3) as axes:
        axis = axes[0, 0]
        _histogram(axis, scores[~truth], edges, style.ORANGE, "impostor")
        _histogram(axis, scores[truth], edges, style.BLUE, "genuine")
        if threshold is not None:
            _mark_threshold(axis, scores, truth, threshold)
        axis.set_xlabel("similarity")
        axis.set_ylabel("pairs of the kind (%)")
        axis.set_ylim(bottom=0)
        _legend_above(axis, title)


def _edges(scores):
    low, high = scores.min(), scores.max()
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-3):
        low, high = low - 0.5, high + 0.5
    return np.linspace(low, high, BINS + 1)


def _histogram(axis, scores, edges, colour, kind):
    counts, _ = np.histogram(scores, edges)
    shares = 100 * counts / scores.size
    label = f"{kind} ({scores.size:,} pairs)"
    axis.stairs(shares, edges, fill=True, color=colour, alpha=0.3, label=label)
    axis.stairs(shares, edges, color=colour, linewidth=1.2)


def _mark_threshold(axis, scores, truth, threshold):
    rates = check_threshold(scores, truth, threshold)
    axis.axvline(
        threshold,
        color=style.PALETTE[-1],
        linestyle="--",
        linewidth=1,
        label=(
            f"threshold {threshold:.3f}: FMR {style.percent(rates.fmr)}, "
            f"FNMR {style.percent(rates.fnmr)}"
        ),
    )


def _legend_above(axis, title):
    """Puts the legend where no score can ever lie under it."""
    axis.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        handlelength=1.6,
        labelspacing=0.3,
    )
    if title:
        axis.figure.suptitle(style.text(title, 60), fontsize=10)
