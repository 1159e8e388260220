"""What each margin makes of the target logit, over the angle."""

import os
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.plots import style


def plot_target_logits(
    degrees: ArrayLike,
    curves: Mapping[str, ArrayLike],
    path: str | os.PathLike,
) -> None:
    """Draws the target logit against the angle (the paper's Figure 4b).

    The lower a curve lies under that of softmax, the more its margin takes
    away at that angle; its slope is how hard it pulls.

    Args:
        degrees: Angles between an embedding and its class centre, rising,
            in [0, 180], `(angles,)`. The paper shows 20 to 100.
        curves: Target logits divided by the scale, `(angles,)`, by name. NaN
            leaves a gap.
        path: Where to write; .png, .svg or .pdf.

    Raises:
        ValueError: when there is no curve, or one does not fit the angles.

    Reference:
    - [Deng et al., 2019, Figure 4](https://arxiv.org/abs/1801.07698)
    """
    degrees = _check_degrees(degrees)
    checked = {
        name: _check_curve(name, curve, degrees)
        for name, curve in curves.items()
    }
    if not checked:
        raise ValueError("`curves` must name at least one margin.")
    height = 3.2 + 0.17 * max(0, len(checked) - 6)
    with style.figure(path, height=height) as axes:
        axis = axes[0, 0]
        for index, (name, curve) in enumerate(checked.items()):
            label = style.text(name, 32)
            axis.plot(degrees, curve, label=label, **style.line_style(index))
        axis.axhline(0, color=style.GREY, linewidth=0.7)
        axis.set_xlim(degrees[0], degrees[-1])
        axis.set_xlabel("angle to own class centre (degrees)")
        axis.set_ylabel("target logit / scale")
        axis.legend(loc="best")


def _check_degrees(degrees):
    degrees = np.asarray(degrees, np.float64)
    if (
        degrees.ndim != 1
        or degrees.size < 2
        or not (np.diff(degrees) > 0).all()
        or not 0 <= degrees[0] <= degrees[-1] <= 180
    ):
        raise ValueError(
            "`degrees` must be two or more rising angles in [0, 180]. "
            f"Received: shape {degrees.shape}, {degrees[:3]} ..."
        )
    return degrees


def _check_curve(name, curve, degrees):
    curve = np.asarray(curve, np.float64)
    if curve.shape != degrees.shape or not np.isfinite(curve).any():
        raise ValueError(
            f"`curves[{name!r}]` must hold a target logit for each of the "
            f"{degrees.size} angles. Received: shape {curve.shape}."
        )
    return curve
