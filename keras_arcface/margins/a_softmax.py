"""The original SphereFace: features keep their length, the margin anneals."""

import math

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.combined import check_factor
from keras_arcface.margins.combined import psi
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import Choice
from keras_arcface.ranges import Uniform

# base, gamma, power and minimum of lambda = max(min, base (1 + gamma t)^-p).
ANNEALINGS = {
    "caffe": (1000.0, 0.12, 1.0, 5.0),
    "pytorch": (1500.0, 0.1, 1.0, 5.0),
    "svx": (1000.0, 1e-4, 2.0, 5.0),
}

# How fast the mean length of the features follows the batches.
_MOMENTUM = 0.99


def a_softmax(cosine, margin=4.0, annealing=0.0):
    """Returns (lambda cos(theta) + psi(m theta)) / (1 + lambda).

    Args:
        cosine: Float tensor `(batch,)`.
        margin: Float or tensor, factor of the angle.
        annealing: Float or tensor, the lambda that blends the margin in.

    Returns:
        Float tensor `(batch,)`, at least float32.
    """
    cosine = numerics.at_least_float32(cosine)
    moved = psi(margin * numerics.angle(cosine))
    return (annealing * cosine + moved) / (1.0 + annealing)


@keras.saving.register_keras_serializable(package="keras_arcface")
class ASoftmax(Margin):
    """A-Softmax, the original SphereFace.

        target = |x| (lambda cos(theta) + psi(m theta)) / (1 + lambda)

    The features keep their length, which stands in for the scale: the scale of
    the layer is not used. Since embeddings are of unit length outside of
    training, plain logits there take the mean length that training saw, a
    saved state of this margin.

    lambda starts high and falls with the steps, another state; three
    schedules go by the paper's name:

    - `"caffe"`: max(5, 1000 / (1 + 0.12 t)), the authors' layer. Default.
    - `"pytorch"`: max(5, 1500 / (1 + 0.1 t)), the best-known port.
    - `"svx"`: max(5, 1000 / (1 + 1e-4 t)^2).

    The strength t of a warm-up gives a margin of 1 + (m - 1) t.

    Args:
        margin: Float >= 1, factor of the angle. Defaults to `4`.
        annealing: A name above; a number, for a constant lambda; or the four
            numbers (base, gamma, power, minimum).
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for a margin below 1 or a schedule that is none.

    Reference:
    - [Liu et al., 2017](https://arxiv.org/abs/1704.08063)
    """

    # Constant lambdas: the papers' schedules take thousands of steps to fall.
    search_space = {
        "margin": Uniform(1.2, 4.0),
        "annealing": Choice((2.0, 5.0, 20.0)),
    }

    reads = ("norm",)
    keeps_state = True

    def __init__(self, margin=4.0, annealing="caffe", **kwargs):
        super().__init__(**kwargs)
        self.margin = check_factor("margin", margin, least=1.0)
        self.annealing = _check_annealing(annealing)
        self.step = self.add_state("step")
        self.mean_norm = self.add_state("mean_norm", 1.0)

    def penalize(self, cosine, strength=1.0, norm=None):
        factor = 1.0 + (self.margin - 1.0) * strength
        return a_softmax(cosine, factor, self._lambda())

    def logit_scale(self, scale, norm=None, training=False):
        if training:
            return ops.expand_dims(norm, -1)
        return ops.convert_to_tensor(self.mean_norm)

    def update(self, cosine, norm, log_negatives):
        step = ops.convert_to_tensor(self.step)
        mean = ops.mean(ops.stop_gradient(norm))
        before = ops.convert_to_tensor(self.mean_norm)
        moved = _MOMENTUM * before + (1.0 - _MOMENTUM) * mean
        self.move_state(self.mean_norm, ops.where(step > 0, moved, mean))
        self.move_state(self.step, step + 1.0)

    def _lambda(self):
        if isinstance(self.annealing, float):
            return self.annealing
        base, gamma, power, least = ANNEALINGS.get(
            self.annealing, self.annealing
        )
        step = ops.convert_to_tensor(self.step)
        return ops.maximum(least, base * ops.power(1.0 + gamma * step, -power))

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "annealing": self.annealing,
        }


def _check_annealing(annealing):
    if isinstance(annealing, str) and annealing in ANNEALINGS:
        return annealing
    if isinstance(annealing, (list, tuple)) and len(annealing) == 4:
        return tuple(check_number("annealing", v) for v in annealing)
    is_number = hasattr(annealing, "__float__")
    if is_number and math.isfinite(annealing) and annealing >= 0:
        return float(annealing)
    raise ValueError(
        f"annealing must be one of {', '.join(map(repr, ANNEALINGS))}, a "
        "number >= 0, or (base, gamma, power, minimum). Received: "
        f"annealing={annealing!r}."
    )
