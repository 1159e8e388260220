"""The trade between false matches and false non-matches, of many systems."""

import os

from keras_arcface.plots import style
from keras_arcface.plots.error_rates import Curves
from keras_arcface.plots.error_rates import Points
from keras_arcface.plots.error_rates import finish_rates
from keras_arcface.plots.error_rates import finish_roc
from keras_arcface.plots.error_rates import lowest_rate
from keras_arcface.plots.error_rates import open_systems


def plot_det(
    curves: Curves, path: str | os.PathLike, points: Points | None = None
) -> None:
    """Draws DET and ROC curves of one or more systems side by side.

    Left: FNMR over FMR, both logarithmic, with the equal error rate marked.
    Right: 1 - FNMR over FMR, FMR logarithmic. The grey band holds the FMRs
    that rest on fewer than 30 impostor pairs (rule of 30): differences between
    systems there are mostly luck.

    Args:
        curves: (similarity, is_same) by name of the system.
        path: Where to write; .png, .svg or .pdf.
        points: What `det_curve` gave for some of the systems: its operating
            points are drawn with their 95% intervals.

    Raises:
        ValueError: when there is no system, its pairs are not usable, or
            points belong to none.
    """
    systems = open_systems(curves, points)
    height = 3.0 + 0.17 * len(systems)
    with style.figure(path, columns=2, height=height) as axes:
        det, roc = axes[0]
        floor = lowest_rate(systems.values())
        for index, (name, system) in enumerate(systems.items()):
            look = style.line_style(index)
            system.draw_det(det, name, look, floor)
            system.draw_roc(roc, name, look, floor)
        _finish_det(det, systems.values(), floor)
        finish_roc(roc, systems.values(), floor)
        roc.set_title("ROC")


def _finish_det(axis, systems, floor):
    axis.set_yscale("log")
    finish_rates(axis, systems, floor)
    axis.set_ylim(floor, 1)
    axis.plot([floor, 1], [floor, 1], color=style.GREY, lw=0.7, ls=":")
    axis.set_ylabel("false non-match rate (FNMR)")
    axis.set_title("DET")
