"""Means with their intervals, so that nobody reads a ranking out of noise."""

import os
from collections.abc import Collection
from collections.abc import Mapping

from keras_arcface.plots import style

Means = Mapping[str, tuple[float, tuple[float, float] | None]]


def plot_intervals(
    panels: Mapping[str, Means],
    path: str | os.PathLike,
    *,
    xlabel: str,
    reference: Collection[str] = (),
) -> None:
    """Draws a dot and a bar for each method: its mean and its interval.

    Methods stand in the same rows in all panels, the largest mean of the first
    panel on top. A mean without an interval is an open dot: nobody knows how
    sure it is. That two bars overlap does not say that the two cannot be told
    apart, nor the other way round: that is what a paired test is for.

    Args:
        panels: By title, by method `(mean, interval)`, shares in [0, 1].
        path: Where to write; .png, .svg or .pdf.
        xlabel: What the numbers are.
        reference: Methods to draw in grey: baselines.

    Raises:
        ValueError: when there is nothing to draw.
    """
    names = _in_order(panels)
    if not names:
        raise ValueError("`panels` must hold at least one mean.")
    height = 0.9 + 0.2 * len(names)
    with style.figure(path, columns=len(panels), height=height) as axes:
        for column, (title, means) in enumerate(panels.items()):
            axis = axes[0, column]
            for row, name in enumerate(names):
                if name in means:
                    _draw(axis, row, *means[name], name in reference)
            _finish(axis, names if column == 0 else [], len(names))
            axis.set_title(title)
            axis.set_xlabel(xlabel)


def _in_order(panels):
    means = {}
    for panel in panels.values():
        for name, (mean, _) in panel.items():
            means.setdefault(name, mean)
    return sorted(means, key=means.get, reverse=True)


def _draw(axis, row, mean, interval, is_reference):
    color = style.GREY if is_reference else style.BLUE
    if interval is not None:
        axis.plot(interval, [row, row], color=color, solid_capstyle="butt")
    face = color if interval is not None else "white"
    axis.plot(mean, row, "o", color=color, markersize=4, markerfacecolor=face)


def _finish(axis, labels, rows):
    axis.set_yticks(range(rows), labels or [""] * rows)
    axis.set_ylim(rows - 0.4, -0.6)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_formatter(lambda share, _: f"{100 * share:g}%")
