"""How the target angles of all samples move while training."""

import os
from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any

import numpy as np

from keras_arcface.evaluation import histogram_quantiles
from keras_arcface.plots import style


def plot_target_angles(
    rows: Sequence[Mapping[str, Any]],
    path: str | os.PathLike,
    most: int = 4,
) -> None:
    """Draws the target angle's distribution by epoch (the paper's Figure 4a).

    Args:
        rows: One an epoch, as `AngleMonitor` writes them to `angles.json`
            under "epochs"; rows without a counted angle are left out.
        path: Where to write; .png, .svg or .pdf.
        most: Epochs to draw, the first and the last among them, the others
            evenly between.

    Raises:
        ValueError: when no row has a counted angle, or `most` is below 2.

    Reference:
    - [Deng et al., 2019, Figure 4](https://arxiv.org/abs/1801.07698)
    """
    counted = counted_rows(rows)
    if most < 2:
        raise ValueError(f"`most` must be at least 2. Received: {most}.")
    if not counted:
        raise ValueError(
            "`rows` must have angles that were counted "
            f"(target_angle_counts). Received: {list(rows)[:1]}."
        )
    with style.figure(path, height=3.2) as axes:
        draw_distributions(axes[0, 0], counted, most, with_median=True)


def counted_rows(rows: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Returns the rows in which an angle was counted."""
    return [row for row in rows if np.any(row.get("target_angle_counts"))]


def draw_distributions(axis, counted, most, with_median=False) -> None:
    """Draws the distributions of up to `most` epochs on matplotlib axes."""
    last = len(counted) - 1
    places = np.unique(np.linspace(0, last, min(most, last + 1)).astype(int))
    for index, place in enumerate(places):
        counts = np.asarray(counted[place]["target_angle_counts"], float)
        edges = np.linspace(0, 180, counts.size + 1)
        label = f"epoch {counted[place]['epoch']}"
        if with_median:
            median = histogram_quantiles(counts, edges, [0.5])[0]
            label += f" (median {median:.0f}°)"
        shares = 100 * counts / counts.sum() / np.diff(edges)
        look = style.line_style(index)
        axis.stairs(shares, edges, label=label, **look)
    axis.set_xlim(0, 180)
    axis.set_xticks(range(0, 181, 30))
    axis.set_ylim(bottom=0)
    axis.set_xlabel("angle to own class centre (degrees)")
    axis.set_ylabel("samples (% a degree)")
    axis.legend(loc="best")
