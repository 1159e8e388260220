"""The margin with a curriculum of hard negatives (CurricularFace)."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.arcface import TAILS
from keras_arcface.margins.arcface import arcface
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import Uniform


def curricular_negatives(cosine, moved, t):
    """Returns negatives, the hard ones multiplied by (t + cos(theta_j)).

    Args:
        cosine: Float tensor `(batch, classes)`.
        moved: Float tensor `(batch, 1)`, cos(theta_y + m) of the targets. A
            negative above it is hard.
        t: Float or scalar tensor, the stage of the curriculum.

    Returns:
        Float tensor `(batch, classes)`. A hard negative with a negative cosine
        changes its sign where t + cos < 0, as in the authors' code.
    """
    return ops.where(cosine > moved, cosine * (t + cosine), cosine)


@keras.saving.register_keras_serializable(package="keras_arcface")
class CurricularFace(Margin):
    """ArcFace that learns from easy negatives first and hard ones later.

        hard (cos(theta_j) > cos(theta_y + m)):  cos(theta_j) (t + cos(theta_j))

    t, a saved state, is the running mean of the target cosines: it starts at 0,
    where hard negatives count less, and rises as the network learns.

    The strength scales the margin, and blends the change of the negatives in.

    Args:
        margin: Float in [0, pi/2), radians. Defaults to `0.5`.
        tail: As of `ArcFace`. Defaults to `"linear"`, the authors' choice.
        momentum: Float in [0, 1): t = (1 - momentum) mean + momentum t.
            Defaults to `0.99`.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a value outside its range or an unknown option.

    Reference:
    - [Huang et al., 2020](https://arxiv.org/abs/2004.00288)
    """

    search_space = {"margin": Uniform(0.05, 0.7)}

    keeps_state = True

    def __init__(self, margin=0.5, tail="linear", momentum=0.99, **kwargs):
        super().__init__(**kwargs)
        self.margin = check_angle(margin)
        self.tail = check_choice("tail", tail, TAILS)
        self.momentum = check_number("momentum", momentum, 0.0, 1.0)
        self.t = self.add_state("t")

    def penalize(self, cosine, strength=1.0):
        return arcface(cosine, self.margin * strength, self.tail)

    def bend(self, cosine, target, penalized, strength=1.0):
        moved = arcface(target, self.margin * strength, "raw")
        t = ops.cast(ops.convert_to_tensor(self.t), cosine.dtype)
        bent = curricular_negatives(cosine, moved, t)
        return cosine + strength * (bent - cosine)

    def update(self, cosine, norm, log_negatives):
        mean = ops.mean(ops.stop_gradient(numerics.at_least_float32(cosine)))
        before = ops.convert_to_tensor(self.t)
        moved = (1.0 - self.momentum) * mean + self.momentum * before
        self.move_state(self.t, moved)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "tail": self.tail,
            "momentum": self.momentum,
        }
