"""The additive cosine margin (CosFace)."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import Uniform


def cosface(cosine, margin):
    """Returns cos(theta) - margin of the target cosines.

    Args:
        cosine: Float tensor `(batch,)`.
        margin: Float, scalar or `(batch,)` tensor, in units of cosine.

    Returns:
        Float tensor `(batch,)`, at least float32.

    Reference:
    - [Wang et al., 2018](https://arxiv.org/abs/1801.09414)
    """
    cosine = numerics.at_least_float32(cosine)
    return cosine - ops.convert_to_tensor(margin, dtype=cosine.dtype)


@keras.saving.register_keras_serializable(package="keras_arcface")
class CosFace(Margin):
    """Subtracts a constant from the target cosine: cos(theta) - margin.

    Also known as AM-Softmax and LMCL. Easier to start than ArcFace, since its
    gradient is that of the norm-softmax; its margin in angle shrinks towards
    90 degrees.

    Args:
        margin: Float in [0, 1), in units of cosine. Defaults to `0.35` (the
            paper); insightface trains Glint360K and WebFace with 0.4.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a margin outside [0, 1).

    Reference:
    - [Wang et al., 2018](https://arxiv.org/abs/1801.09414)
    """

    search_space = {"margin": Uniform(0.05, 0.7)}

    def __init__(self, margin=0.35, **kwargs):
        super().__init__(**kwargs)
        self.margin = check_cosine_margin(margin)

    def penalize(self, cosine, strength=1.0):
        return cosface(cosine, self.margin * strength)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}


def check_cosine_margin(margin, name="margin"):
    """Returns a margin in units of cosine, or says what is wrong with it."""
    margin = check_number(name, margin)
    if not 0.0 <= margin < 1.0:
        raise ValueError(
            f"{name} must be in [0, 1), in units of cosine. Received: "
            f"{name}={margin:g}. CosFace's value is 0.35."
        )
    return margin
