"""Circle loss over classes."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import Uniform


def circle_target(cosine, margin):
    """Returns [1 + m - c]_+ (c - (1 - m)); the factor has no gradient."""
    cosine = numerics.at_least_float32(cosine)
    weight = ops.stop_gradient(ops.relu(1.0 + margin - cosine))
    return weight * (cosine - (1.0 - margin))


def circle_negatives(cosine, margin):
    """Returns [c + m]_+ (c - m); the factor has no gradient."""
    cosine = numerics.at_least_float32(cosine)
    weight = ops.stop_gradient(ops.relu(cosine + margin))
    return weight * (cosine - margin)


@keras.saving.register_keras_serializable(package="keras_arcface")
class Circle(Margin):
    """Circle loss with class centres: what is far from its goal pulls more.

        target = [1 + m - c_y]_+ (c_y - (1 - m))
        others = [c_j + m]_+ (c_j - m)

    With one positive, the class-level form is softmax cross entropy of these.
    Its scale is the paper's gamma: 256 for faces, where ArcFace has 64. For
    pairs of embeddings there is `keras.losses.Circle`.

    The strength scales m. At strength 0 a quadratic softmax remains, not the
    norm-softmax.

    Args:
        margin: Float in [0, 1), the relaxation m. Defaults to `0.25`.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a margin outside [0, 1).

    Reference:
    - [Sun et al., 2020](https://arxiv.org/abs/2002.10857)
    """

    search_space = {"margin": Uniform(0.05, 0.5)}

    def __init__(self, margin=0.25, **kwargs):
        super().__init__(**kwargs)
        self.margin = check_number("margin", margin, 0.0, 1.0)

    def penalize(self, cosine, strength=1.0):
        return circle_target(cosine, self.margin * strength)

    def bend(self, cosine, target, penalized, strength=1.0):
        return circle_negatives(cosine, self.margin * strength)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
