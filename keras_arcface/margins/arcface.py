"""The additive angular margin (ArcFace)."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import Uniform

TAILS = ("reflect", "raw", "linear", "easy", "clamp")
GRADIENTS = ("exact", "straight_through")

# Where opensphere, the reference for "clamp", stops short of -1.
_FLOOR = -1.0 + 1e-5


def arcface(cosine, margin, tail="reflect", gradient="exact"):
    """Returns cos(theta + margin) of the target cosines.

        cos(theta + m) = cos(theta) cos(m) - sin(theta) sin(m)

    Past theta = pi - m this would rise again; `tail` says what happens there
    (see `ArcFace`). Cosines are clipped to +-(1 - 1e-7), so that gradients are
    finite everywhere.

    Args:
        cosine: Float tensor `(batch,)`.
        margin: Float, scalar or `(batch,)` tensor, radians.
        tail: One of `"reflect"`, `"raw"`, `"linear"`, `"easy"`, `"clamp"`.
        gradient: `"exact"`, or `"straight_through"` (derivative 1).

    Returns:
        Float tensor `(batch,)`, at least float32.

    Reference:
    - [Deng et al., 2019, Eq. 3](https://arxiv.org/abs/1801.07698)
    """
    cosine = numerics.at_least_float32(cosine)
    clipped = numerics.clip_cosine(cosine)
    margin = ops.convert_to_tensor(margin, dtype=clipped.dtype)
    moved = _tail(clipped, margin, tail)
    if gradient == "straight_through":
        return numerics.straight_through(cosine, moved)
    return moved


def _tail(cosine, margin, tail):
    cos_m, sin_m = ops.cos(margin), ops.sin(margin)
    moved = cosine * cos_m - numerics.sine(cosine) * sin_m
    before_pi = cosine > -cos_m  # theta + margin < pi
    if tail == "reflect":
        return ops.where(before_pi, moved, -2.0 - moved)
    if tail == "linear":
        return ops.where(before_pi, moved, cosine - margin * sin_m)
    if tail == "clamp":
        return ops.where(before_pi, ops.maximum(moved, _FLOOR), _FLOOR)
    if tail == "easy":
        # Without a margin there is nothing to make easier.
        return ops.where(cosine > 0, moved, cosine)
    return moved


@keras.saving.register_keras_serializable(package="keras_arcface")
class ArcFace(Margin):
    """Adds an angle to the target class: cos(theta + margin).

    The margin is constant in angle over the whole range, which is what gives
    ArcFace its name and its geometry. This is the default of the library.

    Past theta = pi - margin (151 degrees for 0.5) the cosine would rise again
    and push a sample the wrong way. `tail` chooses:

    - `"reflect"`: -2 - cos(theta + margin); continuous and monotone. Default.
    - `"raw"`: nothing, as the paper's text and today's arcface_torch.
    - `"linear"`: cos(theta) - margin sin(margin), as MXNet until 2020 and
      CurricularFace; it jumps down at the join.
    - `"easy"`: no margin beyond 90 degrees; it jumps up there.
    - `"clamp"`: -1 + 1e-5, as opensphere; there is no gradient past the join.

    Args:
        margin: Float in [0, pi/2), radians. Defaults to `0.5` (28.6 degrees).
        tail: See above.
        gradient: `"exact"` (the paper), or `"straight_through"`, where the
            derivative by the cosine is 1, as in arcface_torch since 2022-12.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a margin outside [0, pi/2) or an unknown option.

    Reference:
    - [Deng et al., 2019, Eq. 3](https://arxiv.org/abs/1801.07698)

    Example:

    >>> margin = keras_arcface.ArcFace(0.5)
    >>> float(margin.penalize(np.array([0.5], "float32"))[0])  # cos(60 + 28.6)
    0.0235...
    """

    search_space = {"margin": Uniform(0.05, 0.7)}

    def __init__(self, margin=0.5, tail="reflect", gradient="exact", **kwargs):
        super().__init__(**kwargs)
        self.margin = check_angle(margin)
        self.tail = check_choice("tail", tail, TAILS)
        self.gradient = check_choice("gradient", gradient, GRADIENTS)

    def penalize(self, cosine, strength=1.0):
        return arcface(cosine, self.margin * strength, self.tail, self.gradient)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "tail": self.tail,
            "gradient": self.gradient,
        }
