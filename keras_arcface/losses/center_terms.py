"""Terms on class centres, to be added to the loss of an `ArcMarginLayer`."""

import math

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses.proxy_head import is_own
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import Choice
from keras_arcface.ranges import LogUniform

# Squared distance below which two centres are one: without a direction, and
# where an inverse power still is a number.
_NEAREST = 1e-6


@keras.saving.register_keras_serializable(package="keras_arcface")
class CenterTerm(keras.layers.Layer):
    """Base of the terms that see embeddings, labels and class centres.

    A subclass implements `term(embeddings, labels, class_centers)`, per sample
    and without its weight. Computed in float32 under every dtype policy.

    Args:
        weight: Float, what the term is multiplied with. Defaults to `1.0`.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        embeddings: Float tensor `(batch, dim)`, of any length.
        labels: Int tensor `(batch,)`, class ids.
        class_centers: Float tensor `(num_classes, dim)`, of any length.

    Returns:
        float32 `(batch,)`, weight included; inf for a label out of range.
    """

    title = None

    def __init__(self, weight=1.0, **kwargs):
        # What `fit` shows: the same in every model, without Keras's counter.
        kwargs = {"name": self.title, **kwargs}
        super().__init__(autocast=False, **kwargs)
        self.weight = check_number("weight", weight)

    def call(self, embeddings, labels, class_centers):
        labels = numerics.class_ids(labels, class_centers.shape[0])
        term = self.term(embeddings, labels, class_centers)
        return ops.where(labels >= 0, self.weight * term, float("inf"))

    def term(self, embeddings, labels, class_centers):
        """Returns the term of each sample, `(batch,)`."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement term(embeddings, labels, "
            "class_centers)."
        )

    def compute_output_spec(self, embeddings, labels, class_centers):
        return keras.KerasTensor((embeddings.shape[0],), dtype="float32")

    def get_config(self):
        return {**super().get_config(), "weight": self.weight}


@keras.saving.register_keras_serializable(package="keras_arcface")
class IntraLoss(CenterTerm):
    """Intra-loss: the angle of each embedding to its class centre.

        term = theta_y / pi

    Reference:
    - [Deng et al., 2019, Eq. 5](https://arxiv.org/abs/1801.07698)

    Args, Call arguments and Returns:
        See `CenterTerm`.
    """

    search_space = {"weight": LogUniform(0.1, 30.0)}

    title = "intra_loss"

    def term(self, embeddings, labels, class_centers):
        labels = ops.clip(labels, 0, class_centers.shape[0] - 1)
        cosine = numerics.target_cosine(embeddings, class_centers, labels)
        return numerics.angle(cosine) / math.pi


@keras.saving.register_keras_serializable(package="keras_arcface")
class InterLoss(CenterTerm):
    """Inter-loss: minus the mean angle of a centre to all other centres.

        term = -1 / (pi (C - 1)) sum_{j != y} arccos(W_y . W_j)

    The same as `HypersphericalEnergy(1 / pi, power=-1.0, distance="angle")`.

    Reference:
    - [Deng et al., 2019, Eq. 6](https://arxiv.org/abs/1801.07698)

    Args, Call arguments and Returns:
        See `CenterTerm`.
    """

    search_space = {"weight": LogUniform(0.1, 30.0)}

    title = "inter_loss"

    def term(self, embeddings, labels, class_centers):
        energy = hyperspherical_energy(labels, class_centers, -1.0, "angle")
        return energy / math.pi


@keras.saving.register_keras_serializable(package="keras_arcface")
class HypersphericalEnergy(CenterTerm):
    """Energy that drives class centres apart on the sphere (MHE).

        term = mean_{j != y} f(d(W_y, W_j))
        f(z) = z^-power, power > 0;  -log z, power = 0;  -z^-power, power < 0

    of the batch's own centres y against all others: the mini-batch form of
    the energy. The smaller, the more evenly the centres are spread. Two
    centres nearer than 0.001 count as that far, without a gradient.

    Reference:
    - [Liu et al., 2018, Eqs. 1 and 2](https://arxiv.org/abs/1805.09298)

    Args:
        weight: Float, what the term is multiplied with. Defaults to `1.0`.
        power: Float, s in the paper, which has 0, 1 and 2. Defaults to `2.0`.
        distance: `"euclidean"`, of unit centres, the default; or `"angle"`,
            radians (A-MHE).
        **kwargs: Of `keras.layers.Layer`.

    Call arguments and Returns:
        See `CenterTerm`.
    """

    search_space = {
        "weight": LogUniform(0.01, 10.0),
        "power": Choice((0.0, 1.0, 2.0)),
    }

    title = "hyperspherical_energy"

    def __init__(self, weight=1.0, power=2.0, distance="euclidean", **kwargs):
        super().__init__(weight, **kwargs)
        self.power = check_number("power", power)
        self.distance = check_choice(
            "distance", distance, ("euclidean", "angle")
        )

    def term(self, embeddings, labels, class_centers):
        return hyperspherical_energy(
            labels, class_centers, self.power, self.distance
        )

    def get_config(self):
        return {
            **super().get_config(),
            "power": self.power,
            "distance": self.distance,
        }


def hyperspherical_energy(labels, class_centers, power, distance):
    """Returns the energy of each label's centre among all others, `(batch,)`.

    See `HypersphericalEnergy`.
    """
    num_classes = class_centers.shape[0]
    own = ops.take(class_centers, ops.clip(labels, 0, num_classes - 1), axis=0)
    cosine = numerics.cosine_matrix(own, class_centers)
    others = ops.logical_not(is_own(labels, num_classes))
    square = ops.where(others, _squared(cosine, distance), 1.0)
    energy = _riesz(ops.maximum(square, _NEAREST), power)
    return ops.sum(ops.where(others, energy, 0.0), axis=1) / (num_classes - 1)


def _squared(cosine, distance):
    if distance == "angle":
        return ops.square(numerics.angle(cosine))
    return ops.relu(2.0 - 2.0 * cosine)


def _riesz(square, power):
    """Returns the Riesz kernel of a squared distance."""
    if power == 0:
        return -0.5 * ops.log(square)
    return math.copysign(1.0, power) * ops.power(square, -power / 2.0)
