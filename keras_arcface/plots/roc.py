"""How many genuine pairs are accepted at each false match rate."""

import os

from keras_arcface.plots import style
from keras_arcface.plots.error_rates import Curves
from keras_arcface.plots.error_rates import Points
from keras_arcface.plots.error_rates import finish_roc
from keras_arcface.plots.error_rates import lowest_rate
from keras_arcface.plots.error_rates import open_systems


def plot_roc(
    curves: Curves, path: str | os.PathLike, points: Points | None = None
) -> None:
    """Draws ROC curves of one or more systems, FMR logarithmic.

    Args:
        curves: (similarity, is_same) by name of the system.
        path: Where to write; .png, .svg or .pdf.
        points: What `det_curve` gave for some of the systems: its operating
            points are drawn with their 95% intervals.

    Raises:
        ValueError: as `plot_det`, which draws this beside the DET curve.
    """
    systems = open_systems(curves, points)
    with style.figure(path, height=3.2 + 0.17 * len(systems)) as axes:
        axis = axes[0, 0]
        floor = lowest_rate(systems.values())
        for index, (name, system) in enumerate(systems.items()):
            system.draw_roc(axis, name, style.line_style(index), floor)
        finish_roc(axis, systems.values(), floor)
