"""How the angles of a margin move while training."""

import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

from keras_arcface.plots import style
from keras_arcface.plots.target_angles import counted_rows
from keras_arcface.plots.target_angles import draw_distributions

# name in a row: what it is called
LINES = {
    "w_inter": "class centre to nearest (W-Inter)",
    "w_inter_random": "the same, random centres",
    "inter": "held-out identities: Inter",
    "intra": "held-out identities: Intra",
}


def plot_angles(
    rows: Sequence[Mapping[str, Any]], path: str | os.PathLike
) -> None:
    """Draws the target angle's distribution, and all angles by epoch.

    On the left the ArcFace paper's Figure 4a: the target angles of the first,
    a middle and the last epoch. On the right the median of the target angle
    with the middle 50% and 90%, and the angles of class centres.

    Args:
        rows: One an epoch, as `AngleMonitor` writes them to `angles.json`;
            what a row does not have is not drawn.
        path: Where to write; .png, .svg or .pdf.

    Raises:
        ValueError: when no row has an angle.
    """
    counted = counted_rows(rows)
    lines = [name for name in LINES if any(_known(row, name) for row in rows)]
    if not counted and not lines:
        raise ValueError(
            f"rows must have angles to draw. Received: {list(rows)[:1]}."
        )
    panels = [_distributions] * bool(counted) + [_by_epoch]
    with style.figure(path, columns=len(panels), height=3.3) as axes:
        for axis, draw in zip(axes.flat, panels, strict=True):
            draw(axis, rows, counted, lines)


def _distributions(axis, rows, counted, lines):
    draw_distributions(axis, counted, most=3)
    axis.set_title("target angle")


def _by_epoch(axis, rows, counted, lines):
    from matplotlib.ticker import MaxNLocator

    if counted:
        _quantiles(axis, counted)
    for index, name in enumerate(lines, start=1):
        known = [row for row in rows if _known(row, name)]
        axis.plot(
            [row["epoch"] for row in known],
            [row[name] for row in known],
            label=LINES[name],
            marker="o",
            markersize=3 if len(known) <= 12 else 0,
            **style.line_style(index),
        )
    axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_ylim(bottom=0)
    axis.set_xlabel("epoch")
    axis.set_ylabel("degrees")
    axis.set_title("angles by epoch")
    axis.legend(loc="best", fontsize=7)


def _quantiles(axis, counted):
    epochs = [row["epoch"] for row in counted]
    for low, high, alpha in (("05", "95", 0.12), ("25", "75", 0.22)):
        axis.fill_between(
            epochs,
            [row[f"angle_p{low}"] for row in counted],
            [row[f"angle_p{high}"] for row in counted],
            color=style.BLUE,
            alpha=alpha,
            linewidth=0,
        )
    axis.plot(
        epochs,
        [row["angle_p50"] for row in counted],
        label="target angle: median, 50%, 90%",
        marker="o",
        markersize=3 if len(epochs) <= 12 else 0,
        **style.line_style(0),
    )


def _known(row, name):
    return row.get(name) is not None
