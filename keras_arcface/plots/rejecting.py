"""What leaving out pictures of low quality does to the errors."""

import os
from collections.abc import Mapping

import numpy as np

from keras_arcface.evaluation import RejectCurve
from keras_arcface.plots import style


def plot_reject_curve(
    curves: Mapping[str, RejectCurve], path: str | os.PathLike
) -> None:
    """Draws FNMR over the share of comparisons left out, by quality.

    The band is the curve's 95% interval. Dashed in grey: a perfect quality,
    which leaves the errors out first; dotted in grey: one that knows nothing.
    Each is drawn once for all curves that begin at the same FNMR.

    Args:
        curves: What `error_versus_reject` gave, by name of the quality.
        path: Where to write; .png, .svg or .pdf.

    Raises:
        ValueError: when there is no curve.
    """
    if not curves:
        raise ValueError("`curves` must name at least one quality.")
    height = 3.2 + 0.17 * len(curves)
    with style.figure(path, height=height) as axes:
        axis = axes[0, 0]
        for index, (name, curve) in enumerate(curves.items()):
            _draw(axis, name, curve, style.line_style(index))
        _references(axis, curves.values())
        axis.set_xlim(0, max(curve.rejected[-1] for curve in curves.values()))
        axis.set_ylim(bottom=0)
        for side in (axis.xaxis, axis.yaxis):
            side.set_major_formatter(lambda share, _: f"{100 * share:.3g}%")
        axis.set_xlabel("genuine pairs left out, lowest quality first")
        axis.set_ylabel("FNMR of those that stay")
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _draw(axis, name, curve, look):
    intervals = np.array(curve.intervals)
    known = np.isfinite(intervals).all(axis=1)
    if known.any():
        low, high = np.where(known[:, None], intervals, np.nan).T
        axis.fill_between(
            curve.rejected,
            low,
            high,
            color=look["color"],
            alpha=0.15,
            linewidth=0,
        )
    mean = style.percent(curve.area)
    label = f"{style.text(name, 32)} (mean {mean} of the first)"
    axis.plot(
        curve.rejected,
        curve.fnmr,
        label=label,
        marker="o",
        markersize=3,
        **look,
    )


def _references(axis, curves):
    """Draws what a perfect quality and one that knows nothing would give."""
    drawn = {}
    for curve in curves:
        drawn.setdefault((curve.best, curve.rejected), curve)
    for number, curve in enumerate(drawn.values()):
        axis.plot(
            curve.rejected,
            curve.best,
            color=style.GREY,
            linestyle="--",
            linewidth=1,
            label="perfect quality" if number == 0 else None,
        )
        axis.plot(
            [curve.rejected[0], curve.rejected[-1]],
            [curve.fnmr[0]] * 2,
            color=style.GREY,
            linestyle=":",
            linewidth=1,
            label="a quality that knows nothing" if number == 0 else None,
        )
