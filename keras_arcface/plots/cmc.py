"""How far down its list a search finds the right identity."""

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation import IdentificationReport
from keras_arcface.evaluation import wilson_interval
from keras_arcface.plots import style

# Beyond, the marks of single ranks would run together.
MARKED_RANKS = 25


def plot_cmc(
    systems: Mapping[str, IdentificationReport | ArrayLike],
    path: str | os.PathLike,
    max_rank: int = 20,
) -> None:
    """Draws the cumulative match characteristic of one or more systems.

    The band is the 95% interval: that of the report, or Wilson's for plain
    ranks, as if all searches were independent.

    Args:
        systems: By name, an `IdentificationReport`, or the rank of the mate
            in every mated search: integers `(searches,)` from 1, and 0 where
            the mate was not listed.
        path: Where to write; .png, .svg or .pdf.
        max_rank: The last rank drawn; a report may know fewer.

    Raises:
        ValueError: when there is no system, or its ranks are no ranks.
    """
    if not systems:
        raise ValueError("`systems` must name at least one system.")
    if max_rank < 1:
        raise ValueError(f"`max_rank` must be at least 1. Received: {max_rank}")
    curves = {
        name: _curve(name, given, max_rank) for name, given in systems.items()
    }
    height = 3.2 + 0.17 * len(curves)
    with style.figure(path, height=height) as axes:
        axis = axes[0, 0]
        for index, (name, curve) in enumerate(curves.items()):
            _draw(axis, name, *curve, style.line_style(index))
        _finish(axis, curves.values())


def _curve(name, given, max_rank):
    """Returns shares and their intervals, `(ranks,)` and `(ranks, 2)`."""
    if isinstance(given, IdentificationReport):
        shares = np.array(given.cmc[:max_rank])
        return shares, np.array(given.cmc_intervals[:max_rank])
    ranks = np.asarray(given)
    if ranks.ndim != 1 or not ranks.size or ranks.dtype.kind not in "iu":
        raise ValueError(
            f"`systems[{name!r}]` must be an IdentificationReport or one "
            "integer rank a mated search. Received: shape "
            f"{ranks.shape}, dtype {ranks.dtype}."
        )
    if ranks.min() < 0:
        raise ValueError(
            f"`systems[{name!r}]` must hold ranks from 1, and 0 for a mate "
            f"that was not listed. Received: {ranks.min()}."
        )
    hits = [
        int(((ranks >= 1) & (ranks <= k)).sum()) for k in range(1, max_rank + 1)
    ]
    intervals = [wilson_interval(found, ranks.size) for found in hits]
    return np.array(hits) / ranks.size, np.array(intervals)


def _draw(axis, name, shares, intervals, look):
    ranks = np.arange(1, shares.size + 1)
    low, high = intervals.T
    if np.isfinite(intervals).all():
        axis.fill_between(
            ranks, low, high, color=look["color"], alpha=0.15, linewidth=0
        )
    axis.plot(
        ranks,
        shares,
        label=f"{style.text(name, 32)} (rank-1 {style.percent(shares[0])})",
        marker="o" if shares.size <= MARKED_RANKS else None,
        markersize=3,
        **look,
    )


def _finish(axis, curves):
    lowest = min(np.nanmin([s[0], i[0, 0]]) for s, i in curves)
    height = max(1.0 - lowest, 0.01)
    axis.set_ylim(max(0.0, 1 - 1.08 * height), 1 + 0.03 * height)
    last = max(shares.size for shares, _ in curves)
    axis.set_xlim(0.5, last + 0.5)
    axis.set_xticks(_ticks(last))
    axis.yaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    axis.set_xlabel("rank")
    axis.set_ylabel("searches with the mate listed")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _ticks(last):
    """Returns rank 1 and about five round ones more."""
    for step in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000):
        if last / step <= 8:
            break
    return [1, *range(max(step, 2), last + 1, step)]
