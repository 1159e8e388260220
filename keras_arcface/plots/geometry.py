"""How classes lie to each other, and which pictures are everywhere near."""

import math
import os

import numpy as np

from keras_arcface.evaluation import GeometryReport
from keras_arcface.plots import style

EDGES = np.arange(181)
# name in the report: what the legend calls it
NEAREST = {
    "inter": ("Inter", "embedding centres"),
    "w_inter": ("W-Inter", "class centres"),
}


def plot_geometry(report: GeometryReport, path: str | os.PathLike) -> None:
    """Draws the angles to the nearest other class, and hubness.

    Left: of each class the angle from its centre to the nearest other, of
    class centres (W-Inter) and of embedding centres (Inter), with their means,
    and what as many random directions would have. Right: how often a picture
    is among the k nearest of others, beside what chance would give.

    Args:
        report: What `geometry_report` gave.
        path: Where to write; .png, .svg or .pdf.

    Raises:
        ValueError: when the report has neither: of one class with too few
            pictures.
    """
    panels = [_nearest] * (
        "inter" in report.angles or "w_inter" in report.angles
    )
    panels += [_hubness] * (report.hubness is not None)
    if not panels:
        raise ValueError(
            "`report` must have two classes, or pictures enough for hubness. "
            f"Received: a report of {report.embeddings} embeddings of "
            f"{report.classes} classes."
        )
    with style.figure(path, columns=len(panels), height=3.4) as axes:
        for axis, draw in zip(axes.flat, panels, strict=True):
            draw(axis, report)


def _nearest(axis, report):
    seen, random = [], {}
    for index, (name, (short, what)) in enumerate(NEAREST.items()):
        if name not in report.angles:
            continue
        angles = report.angles[name]
        look = style.line_style(index)
        counts = np.asarray(angles.counts)
        label = f"{short}: {what} (mean {angles.mean:.1f}°)"
        axis.stairs(100 * counts / counts.sum(), EDGES, label=label, **look)
        axis.axvline(angles.mean, color=look["color"], linewidth=0.8)
        random.setdefault(f"{angles.random:.1f}", what)
        filled = np.flatnonzero(counts)
        seen += [angles.random, filled[0], filled[-1] + 1]
    for dashes, (degrees, what) in zip(
        ("-.", ":"), random.items(), strict=False
    ):
        many = "these" if len(random) == 1 else what
        axis.axvline(
            float(degrees),
            color=style.PALETTE[-1],
            linestyle=dashes,
            linewidth=1,
            label=f"random directions, as many as {many} (mean {degrees}°)",
        )
    axis.set_xlim(max(0, min(seen) - 4), min(180, max(seen) + 4))
    axis.set_ylim(bottom=0)
    axis.set_xlabel("angle to the nearest of another class (degrees)")
    axis.set_ylabel("centres (% a degree)")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _hubness(axis, report):
    from matplotlib.ticker import MaxNLocator

    hubness = report.hubness
    times, pictures = np.array(hubness.occurrences).T
    counts = np.zeros(times[-1] + 1)
    counts[times] = pictures
    axis.stairs(
        counts,
        np.arange(counts.size + 1) - 0.5,
        fill=True,
        color=style.BLUE,
        alpha=0.3,
    )
    axis.stairs(
        counts,
        np.arange(counts.size + 1) - 0.5,
        label=f"pictures (skewness {hubness.skewness:.2f})",
        **style.line_style(0),
    )
    expected = hubness.of * _poisson(hubness.k, counts.size)
    axis.plot(expected, label="by chance", marker=".", **style.line_style(1))
    axis.set_yscale("log")
    axis.set_ylim(0.7, 1.6 * max(counts.max(), expected.max()))
    if counts.size > 20 * hubness.k:
        axis.set_xscale("symlog", linthresh=2 * hubness.k)
        axis.set_xticks(_powers(counts.size))
        axis.set_xticks([], minor=True)
        axis.xaxis.set_major_formatter(lambda lists, _: f"{lists:g}")
    else:
        axis.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.yaxis.set_major_formatter(lambda many, _: f"{many:g}")
    axis.set_xlim(-0.5, counts.size - 0.5)
    axis.set_xlabel(f"lists of {hubness.k} nearest that it is on")
    axis.set_ylabel("pictures")
    axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2))


def _powers(size):
    return [0, *(10**power for power in range(1, len(str(size))))]


def _poisson(mean, size):
    """Returns P(0), P(1), ... of a Poisson distribution."""
    logs = [i * math.log(mean) - mean - math.lgamma(i + 1) for i in range(size)]
    return np.exp(logs)
