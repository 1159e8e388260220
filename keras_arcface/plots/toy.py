"""Features of two or three dimensions, beside each other by loss."""

import dataclasses
import os
from collections.abc import Mapping
from collections.abc import Sequence

import numpy as np

from keras_arcface.plots import style

# Okabe and Ito's eight, the yellow darkened to be seen on white.
COLOURS = (
    style.BLUE,
    style.ORANGE,
    style.GREEN,
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#A69A00",
    "#7B3F9E",
)
UNSEEN = ("#222222", "#999999")
UNSEEN_MARKS = ("x", "+")

_BIN = 2  # Degrees of a bar on the circle.
_OUTWARD, _INWARD = 0.6, 0.4  # Length of a bar that holds a whole class.
_TILT = np.radians(25)  # Of the sphere's poles, towards the reader.
_FACES = {"front": 1, "back": -1}


@dataclasses.dataclass(frozen=True)
class Features:
    """What one panel shows.

    Attributes:
        features: Real `(n, dim)`, of any length; dim is 2 or 3.
        labels: Integers `(n,)`, 0 to classes - 1.
        centers: Class centres, `(classes, dim)`, of any length.
        unseen: Features of classes that were not trained on, `(k, dim)`.
        unseen_labels: Integers `(k,)`, from 0.
        caption: Below the panel.
    """

    features: np.ndarray
    labels: np.ndarray
    centers: np.ndarray
    unseen: np.ndarray
    unseen_labels: np.ndarray
    caption: str = ""


def plot_features_plane(
    panels: Mapping[str, Features],
    names: Sequence[str],
    path: str | os.PathLike,
) -> None:
    """Draws features of two dimensions (the paper's Figure 3), by loss.

    Above, the features as the network gives them. Below, their directions: on
    the circle, each class has bars outwards, 2 degrees wide, whose length is
    the square root of the share of the class that points there; the same for
    unseen classes inwards, in grey. Lines point to the class centres.

    Args:
        panels: What to draw, by name of the loss.
        names: Of the classes, trained ones first, then unseen ones.
        path: Where to write; .png, .svg or .pdf.

    Raises:
        ValueError: when there is no panel, features are not of two dimensions
            or names do not fit.

    Reference:
    - [Deng et al., 2019, Figure 3](https://arxiv.org/abs/1801.07698)
    """
    _check(panels, names, dim=2)
    with style.figure(
        path, len(panels), 2, height=3.15, width=2.9 * len(panels)
    ) as axes:
        for column, (title, panel) in enumerate(panels.items()):
            axes[0, column].set_title(title)
            _scatter_plane(axes[0, column], panel)
            _circle(axes[1, column], panel)
            axes[1, column].set_xlabel(panel.caption)
        _legend(axes[0, 0].figure, names, next(iter(panels.values())))


def plot_features_sphere(
    panels: Mapping[str, Features],
    names: Sequence[str],
    path: str | os.PathLike,
) -> None:
    """Draws directions of features of three dimensions on a sphere, by loss.

    Above its front, below its back as if seen through: each direction is in
    one of the two. Crosses are the class centres.

    Args:
        panels: What to draw, by name of the loss.
        names: Of the classes, trained ones first, then unseen ones.
        path: Where to write; .png, .svg or .pdf.

    Raises:
        ValueError: when there is no panel, features are not of three
            dimensions or names do not fit.
    """
    _check(panels, names, dim=3)
    with style.figure(
        path, len(panels), 2, height=3.0, width=2.9 * len(panels)
    ) as axes:
        for column, (title, panel) in enumerate(panels.items()):
            axes[0, column].set_title(title)
            for row, (face, side) in enumerate(_FACES.items()):
                _globe(axes[row, column], panel, side)
                if column == 0:
                    axes[row, 0].set_ylabel(face)
            axes[1, column].set_xlabel(panel.caption)
        _legend(axes[0, 0].figure, names, next(iter(panels.values())))


def _check(panels, names, dim):
    if not panels:
        raise ValueError("`panels` must name at least one loss.")
    for title, panel in panels.items():
        found = {
            len(panel.centers) + len(np.unique(panel.unseen_labels)),
            len(names),
        }
        shapes = {
            part.shape[1:]
            for part in (panel.features, panel.centers, panel.unseen)
        }
        if shapes != {(dim,)} or len(found) > 1:
            raise ValueError(
                f"`panels[{title!r}]` must hold features and centres of {dim} "
                "dimensions, of as many classes as there are names. Received: "
                f"shapes {sorted(shapes)}, {len(panel.centers)} centres, "
                f"{len(names)} names."
            )


def _scatter_plane(axis, panel):
    extent = 1.08 * np.quantile(
        np.abs(np.concatenate([panel.features, panel.unseen])), 0.998
    )
    for label, center in enumerate(_unit(panel.centers)):
        axis.plot(*np.outer([0, 1.4 * extent], center).T, **_ray(label))
    _dots(axis, panel, lambda rows: rows, np.ones(len(panel.features), bool))
    _unseen_dots(axis, panel, lambda rows: rows, slice(None))
    axis.set_xlim(-extent, extent)
    axis.set_ylim(-extent, extent)
    _square(axis)


