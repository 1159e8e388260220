"""What the figures of FMR and FNMR share: a system, and axes in percent."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation import DetCurve
from keras_arcface.evaluation import equal_error_rate
from keras_arcface.evaluation import roc_curve
from keras_arcface.evaluation.curve import auc_of
from keras_arcface.evaluation.roc import RULE_OF_30
from keras_arcface.plots import style

Curves = Mapping[str, tuple[ArrayLike, ArrayLike]]
Points = Mapping[str, DetCurve]


def open_systems(curves: Curves, points: Points | None) -> dict:
    """Returns a `System` by name, with its operating points if any.

    Raises:
        ValueError: when there is no system, its pairs are not usable, or
            points belong to none.
    """
    if not curves:
        raise ValueError("`curves` must name at least one system.")
    unknown = sorted(set(points or {}) - set(curves))
    if unknown:
        raise ValueError(
            f"`points` must belong to systems of `curves`. Received: {unknown}."
        )
    return {
        name: System(*pairs, (points or {}).get(name))
        for name, pairs in curves.items()
    }


class System:
    """One system's rates, with what the axes need to know."""

    def __init__(self, similarity, is_same, points=None):
        _, fmr, fnmr = roc_curve(similarity, is_same)
        self.eer, _ = equal_error_rate(similarity, is_same)
        self.auc = float(auc_of(fmr, fnmr))
        genuine = int(np.count_nonzero(is_same))
        self.impostors = np.size(is_same) - genuine
        self.floor = 0.5 / max(genuine, self.impostors)
        # Of the points without an error keep the best: a logarithmic axis
        # has no zero, and the others would run along the frame.
        last, first = np.flatnonzero(fnmr == 0)[-1], np.argmax(fmr == 0)
        self.det = slice(last, first + 1)
        self.roc = slice(0, first + 1)
        self.fmr, self.fnmr = fmr, fnmr
        self.points = [] if points is None else _measured(points)

    def draw_det(self, axis, name, look, floor):
        label = f"{style.text(name, 32)} (EER {style.percent(self.eer)})"
        fmr = np.maximum(self.fmr[self.det], floor)
        fnmr = np.maximum(self.fnmr[self.det], floor)
        axis.plot(fmr, fnmr, label=label, **look)
        at = max(self.eer, floor)
        dot = {"color": look["color"], "markersize": 4, "zorder": 3}
        axis.plot(at, at, "o", clip_on=False, **dot)
        for point in self.points:
            middle = max(point.fnmr, floor)
            ends = np.maximum(point.fnmr_interval, floor)
            _bar(axis, max(point.fmr, floor), middle, ends, look["color"])

    def draw_roc(self, axis, name, look, floor):
        label = f"{style.text(name, 32)} (AUC {self.auc:.4f})"
        fmr = np.maximum(self.fmr[self.roc], floor)
        axis.plot(fmr, 1 - self.fnmr[self.roc], label=label, **look)
        for point in self.points:
            at = max(point.fmr, floor)
            _bar(axis, at, point.tar, point.tar_interval, look["color"])

    def lowest_tar(self):
        """Returns the lowest true accept rate that a ROC shows."""
        ends = [point.tar_interval[0] for point in self.points]
        return np.nanmin([1 - self.fnmr[self.roc][-1], *ends])


def lowest_rate(systems) -> float:
    """Returns where logarithmic axes of these systems begin."""
    return min(system.floor for system in systems)


def finish_rates(axis, systems, floor) -> None:
    """Gives an axis FMR in percent, the rule of 30, and a legend below."""
    from matplotlib.ticker import NullFormatter

    axis.set_xscale("log")
    axis.set_xlim(floor, 1)
    axis.set_xlabel("false match rate (FMR)")
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter(lambda share, _: f"{100 * share:.6g}%")
        side.set_minor_formatter(NullFormatter())
    axis.axvspan(
        floor,
        min(1.0, RULE_OF_30 / min(system.impostors for system in systems)),
        color="#F0F0F0",
        linewidth=0,
        zorder=0,
        label=f"fewer than {RULE_OF_30} false matches",
    )
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))


def finish_roc(axis, systems, floor) -> None:
    """Finishes an axis of true accept rates over FMR."""
    finish_rates(axis, systems, floor)
    worst = 1 - min(system.lowest_tar() for system in systems)
    height = min(1.0, 1.1 * max(worst, 0.01))
    axis.set_ylim(1 - height, 1 + 0.02 * height)
    axis.set_ylabel("true accept rate (1 - FNMR)")


def _measured(points):
    return [
        point
        for point in points.points
        if np.isfinite([point.fmr, point.fnmr, *point.fnmr_interval]).all()
    ]


def _bar(axis, x, y, ends, colour):
    low, high = ends
    # An interval of resamples may leave the value itself just outside.
    away = [[max(y - low, 0.0)], [max(high - y, 0.0)]]
    look = {"capsize": 2.5, "elinewidth": 1, "markersize": 3, "fmt": "o"}
    axis.errorbar(x, y, yerr=away, color=colour, zorder=3, **look)
