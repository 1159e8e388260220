"""The linear angular margin (Li-ArcFace, AirFace)."""

import math

import keras

from keras_arcface import numerics
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import Uniform


def linear_angle(cosine, margin=0.0):
    """Returns (pi - 2 (theta + margin)) / pi: 1 at 0, -1 at 180 degrees.

    Args:
        cosine: Float tensor of any shape.
        margin: Float or tensor, radians.

    Returns:
        Float tensor of the same shape, at least float32.
    """
    moved = numerics.exact_angle(cosine) + margin
    return 1.0 - (2.0 / math.pi) * moved


@keras.saving.register_keras_serializable(package="keras_arcface")
class LiArcFace(Margin):
    """Logits that are linear in the angle, with an additive margin.

        target = (pi - 2 (theta + m)) / pi,   others = (pi - 2 theta_j) / pi

    Falls evenly over the whole range, so there is no tail to care for. The
    negatives are linear in the angle too (Keras_insightface's `AirFaceLoss`
    leaves them cosines). At strength 0 a softmax of linear angles remains.

    Args:
        margin: Float in [0, pi/2), radians. Defaults to `0.45`.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a margin outside [0, pi/2).

    Reference:
    - [Li et al., 2019](https://arxiv.org/abs/1907.12256)
    """

    search_space = {"margin": Uniform(0.05, 0.7)}

    def __init__(self, margin=0.45, **kwargs):
        super().__init__(**kwargs)
        self.margin = check_angle(margin)

    def penalize(self, cosine, strength=1.0):
        return linear_angle(cosine, self.margin * strength)

    def bend(self, cosine, target, penalized, strength=1.0):
        return linear_angle(cosine)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
