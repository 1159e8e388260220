"""Support vectors under a margin (MV-Softmax)."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.arcface import TAILS
from keras_arcface.margins.arcface import arcface
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.cosface import check_cosine_margin
from keras_arcface.margins.cosface import cosface
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import Uniform

_DEFAULT_MARGIN = {"arc": 0.5, "am": 0.35}
_DEFAULT_TAIL = {"arc": "reflect", "am": "raw"}
_TAILS = {"arc": TAILS, "am": ("raw", "easy")}


def mv_negatives(cosine, penalized, t):
    """Returns negatives, those above the target as (t + 1) cos + t.

    Args:
        cosine: Float tensor `(batch, classes)`.
        penalized: Float tensor `(batch, 1)`, the target under its margin. A
            negative above it is misclassified.
        t: Float or scalar tensor >= 0.

    Returns:
        Float tensor `(batch, classes)`.
    """
    return ops.where(cosine > penalized, (t + 1.0) * cosine + t, cosine)


@keras.saving.register_keras_serializable(package="keras_arcface")
class MVSoftmax(Margin):
    """Raises the negatives that a sample is mistaken for.

        misclassified (cos(theta_j) > target):  (t + 1) cos(theta_j) + t

    The strength scales the margin and t.

    Args:
        kind: `"arc"` for MV-Arc-Softmax, `"am"` for MV-AM-Softmax (a cosine
            margin). Defaults to `"arc"`.
        margin: Radians for `"arc"`, 0.5 by default; units of cosine for
            `"am"`, 0.35 by default.
        t: Float >= 0, how much the misclassified weigh. Defaults to `0.2`.
        tail: For `"arc"` as of `ArcFace`, `"reflect"` by default; for `"am"`
            `"raw"` (default), or `"easy"` for no margin beyond 90 degrees.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a value outside its range or an unknown option.

    Reference:
    - [Wang et al., 2020](https://arxiv.org/abs/1912.00833), where the scale
      is 32.
    """

    # Radians or units of cosine: the same numbers suit both.
    search_space = {
        "margin": Uniform(0.05, 0.7),
        "t": Uniform(0.0, 0.5),
    }

    def __init__(self, kind="arc", margin=None, t=0.2, tail=None, **kwargs):
        super().__init__(**kwargs)
        self.kind = check_choice("kind", kind, tuple(_DEFAULT_MARGIN))
        margin = _DEFAULT_MARGIN[kind] if margin is None else margin
        check = check_angle if kind == "arc" else check_cosine_margin
        self.margin = check(margin)
        self.t = check_number("t", t, 0.0)
        tail = _DEFAULT_TAIL[kind] if tail is None else tail
        self.tail = check_choice("tail", tail, _TAILS[kind])

    def penalize(self, cosine, strength=1.0):
        cosine = numerics.at_least_float32(cosine)
        if self.kind == "arc":
            return arcface(cosine, self.margin * strength, self.tail)
        moved = cosface(cosine, self.margin * strength)
        return ops.where(cosine > 0, moved, cosine) if self._easy() else moved

    def bend(self, cosine, target, penalized, strength=1.0):
        return mv_negatives(cosine, penalized, self.t * strength)

    def _easy(self):
        return self.tail == "easy"

    def get_config(self):
        return {
            **super().get_config(),
            "kind": self.kind,
            "margin": self.margin,
            "t": self.t,
            "tail": self.tail,
        }
