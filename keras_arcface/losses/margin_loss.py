"""The margin loss: a boundary between near and far, fixed or learned."""

import keras
from keras import ops

from keras_arcface.losses import distances
from keras_arcface.losses import reduce
from keras_arcface.losses.head import EmbeddingHead
from keras_arcface.losses.pairs import PairLoss
from keras_arcface.losses.pairs import check_miner
from keras_arcface.losses.pairs import make_pairs
from keras_arcface.losses.pairs import mined_loss
from keras_arcface.losses.triplet_counts import triplet_counts
from keras_arcface.margins.checks import check_count
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import Uniform


def margin_sums(pairs, beta, margin):
    """Returns what the margin loss sums, and how many hinges are positive.

        sum over triplets of max(0, D_ap - beta + margin)
                           + max(0, beta - D_an + margin)

    Args:
        pairs: `Pairs`.
        beta: Float, or a float tensor `(batch, 1)`, a boundary per anchor.
        margin: Float.

    Returns:
        Three float tensors `(batch,)`, a value per anchor: the sum, the number
        of positive hinges, and the number of triplets.
    """
    distance = distances.unit_euclidean(pairs.query, pairs.reference)
    of_positive, of_negative = triplet_counts(distance, pairs)
    too_far = ops.relu(distance - beta + margin)
    too_near = ops.relu(beta - distance + margin)
    sums = of_positive * too_far + of_negative * too_near
    hinges = ops.where(too_far > 0, of_positive, 0.0)
    hinges = hinges + ops.where(too_near > 0, of_negative, 0.0)
    return [ops.sum(each, axis=1) for each in (sums, hinges, of_positive)]


@keras.saving.register_keras_serializable(package="keras_arcface")
class MarginLoss(PairLoss):
    """Margin loss: positives nearer than a boundary, negatives farther.

        loss = 1/M sum over triplets of max(0, D_ap - beta + margin)
                                      + max(0, beta - D_an + margin)

    D is the Euclidean distance of unit embeddings, in [0, 2]; M is the number
    of positive hinges. The paper trains it with `DistanceWeightedMiner`. To
    learn the boundary, use `ClassMarginLoss`. Value and gradient are those of
    pytorch-metric-learning.

    Reference:
    - [Wu et al., 2017, section 4.2](https://arxiv.org/abs/1706.07567)

    Args:
        margin: Float, distance. Defaults to `0.2`.
        beta: Float, the boundary, a distance. Defaults to `1.2`.
        nu: Float, the weight of beta in the loss. With a fixed beta it adds
            the constant nu * beta, and no gradient. Defaults to `0.0`.
        miner: A `Miner`; all triplets without. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.
    """

    search_space = {
        "margin": Uniform(0.05, 0.5),
        "beta": Uniform(0.6, 1.3),
    }

    def __init__(self, margin=0.2, beta=1.2, nu=0.0, miner=None, **kwargs):
        super().__init__(miner, **kwargs)
        self.margin = check_number("margin", margin)
        self.beta = check_number("beta", beta)
        self.nu = check_number("nu", nu)

    def pair_loss(self, pairs):
        sums, hinges, triplets = margin_sums(pairs, self.beta, self.margin)
        loss = reduce.averaged(sums, hinges)
        return loss + self.nu * self.beta * ops.cast(
            ops.any(triplets > 0), loss.dtype
        )

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "beta": self.beta,
            "nu": self.nu,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class ClassMarginLoss(EmbeddingHead):
    """Margin loss whose boundary is learned, for each class or for all.

        loss = 1/M sum over triplets of max(0, D_ap - beta_y + margin)
                                      + max(0, beta_y - D_an + margin)
                                      + nu * beta_y

    with the boundary of the anchor's class y. As `MarginLoss`, but a layer,
    because boundaries are weights: they are trained, saved and loaded with the
    model. Use it as the head of an `ArcFaceModel`, or call it on embeddings
    and labels in a functional model. Value and gradient are those of
    pytorch-metric-learning with `learn_beta=True`.

    Reference:
    - [Wu et al., 2017, section 4.2](https://arxiv.org/abs/1706.07567)

    Args:
        num_classes: Int, for a boundary per class; or None, for a single one
            (whose nu * beta counts once).
        margin: Float, distance. Defaults to `0.2`.
        beta: Float, where boundaries begin. Defaults to `1.2`.
        nu: Float, the weight of beta in the loss. Defaults to `0.0`.
        miner: A `Miner`; all triplets without. Defaults to `None`.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        embeddings: Float tensor `(batch, dim)`, of any length.
        labels: Optional int tensor `(batch,)` or `(batch, 1)`. While training,
            the mean loss is added to the model's.

    Returns:
        The embeddings, unchanged.
    """

    search_space = {
        "margin": Uniform(0.05, 0.5),
        "beta": Uniform(0.6, 1.3),
        "nu": Uniform(0.0, 0.1),
    }

    def __init__(
        self,
        num_classes=None,
        margin=0.2,
        beta=1.2,
        nu=0.0,
        miner=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if num_classes is not None:
            num_classes = check_count("num_classes", num_classes)
        self.num_classes = num_classes
        self.margin = check_number("margin", margin)
        self.beta = check_number("beta", beta)
        self.nu = check_number("nu", nu)
        self.miner = check_miner(miner)

    def build(self, embeddings_shape, labels_shape=None):
        self.betas = self.add_weight(
            name="betas",
            shape=(self.num_classes or 1,),
            initializer=keras.initializers.Constant(self.beta),
            dtype="float32",
            autocast=False,
        )

    def sample_losses(self, embeddings, labels, training):
        return self.compare(make_pairs(embeddings, labels))

    def compare(self, pairs):
        """Returns the loss of each query of `Pairs`, after the miner."""
        return mined_loss(self, pairs)

    def pair_loss(self, pairs):
        """Returns a loss `(batch,)` for the pairs that count."""
        beta = self._boundary(pairs.query_labels)
        sums, hinges, triplets = margin_sums(
            pairs, ops.expand_dims(beta, 1), self.margin
        )
        if self.num_classes is not None:
            return reduce.averaged(sums + self.nu * beta * triplets, hinges)
        any_triplet = ops.cast(ops.any(triplets > 0), beta.dtype)
        return reduce.averaged(sums, hinges) + self.nu * beta * any_triplet

    def _boundary(self, labels):
        betas = ops.convert_to_tensor(self.betas)
        if self.num_classes is None:
            labels = ops.zeros_like(labels)
        return ops.take(betas, ops.maximum(labels, 0), axis=0)

    def get_config(self):
        miner = self.miner
        if miner is not None:
            miner = keras.saving.serialize_keras_object(miner)
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "margin": self.margin,
            "beta": self.beta,
            "nu": self.nu,
            "miner": miner,
        }
