"""The margin that adapts to the quality of a picture (AdaFace)."""

import math

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Uniform

# The authors' bounds: of lengths, of cosines and angles, beside the deviation.
_NORM_BOUNDS = (1e-3, 100.0)
_EDGE = 1e-3


def quality(norm, mean, deviation, h):
    """Returns the quality in [-1, 1] that a feature's length stands for.

        z = clip((|x| - mean) / (deviation + 1e-3) * h, -1, 1)

    Args:
        norm: Float tensor `(batch,)`, lengths; no gradient flows into them.
        mean: Float or scalar tensor, running mean of the lengths.
        deviation: Float or scalar tensor, their running deviation.
        h: Float, how many deviations reach the bounds.

    Returns:
        Float tensor `(batch,)`.
    """
    norm = clip_norm(ops.stop_gradient(norm))
    return ops.clip((norm - mean) / (deviation + 1e-3) * h, -1.0, 1.0)


def clip_norm(norm):
    """Clips lengths to the authors' bounds, 0.001 and 100."""
    return ops.clip(norm, *_NORM_BOUNDS)


def adaface(cosine, margin, quality):
    """Returns cos(theta - m z) - (m + m z) of the target cosines.

    At quality -1 this is ArcFace's margin, at 0 CosFace's, and at 1 a negative
    angle with twice the cosine margin.

    Args:
        cosine: Float tensor `(batch,)`.
        margin: Float or scalar tensor.
        quality: Float tensor `(batch,)` in [-1, 1].

    Returns:
        Float tensor `(batch,)`, at least float32.
    """
    theta = ops.arccos(clip_to_edge(cosine))
    moved = ops.clip(theta - margin * quality, _EDGE, math.pi - _EDGE)
    return ops.cos(moved) - (margin + margin * quality)


def clip_to_edge(cosine):
    """Clips cosines to +-0.999, as the authors do with all of them."""
    cosine = numerics.at_least_float32(cosine)
    return ops.clip(cosine, -1.0 + _EDGE, 1.0 - _EDGE)


def unbiased_deviation(values):
    """Returns the standard deviation with N - 1; 0 for a single value."""
    size = ops.cast(ops.shape(values)[0], values.dtype)
    square = ops.sum(ops.square(values - ops.mean(values)))
    return ops.sqrt(square / ops.maximum(size - 1.0, 1.0))


@keras.saving.register_keras_serializable(package="keras_arcface")
class AdaFace(Margin):
    """A margin that is angular for poor pictures and additive for good ones.

        z = clip((|x| - mean) / (deviation + 1e-3) h, -1, 1)
        target = cos(theta - m z) - (m + m z)

    The length of the features stands for the quality of the picture, so hard
    good pictures are emphasised and hopeless ones are not. Mean and deviation
    of the lengths are running averages, saved states. All cosines are clipped
    to +-0.999, as in the authors' code; no gradient flows into the lengths.

    The strength scales the margin.

    Args:
        margin: Float in [0, pi/2). Defaults to `0.4`.
        h: Float > 0, the concentration. Defaults to `0.333`.
        t_alpha: Float in (0, 1], the weight of a batch in the running
            averages. Defaults to `0.01`, that of the published runs; the class
            in the authors' code has 1.0.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a value outside its range.

    Reference:
    - [Kim et al., 2022](https://arxiv.org/abs/2204.00964)
    """

    search_space = {
        "margin": Uniform(0.05, 0.7),
        "h": LogUniform(0.1, 1.0),
    }

    reads = ("norm",)
    keeps_state = True

    def __init__(self, margin=0.4, h=0.333, t_alpha=0.01, **kwargs):
        super().__init__(**kwargs)
        self.margin = check_angle(margin)
        self.h = check_number("h", h)
        self.t_alpha = check_number("t_alpha", t_alpha)
        if self.h <= 0.0:
            raise ValueError(f"h must be above 0. Received: h={h:g}.")
        if not 0.0 < self.t_alpha <= 1.0:
            raise ValueError(
                f"t_alpha must be in (0, 1]. Received: t_alpha={t_alpha:g}."
            )
        self.mean = self.add_state("mean", 20.0)
        self.deviation = self.add_state("deviation", 100.0)

    def penalize(self, cosine, strength=1.0, norm=None):
        mean = ops.convert_to_tensor(self.mean)
        deviation = ops.convert_to_tensor(self.deviation)
        z = quality(norm, mean, deviation, self.h)
        return adaface(cosine, self.margin * strength, z)

    def bend(self, cosine, target, penalized, strength=1.0):
        return clip_to_edge(cosine)

    def update(self, cosine, norm, log_negatives):
        norm = clip_norm(ops.stop_gradient(norm))
        self._follow(self.mean, ops.mean(norm))
        # One sample has no deviation: what was known of it stays.
        several = ops.shape(norm)[0] > 1
        deviation = ops.convert_to_tensor(self.deviation)
        seen = ops.where(several, unbiased_deviation(norm), deviation)
        self._follow(self.deviation, seen)

    def _follow(self, state, value):
        before = ops.convert_to_tensor(state)
        moved = self.t_alpha * value + (1.0 - self.t_alpha) * before
        self.move_state(state, moved)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "h": self.h,
            "t_alpha": self.t_alpha,
        }
