"""Triplet losses on the unit sphere."""

import keras
from keras import ops

from keras_arcface.losses import distances
from keras_arcface.losses import reduce
from keras_arcface.losses.pairs import PairLoss
from keras_arcface.losses.triplet_counts import triplet_counts
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Uniform


def triplet_hinge(distance, pairs, margin):
    """Returns the mean of the positive hinges over the triplets of `Pairs`.

        hinge = max(0, D_ap - D_an + margin)

    A sum of hinges is linear in the distances between its kinks. So it is
    enough to count, without a gradient, in how many active triplets each pair
    stands: value and gradient are exact, and no triplet is ever held.

    Args:
        distance: Float tensor `(batch, references)`.
        pairs: `Pairs`.
        margin: Float.

    Returns:
        Float tensor `(batch,)`, per sample; its mean is the loss.
    """
    of_positive, of_negative = triplet_counts(distance, pairs, margin)
    hinges = (of_positive - of_negative) * distance + of_positive * margin
    return reduce.averaged(
        ops.sum(hinges, axis=1), ops.sum(of_positive, axis=1)
    )


@keras.saving.register_keras_serializable(package="keras_arcface")
class TripletLoss(PairLoss):
    """Triplet loss on unit embeddings (FaceNet).

        loss = mean over triplets of max(0, D_ap - D_an + margin)

    Over all triplets of the batch, or those of a miner; the mean is over the
    triplets that are not yet satisfied. (The paper has the sum, which depends
    on the batch.) All triplets of 1024 embeddings, up to 10^9, take the memory
    of a few matrices.

    With `distance="euclidean"` this is `TripletMarginLoss` of
    pytorch-metric-learning, value and gradient, whose margin defaults to 0.05.

    Reference:
    - [Schroff et al., 2015, Eq. 2](https://arxiv.org/abs/1503.03832)

    Args:
        margin: Float, in units of the distance. Defaults to `0.2`.
        distance: `"squared_euclidean"` as FaceNet, the default, in [0, 4];
            `"euclidean"`, in [0, 2]; `"cosine"`, 1 - cosine, in [0, 2];
            or `"angle"`, radians.
        miner: A `Miner`; all triplets without. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.

    Example:

    >>> loss = keras_arcface.losses.TripletLoss(0.2, distance="cosine")
    >>> embeddings = np.array([[1, 0], [0, 1], [1, 1]], "float32")
    >>> float(loss(np.array([0, 0, 1]), embeddings))
    0.907...
    """

    search_space = {"margin": LogUniform(0.02, 1.0)}

    def __init__(
        self, margin=0.2, distance="squared_euclidean", miner=None, **kwargs
    ):
        super().__init__(miner, **kwargs)
        self.margin = check_number("margin", margin)
        self.distance = distances.check_distance(distance)

    def pair_loss(self, pairs):
        distance = distances.ON_THE_SPHERE[self.distance]
        return triplet_hinge(
            distance(pairs.query, pairs.reference), pairs, self.margin
        )

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "distance": self.distance,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class AngularTripletLoss(PairLoss):
    """Triplet loss on angles, which the ArcFace paper compares with.

        loss = mean over triplets of
               max(0, arccos(x_a . x_p) - arccos(x_a . x_n) + margin)

    The same as `TripletLoss(margin, distance="angle")`, with the margin
    checked to be radians. Angles are clipped to [4.9e-4, pi - 4.9e-4], so that
    gradients are finite.

    Reference:
    - [Deng et al., 2019, section 2.3](https://arxiv.org/abs/1801.07698)

    Args:
        margin: Float in [0, pi/2), radians. Defaults to `0.35`, the paper's
            best.
        miner: A `Miner`; all triplets without. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.

    Raises:
        ValueError: for a margin that looks like degrees.
    """

    search_space = {"margin": Uniform(0.05, 0.7)}

    def __init__(self, margin=0.35, miner=None, **kwargs):
        super().__init__(miner, **kwargs)
        self.margin = check_angle(margin)

    def pair_loss(self, pairs):
        angles = distances.angular(pairs.query, pairs.reference)
        return triplet_hinge(angles, pairs, self.margin)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
