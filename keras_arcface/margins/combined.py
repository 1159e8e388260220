"""The combined margin, and SphereFace, its multiplicative part."""

import math

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.arcface import GRADIENTS
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.cosface import check_cosine_margin
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import Uniform

TAILS = ("reflect", "raw")


def combined(cosine, m1=1.0, m2=0.0, m3=0.0, tail="reflect", gradient="exact"):
    """Returns cos(m1 theta + m2) - m3 of the target cosines.

    Args:
        cosine: Float tensor `(batch,)`.
        m1: Float or tensor, factor of the angle.
        m2: Float or tensor, radians, added to the angle.
        m3: Float or tensor, in units of cosine, subtracted.
        tail: `"reflect"` to fall on past m1 theta + m2 = pi, by `psi`; `"raw"`
            for the plain cosine, which rises there.
        gradient: `"exact"`, or `"straight_through"` (derivative 1).

    Returns:
        Float tensor `(batch,)`, at least float32.

    Reference:
    - [Deng et al., 2019, Eq. 4](https://arxiv.org/abs/1801.07698)
    """
    cosine = numerics.at_least_float32(cosine)
    moved = m1 * numerics.angle(cosine) + m2
    value = (psi(moved) if tail == "reflect" else ops.cos(moved)) - m3
    if gradient == "straight_through":
        return numerics.straight_through(cosine, value)
    return value


def psi(angle):
    """Returns the cosine, continued so that it falls for ever.

        psi(a) = (-1)^k cos(a) - 2 k,   k = floor(a / pi)

    Args:
        angle: Float tensor of angles >= 0, radians.

    Reference:
    - [Liu et al., 2017, Sec. 3.3](https://arxiv.org/abs/1704.08063)
    """
    turns = ops.stop_gradient(ops.floor(angle / math.pi))
    sign = 1.0 - 2.0 * ops.mod(turns, 2.0)
    return sign * ops.cos(angle) - 2.0 * turns


@keras.saving.register_keras_serializable(package="keras_arcface")
class Combined(Margin):
    """All three margins in one: cos(m1 theta + m2) - m3.

    `Combined(1, m, 0)` is ArcFace, `Combined(1, 0, m)` CosFace and
    `Combined(m, 0, 0)` SphereFace. The paper's CM1 is (1, 0.3, 0.2), its CM2
    (0.9, 0.4, 0.15). arcface_torch takes the same three numbers but ignores
    m1 and m2 where m3 > 0; this is the formula of the paper.

    The strength t gives m1 = 1 + (m1 - 1) t, m2 t and m3 t.

    Args:
        m1: Float > 0, factor of the angle. Defaults to `1.0`.
        m2: Float in [0, pi/2), radians. Defaults to `0.3`.
        m3: Float in [0, 1), in units of cosine. Defaults to `0.2`.
        tail: Past m1 theta + m2 = pi the cosine would rise. `"reflect"` lets
            it fall on, continuous and monotone; `"raw"` does nothing, as the
            paper's text. Defaults to `"reflect"`.
        gradient: `"exact"` or `"straight_through"`; see `ArcFace`.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a value outside its range or an unknown option.

    Reference:
    - [Deng et al., 2019, Eq. 4](https://arxiv.org/abs/1801.07698)
    """

    search_space = {
        "m1": Uniform(0.8, 1.2),
        "m2": Uniform(0.0, 0.5),
        "m3": Uniform(0.0, 0.4),
    }

    def __init__(
        self,
        m1=1.0,
        m2=0.3,
        m3=0.2,
        tail="reflect",
        gradient="exact",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.m1 = check_factor("m1", m1)
        self.m2 = check_angle(m2, "m2")
        self.m3 = check_cosine_margin(m3, "m3")
        self.tail = check_choice("tail", tail, TAILS)
        self.gradient = check_choice("gradient", gradient, GRADIENTS)

    def penalize(self, cosine, strength=1.0):
        return combined(
            cosine,
            1.0 + (self.m1 - 1.0) * strength,
            self.m2 * strength,
            self.m3 * strength,
            self.tail,
            self.gradient,
        )

    def get_config(self):
        return {
            **super().get_config(),
            "m1": self.m1,
            "m2": self.m2,
            "m3": self.m3,
            "tail": self.tail,
            "gradient": self.gradient,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class SphereFace(Margin):
    """Multiplies the target angle, on normalised features: cos(m theta).

    The form that the margin papers compare, with a scale like all others. For
    the original, whose features keep their length, see `ASoftmax`. With
    `margin=1.7, gradient="straight_through"` and a scale of 30 this is
    SphereFace-R.

    The strength t gives a margin of 1 + (m - 1) t.

    Args:
        margin: Float >= 1, factor of the angle. Defaults to `1.35`.
        tail: `"reflect"` (psi of the paper: falls for ever) or `"raw"`.
        gradient: `"exact"` or `"straight_through"`; see `ArcFace`.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a margin below 1 or an unknown option.

    Reference:
    - [Liu et al., 2017](https://arxiv.org/abs/1704.08063)
    - [Deng et al., 2019, Table 2](https://arxiv.org/abs/1801.07698)
    - [Liu et al., 2022 (SphereFace-R)](https://arxiv.org/abs/2109.05565)
    """

    search_space = {"margin": Uniform(1.05, 2.0)}

    def __init__(self, margin=1.35, tail="reflect", gradient="exact", **kwargs):
        super().__init__(**kwargs)
        self.margin = check_factor("margin", margin, least=1.0)
        self.tail = check_choice("tail", tail, TAILS)
        self.gradient = check_choice("gradient", gradient, GRADIENTS)

    def penalize(self, cosine, strength=1.0):
        factor = 1.0 + (self.margin - 1.0) * strength
        return combined(cosine, factor, tail=self.tail, gradient=self.gradient)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "tail": self.tail,
            "gradient": self.gradient,
        }


def check_factor(name, value, least=None):
    """Returns a factor of the angle, or says what is wrong with it."""
    value = check_number(name, value)
    if value <= 0.0 or (least is not None and value < least):
        bound = "positive" if least is None else f"at least {least:g}"
        raise ValueError(
            f"{name} multiplies the angle and must be {bound}. Received: "
            f"{name}={value:g}."
        )
    return value