def _circle(axis, panel):
    """Draws a circle, trained classes outwards of it and unseen inwards."""
    round_ = np.linspace(0, 2 * np.pi, 361)
    axis.plot(np.cos(round_), np.sin(round_), color=style.GREY, linewidth=0.6)
    for label, center in enumerate(_unit(panel.centers)):
        axis.plot(*np.outer([0, 1], center).T, **_ray(label))
        mine = panel.features[panel.labels == label]
        _bars(axis, mine, _OUTWARD, COLOURS[label % len(COLOURS)])
    for label in np.unique(panel.unseen_labels):
        mine = panel.unseen[panel.unseen_labels == label]
        _bars(axis, mine, -_INWARD, UNSEEN[label % len(UNSEEN)])
    axis.set_xlim(-1 - _OUTWARD, 1 + _OUTWARD)
    axis.set_ylim(-1 - _OUTWARD, 1 + _OUTWARD)
    _square(axis)


def _bars(axis, features, length, colour):
    from matplotlib.collections import PolyCollection

    angles = np.degrees(np.arctan2(features[:, 1], features[:, 0])) % 360
    counts, edges = np.histogram(angles, np.arange(0, 360 + _BIN, _BIN))
    filled = np.flatnonzero(counts)
    tops = 1 + length * np.sqrt(counts[filled] / len(features))
    start, end = np.radians(edges[filled]), np.radians(edges[filled + 1])
    corners = [(start, 1.0), (end, 1.0), (end, tops), (start, tops)]
    quads = np.stack(
        [
            np.stack([r * np.cos(angle), r * np.sin(angle)], axis=-1)
            for angle, r in corners
        ],
        axis=1,
    )
    axis.add_collection(
        PolyCollection(quads, facecolors=colour, alpha=0.75, linewidths=0)
    )


def _globe(axis, panel, side):
    """Draws one half of the sphere: the front (1) or the back (-1)."""
    round_ = np.linspace(0, 2 * np.pi, 361)
    axis.fill(np.cos(round_), np.sin(round_), color="#F6F6F6", zorder=0)
    axis.plot(np.cos(round_), np.sin(round_), color=style.GREY, linewidth=0.6)
    for line in _graticule():
        seen = np.where((line[:, 2] * side >= 0)[:, None], line[:, :2], np.nan)
        axis.plot(*seen.T, color="#DDDDDD", linewidth=0.5, zorder=1)
    seen = _unit(panel.features)[:, 2] * side >= 0
    _dots(axis, panel, _unit, seen)
    _unseen_dots(axis, panel, _unit, _unit(panel.unseen)[:, 2] * side >= 0)
    centers = _unit(panel.centers)
    centers = centers[centers[:, 2] * side >= 0]
    axis.plot(*centers[:, :2].T, "P", color="black", mec="white", ms=7)
    axis.set_xlim(-1.06, 1.06)
    axis.set_ylim(-1.06, 1.06)
    _square(axis)


def _graticule():
    """Yields meridians and parallels, each `(points, 3)`, poles tilted."""
    tilt = np.array(
        [
            [1, 0, 0],
            [0, np.cos(_TILT), -np.sin(_TILT)],
            [0, np.sin(_TILT), np.cos(_TILT)],
        ]
    )
    round_ = np.radians(np.arange(0, 361, 3))
    for latitude in np.radians(np.arange(-60, 61, 30)):
        yield _on_sphere(round_, np.full_like(round_, latitude)) @ tilt.T
    for longitude in np.radians(np.arange(0, 180, 30)):
        yield _on_sphere(np.full_like(round_, longitude), round_) @ tilt.T


def _on_sphere(longitude, latitude):
    ring = np.cos(latitude)
    return np.stack(
        [
            ring * np.sin(longitude),
            np.sin(latitude),
            ring * np.cos(longitude),
        ],
        axis=1,
    )


def _dots(axis, panel, place, seen):
    for label in range(len(panel.centers)):
        mine = panel.features[seen & (panel.labels == label)]
        if len(mine):
            axis.plot(
                *place(mine)[:, :2].T,
                ".",
                color=COLOURS[label % len(COLOURS)],
                alpha=0.5,
                markersize=3,
                markeredgewidth=0,
                zorder=2,
            )


def _unseen_dots(axis, panel, place, seen):
    rows, labels = panel.unseen[seen], panel.unseen_labels[seen]
    for label in np.unique(labels):
        axis.plot(
            *place(rows[labels == label])[:, :2].T,
            UNSEEN_MARKS[label % len(UNSEEN_MARKS)],
            color=UNSEEN[label % len(UNSEEN)],
            alpha=0.6,
            markersize=2.6,
            markeredgewidth=0.6,
            zorder=2.5,
        )


def _ray(label):
    colour = COLOURS[label % len(COLOURS)]
    return {"color": colour, "linewidth": 0.9, "zorder": 1}


def _unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def _square(axis):
    axis.set_aspect("equal")
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set_visible(False)


def _legend(drawing, names, panel):
    from matplotlib.lines import Line2D

    trained = len(panel.centers)
    marks = []
    for index, name in enumerate(style.text(name, 24) for name in names):
        unseen = index - trained
        if unseen < 0:
            look = {"color": COLOURS[index % len(COLOURS)], "marker": "o"}
        else:
            look = {
                "color": UNSEEN[unseen % len(UNSEEN)],
                "marker": UNSEEN_MARKS[unseen % len(UNSEEN_MARKS)],
            }
            name = f"{name} (never seen)"
        marks.append(Line2D([], [], linestyle="", ms=4, label=name, **look))
    drawing.legend(
        handles=marks,
        loc="outside lower center",
        ncols=len(names),
        columnspacing=1.2,
        handletextpad=0.1,
    )
