"""The margin that grows with the length of the feature (MagFace)."""

import keras
from keras import ops

from keras_arcface.margins.arcface import TAILS
from keras_arcface.margins.arcface import arcface
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import LogUniform


def magface_margin(norm, norms, margins):
    """Returns the margin of each length: linear between the bounds.

    Args:
        norm: Float tensor `(batch,)` of lengths, clipped to the bounds.
        norms: Two floats, the bounds of the lengths.
        margins: Two floats or tensors, the margins at the bounds, radians.

    Returns:
        Float tensor `(batch,)`, radians; differentiable by the length.
    """
    (low, high), (least, most) = norms, margins
    slope = (most - least) / (high - low)
    return slope * (ops.clip(norm, low, high) - low) + least


def magface_penalty(norm, norms):
    """Returns g(a) = 1/a + a/u^2, which asks for long features.

    Args:
        norm: Float tensor `(batch,)` of lengths, clipped to the bounds.
        norms: Two floats, the bounds; u is the upper one.

    Returns:
        Float tensor `(batch,)`.
    """
    norm = ops.clip(norm, *norms)
    return 1.0 / norm + norm / norms[1] ** 2


@keras.saving.register_keras_serializable(package="keras_arcface")
class MagFace(Margin):
    """ArcFace with a margin that grows with the feature's length.

        a = clip(|x|, l_a, u_a)
        target = cos(theta + m(a)),   m(a) linear from l_m to u_m
        loss = cross entropy + norm_weight (1/a + a/u_a^2)

    Good pictures end up with long features, so the length becomes a measure of
    quality. The second part of the loss is a term of its own: `ArcFaceModel`
    shows it as `norm_penalty`, `margin_loss` includes it, and in a functional
    model it is added with `add_loss`. Gradients flow through the length.

    The strength scales both margins; the penalty stays.

    Args:
        norms: (l_a, u_a), bounds of the length. Defaults to `(10, 110)`.
        margins: (l_m, u_m), margins at the bounds, radians. Defaults to
            `(0.45, 0.8)`.
        norm_weight: Float >= 0, weight of the penalty. Defaults to `35`, the
            authors' training script; their parser's 20 is below the 22.6 that
            the paper asks for with these bounds.
        tail: As of `ArcFace`. Defaults to `"easy"`, the authors' choice.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for bounds that do not rise, a value outside its range or
            an unknown tail.

    Reference:
    - [Meng et al., 2021](https://arxiv.org/abs/2103.06627)
    """

    # The two margins are one argument, which is no number: they stay.
    search_space = {"norm_weight": LogUniform(0.3, 100.0)}

    reads = ("norm",)
    has_penalty = True

    def __init__(
        self,
        norms=(10.0, 110.0),
        margins=(0.45, 0.8),
        norm_weight=35.0,
        tail="easy",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.norms = _rising("norms", norms)
        self.margins = _rising("margins", margins)
        for margin in self.margins:
            check_angle(margin, "margins")
        self.norm_weight = check_number("norm_weight", norm_weight, 0.0)
        self.tail = check_choice("tail", tail, TAILS)

    def penalize(self, cosine, strength=1.0, norm=None):
        margin = magface_margin(norm, self.norms, self.margins)
        return arcface(cosine, margin * strength, self.tail)

    def penalty(self, norm):
        return self.norm_weight * magface_penalty(norm, self.norms)

    def get_config(self):
        return {
            **super().get_config(),
            "norms": self.norms,
            "margins": self.margins,
            "norm_weight": self.norm_weight,
            "tail": self.tail,
        }


def _rising(name, bounds):
    if not isinstance(bounds, (list, tuple)) or len(bounds) != 2:
        raise ValueError(
            f"{name} must be two numbers, (lower, upper). Received: "
            f"{name}={bounds!r}."
        )
    low, high = (check_number(name, bound, 0.0) for bound in bounds)
    if low > high or high == 0.0 or (name == "norms" and low in (0.0, high)):
        raise ValueError(
            f"{name} must be positive and rise from lower to upper. Received: "
            f"{name}=({low:g}, {high:g})."
        )
    return low, high
