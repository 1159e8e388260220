"""Where two classes end, in the plane of the angles to their centres.

With theta_1 and theta_2 the angles of an embedding to two class centres, the
loss is content with an embedding of class 1 beyond

    softmax       |W_1| cos(theta_1) = |W_2| cos(theta_2)
    SphereFace    cos(m theta_1) = cos(theta_2)
    CosFace       cos(theta_1) - m = cos(theta_2)
    ArcFace       theta_1 + m = theta_2

and of class 2 beyond the same with the classes exchanged.
"""

import math
import os
from collections.abc import Callable

import numpy as np

from keras_arcface.plots import style

STEPS = 721
AREA = "#D9D9D9"
# |W_1| / |W_2| of the two further boundaries of softmax.
LENGTHS = (0.8, 1.25)
Boundary = Callable[[np.ndarray], np.ndarray]


def plot_decision_boundaries(
    path: str | os.PathLike,
    *,
    sphereface: float = 1.35,
    cosface: float = 0.35,
    arcface: float = 0.5,
) -> None:
    """Draws the decision boundaries of two classes (the paper's Figure 5).

    One panel a loss, over the angles to both centres in [0, 90] degrees. The
    grey area is the margin: embeddings there are on the right side of neither
    boundary. Only that of ArcFace is as wide everywhere; that of SphereFace
    vanishes near the centre, and that of CosFace bends. Softmax has none, and
    its boundary moves where the centres are not of equal length.

    Args:
        path: Where to write; .png, .svg or .pdf.
        sphereface: Factor m of the angle, at least 1.
        cosface: Margin m, cosine units, in [0, 1).
        arcface: Margin m, radians, in [0, pi/2).

    Raises:
        ValueError: for a margin outside of these.

    Reference:
    - [Deng et al., 2019, Figure 5](https://arxiv.org/abs/1801.07698)
    """
    _check_margins(sphereface, cosface, arcface)
    panels = {
        "softmax: |W₁| cos θ₁ = |W₂| cos θ₂": softmax_boundary(1.0),
        f"SphereFace: cos {sphereface:g}θ₁ = cos θ₂": (
            sphereface_boundary(sphereface)
        ),
        f"CosFace: cos θ₁ − {cosface:g} = cos θ₂": cosface_boundary(cosface),
        f"ArcFace: θ₁ + {arcface:g} = θ₂": arcface_boundary(arcface),
    }
    with style.figure(path, columns=4, height=2.9, width=10.4) as axes:
        for axis, (title, boundary) in zip(
            axes[0], panels.items(), strict=True
        ):
            _draw(axis, title, boundary)
        _draw_unequal_lengths(axes[0, 0])
        axes[0, 0].set_ylabel("θ₂, angle to centre 2 (degrees)")


def softmax_boundary(ratio: float) -> Boundary:
    """Returns theta_2 over theta_1, radians, with ratio = |W_1| / |W_2|."""

    def boundary(theta):
        return _arccos(ratio * np.cos(theta))

    return boundary


def sphereface_boundary(margin: float) -> Boundary:
    """Returns theta_2 over theta_1, radians; NaN beyond 180 degrees."""

    def boundary(theta):
        moved = margin * theta
        return np.where(moved <= math.pi, moved, np.nan)

    return boundary


def cosface_boundary(margin: float) -> Boundary:
    """Returns theta_2 over theta_1, radians; NaN beyond 180 degrees."""

    def boundary(theta):
        return _arccos(np.cos(theta) - margin)

    return boundary


def arcface_boundary(margin: float) -> Boundary:
    """Returns theta_2 over theta_1, radians; NaN beyond 180 degrees."""

    def boundary(theta):
        moved = theta + margin
        return np.where(moved <= math.pi, moved, np.nan)

    return boundary


def _arccos(cosine):
    with np.errstate(invalid="ignore"):
        return np.arccos(np.where(np.abs(cosine) <= 1, cosine, np.nan))


def _draw(axis, title, boundary):
    theta = np.linspace(0, math.pi / 2, STEPS)
    x, y = np.degrees(theta), np.degrees(boundary(theta))
    # Outside of the panel the margin goes on; what is drawn ends at 90.
    above = np.minimum(np.nan_to_num(y, nan=180.0), 90.0)
    axis.fill_between(x, x, above, color=AREA, linewidth=0)
    axis.fill_betweenx(x, x, above, color=AREA, linewidth=0)
    axis.plot(x, y, label="class 1", **style.line_style(0))
    axis.plot(y, x, label="class 2", **style.line_style(1))
    if (above > x + 1).any():
        words = {"rotation": 45, "rotation_mode": "anchor", "ha": "center"}
        axis.text(59, 57, "margin", color=style.GREY, **words)
    axis.text(2, 88, "class 1", ha="left", va="top", color=style.BLUE)
    axis.text(88, 2, "class 2", ha="right", va="bottom", color=style.ORANGE)
    axis.set_title(title)
    axis.set_xlabel("θ₁, angle to centre 1 (degrees)")
    for side in (axis.set_xticks, axis.set_yticks):
        side(range(0, 91, 30))
    axis.set_xlim(0, 90)
    axis.set_ylim(0, 90)
    axis.set_aspect("equal")
    axis.grid(False)


def _draw_unequal_lengths(axis):
    theta = np.linspace(0, math.pi / 2, STEPS)
    for ratio in LENGTHS:
        axis.plot(
            np.degrees(theta),
            np.degrees(softmax_boundary(ratio)(theta)),
            color=style.GREY,
            linestyle=":",
            linewidth=1,
            label=f"|W₁| = {ratio:g} |W₂|",
        )
    small = {"fontsize": 7, "color": style.GREY}
    low, high = (f"|W₁| = {ratio:g} |W₂|" for ratio in LENGTHS)
    axis.text(2, 50, low, va="bottom", **small)
    axis.text(44, 15, high, va="bottom", **small)


def _check_margins(sphereface, cosface, arcface):
    if not 1 <= sphereface < math.inf:
        raise ValueError(
            "`sphereface` must be a factor of at least 1. Received: "
            f"{sphereface}."
        )
    if not 0 <= cosface < 1:
        raise ValueError(
            f"`cosface` must be in [0, 1), cosine units. Received: {cosface}."
        )
    if not 0 <= arcface < math.pi / 2:
        hint = ""
        if 2 <= arcface <= 90:
            radians = math.radians(arcface)
            hint = f" This looks like degrees: {arcface} are {radians:.3f}."
        raise ValueError(
            f"`arcface` must be in [0, pi/2) radians. Received: {arcface}."
            + hint
        )
