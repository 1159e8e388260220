"""Contrastive losses on a batch of embeddings."""

import keras
from keras import ops

from keras_arcface.losses import distances
from keras_arcface.losses import reduce
from keras_arcface.losses.pairs import PairLoss
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import Uniform


def contrastive(distance, pairs, positive_margin, negative_margin):
    """Returns the contrastive loss of a matrix of distances, per sample.

    Args:
        distance: Float tensor `(batch, references)`.
        pairs: `Pairs`.
        positive_margin: Float, how far apart a class may stay.
        negative_margin: Float, how far apart two classes must lie.

    Returns:
        Float tensor `(batch,)`; its mean is the mean positive hinge of the
        positive pairs plus that of the negative pairs.
    """
    too_far = ops.relu(distance - positive_margin)
    too_near = ops.relu(negative_margin - distance)
    return reduce.averaged_nonzero(
        too_far, pairs.positives
    ) + reduce.averaged_nonzero(too_near, pairs.negatives)


@keras.saving.register_keras_serializable(package="keras_arcface")
class PairContrastiveLoss(PairLoss):
    """Contrastive loss on all pairs of a batch of embeddings.

        loss = mean over positive pairs of max(0, D - positive_margin)
             + mean over negative pairs of max(0, negative_margin - D)

    D is the Euclidean distance of unit embeddings, in [0, 2]; each mean is
    over the pairs that are not yet satisfied. Value and gradient are those of
    pytorch-metric-learning; the paper squares both hinges, as
    `ContrastiveLoss`, TensorFlow Addons' loss of given distances, does.

    Reference:
    - [Hadsell et al., 2006](
      http://yann.lecun.com/exdb/publis/pdf/hadsell-chopra-lecun-06.pdf)

    Args:
        positive_margin: Float, distance. Defaults to `0.0`.
        negative_margin: Float, distance. Defaults to `1.0`.
        miner: A `Miner`; all pairs without. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.
    """

    search_space = {
        "positive_margin": Uniform(0.0, 0.6),
        "negative_margin": Uniform(0.4, 1.6),
    }

    def __init__(
        self, positive_margin=0.0, negative_margin=1.0, miner=None, **kwargs
    ):
        super().__init__(miner, **kwargs)
        self.positive_margin = check_number("positive_margin", positive_margin)
        self.negative_margin = check_number("negative_margin", negative_margin)

    def pair_loss(self, pairs):
        return contrastive(
            self.matrix(pairs.query, pairs.reference),
            pairs,
            self.positive_margin,
            self.negative_margin,
        )

    def matrix(self, query, reference):
        """Returns the distances `(batch, references)` that are compared."""
        return distances.unit_euclidean(query, reference)

    def get_config(self):
        return {
            **super().get_config(),
            "positive_margin": self.positive_margin,
            "negative_margin": self.negative_margin,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class SNRContrastiveLoss(PairContrastiveLoss):
    """Contrastive loss on the signal-to-noise distance.

        D_ij = var(x_i - x_j) / var(x_i)

    with variances over the dimensions of unit embeddings; D is not symmetric.
    Value and gradient are those of pytorch-metric-learning; the paper adds a
    regulariser that keeps the mean of each embedding near zero, which is not
    here. An embedding without variance, such as a zero vector, is at distance
    0 of everything as an anchor (pytorch-metric-learning: NaN).

    Reference:
    - [Yuan et al., 2019](https://arxiv.org/abs/1904.02616)

    Args:
        positive_margin: Float. Defaults to `0.0`.
        negative_margin: Float. Defaults to `1.0`.
        miner: A `Miner`; all pairs without. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.
    """

    search_space = {
        "positive_margin": Uniform(0.0, 0.6),
        "negative_margin": Uniform(0.2, 2.0),
    }

    def matrix(self, query, reference):
        """Returns the distances `(batch, references)` that are compared."""
        return distances.signal_to_noise(query, reference)
