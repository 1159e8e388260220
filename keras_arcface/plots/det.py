"""The trade between false matches and false non-matches, of many systems."""

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation import equal_error_rate
from keras_arcface.evaluation import roc_curve
from keras_arcface.evaluation.curve import auc_of
from keras_arcface.evaluation.roc import RULE_OF_30
from keras_arcface.plots import style

Curves = Mapping[str, tuple[ArrayLike, ArrayLike]]


def plot_det(curves: Curves, path: str | os.PathLike) -> None:
    """Draws DET and ROC curves of one or more systems side by side.

    Left: FNMR over FMR, both logarithmic, with the equal error rate marked.
    Right: 1 - FNMR over FMR, FMR logarithmic. The grey band holds the FMRs
    that rest on fewer than 30 impostor pairs (rule of 30): differences between
    systems there are mostly luck.

    Args:
        curves: (similarity, is_same) by name of the system.
        path: Where to write; .png, .svg or .pdf.

    Raises:
        ValueError: when there is no system, or its pairs are not usable.
    """
    if not curves:
        raise ValueError("`curves` must name at least one system.")
    systems = {name: _System(*pairs) for name, pairs in curves.items()}
    height = 3.0 + 0.17 * len(systems)
    with style.figure(path, columns=2, height=height) as axes:
        det, roc = axes[0]
        floor = min(system.floor for system in systems.values())
        for index, (name, system) in enumerate(systems.items()):
            look = style.line_style(index)
            system.draw_det(det, name, look, floor)
            system.draw_roc(roc, name, look, floor)
        _finish_det(det, systems.values(), floor)
        _finish_roc(roc, systems.values(), floor)


class _System:
    """One system's rates, with what the axes need to know."""

    def __init__(self, similarity, is_same):
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

    def draw_det(self, axis, name, look, floor):
        label = f"{name} (EER {style.percent(self.eer)})"
        fmr = np.maximum(self.fmr[self.det], floor)
        fnmr = np.maximum(self.fnmr[self.det], floor)
        axis.plot(fmr, fnmr, label=label, **look)
        at = max(self.eer, floor)
        dot = {"color": look["color"], "markersize": 4, "zorder": 3}
        axis.plot(at, at, "o", clip_on=False, **dot)

    def draw_roc(self, axis, name, look, floor):
        label = f"{name} (AUC {self.auc:.4f})"
        fmr = np.maximum(self.fmr[self.roc], floor)
        axis.plot(fmr, 1 - self.fnmr[self.roc], label=label, **look)


def _finish_det(axis, systems, floor):
    axis.set_yscale("log")
    _finish(axis, systems, floor)
    axis.set_ylim(floor, 1)
    axis.plot([floor, 1], [floor, 1], color=style.GREY, lw=0.7, ls=":")
    axis.set_ylabel("false non-match rate (FNMR)")
    axis.set_title("DET")


def _finish_roc(axis, systems, floor):
    _finish(axis, systems, floor)
    worst = max(system.fnmr[system.roc][-1] for system in systems)
    height = min(1.0, 1.1 * max(worst, 0.01))
    axis.set_ylim(1 - height, 1 + 0.02 * height)
    axis.set_ylabel("true accept rate (1 - FNMR)")
    axis.set_title("ROC")


def _finish(axis, systems, floor):
    axis.set_xscale("log")
    axis.set_xlim(floor, 1)
    axis.set_xlabel("false match rate (FMR)")
    for side in (axis.xaxis, axis.yaxis):
        side.set_major_formatter(lambda share, _: f"{100 * share:g}%")
    axis.axvspan(
        floor,
        min(1.0, RULE_OF_30 / min(system.impostors for system in systems)),
        color="#F0F0F0",
        linewidth=0,
        zorder=0,
        label=f"fewer than {RULE_OF_30} false matches",
    )
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))
