"""The triplet losses of TensorFlow Addons, for Keras 3."""

import keras
from keras import ops

from keras_arcface.losses import distances
from keras_arcface.losses import reduce
from keras_arcface.losses import search
from keras_arcface.losses.pairs import PairLoss
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import LogUniform


def semi_hard_index(distance, positives, negatives):
    """Chooses, for every positive pair, its semi-hard negative.

    The nearest negative that lies farther from the anchor than the positive;
    where there is none, the farthest negative of all. Takes the memory of a
    few matrices. Not differentiable; of equal negatives it chooses one.

    Args:
        distance: Float tensor `(batch, references)`.
        positives: Bool tensor `(batch, references)`.
        negatives: Bool tensor `(batch, references)`.

    Returns:
        An int tensor `(batch, references)`, the column of the negative, and a
        bool tensor of that shape, which positives have one at all.
    """
    distance = ops.stop_gradient(distance)
    far = ops.where(negatives, distance, float("inf"))
    order = ops.argsort(far, axis=1)
    ascending = ops.take_along_axis(far, order, axis=1)
    not_beyond = search.count_below(ascending, distance, inclusive=True)
    total = ops.sum(ops.cast(negatives, "int32"), axis=1, keepdims=True)
    place = ops.maximum(ops.minimum(not_beyond, total - 1), 0)
    index = ops.take_along_axis(order, place, axis=1)
    return index, ops.logical_and(positives, total > 0)


@keras.saving.register_keras_serializable(package="keras_arcface")
class TripletSemiHardLoss(PairLoss):
    """Triplet loss with semi-hard negatives (TensorFlow Addons' name).

        loss = mean over positive pairs of max(0, margin + D_ap - D_an)

    with D_an the smallest negative distance beyond D_ap or, where there is
    none, the largest. Embeddings are not normalised: end the model with
    `UnitNormalization(dtype="float32")`.

    Values, defaults and gradients are those of TensorFlow Addons 0.23, in the
    memory of a few `(batch, batch)` matrices where Addons took a cube, and
    with these differences on purpose: a batch without a triplet gives 0, where
    Addons gives 0/0 without a positive pair and margin + D_ap without a
    negative; `reduction` is heeded; half precision is computed and returned in
    float32; of several equally near negatives one gets the gradient, not a
    share each.

    Reference:
    - [Schroff et al., 2015, section 3.2](https://arxiv.org/abs/1503.03832)

    Args:
        margin: Float, in units of the distance. Defaults to `1.0`.
        distance_metric: `"L2"`, `"squared-L2"`, `"angular"` (Addons' word for
            1 - cosine), or a function of embeddings `(batch, dim)` to
            distances `(batch, batch)`, registered if the model is to be saved.
        miner: A `Miner` that narrows the pairs first. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.

    Example:

    >>> loss = keras_arcface.losses.TripletSemiHardLoss()
    >>> embeddings = np.array([[1, 0], [0, 1], [1, 1]], "float32")
    >>> float(loss(np.array([0, 0, 1]), embeddings))
    1.41...
    """

    search_space = {"margin": LogUniform(0.05, 1.0)}

    def __init__(self, margin=1.0, distance_metric="L2", miner=None, **kwargs):
        super().__init__(miner, **kwargs)
        self.margin = check_number("margin", margin)
        self.distance_metric = distances.get_metric(distance_metric)

    def pair_loss(self, pairs):
        distance = distances.metric_matrix(
            self.distance_metric, pairs.query, pairs.reference
        )
        index, valid = semi_hard_index(
            distance, pairs.positives, pairs.negatives
        )
        negative = ops.take_along_axis(distance, index, axis=1)
        hinge = ops.relu(self.margin + distance - negative)
        return reduce.averaged(
            reduce.masked_sum(hinge, valid), reduce.count(valid, hinge.dtype)
        )

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "distance_metric": distances.serialize_metric(self.distance_metric),
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class TripletHardLoss(PairLoss):
    """Triplet loss of the hardest positive and negative (Addons' name).

        loss = mean over anchors of max(0, margin + max D_ap - min D_an)
        loss = mean over anchors of log(1 + exp(max D_ap - min D_an))     soft

    Embeddings are not normalised. Values, defaults and gradients are those of
    TensorFlow Addons 0.23, also that an anchor without a positive, whose D_ap
    counts as 0, still pushes its nearest negative away (Addons takes the row's
    smallest distance there, which is another for metrics that go below 0).
    Different on purpose: a batch without a single triplet gives 0; `reduction`
    is heeded; half
    precision is computed and returned in float32; the soft form cannot
    overflow.

    Reference:
    - [Hermans et al., 2017, Eq. 5](https://arxiv.org/abs/1703.07737)

    Args:
        margin: Float, in units of the distance. Defaults to `1.0`.
        soft: Bool, whether to use the soft form, which has no margin.
        distance_metric: As in `TripletSemiHardLoss`.
        miner: A `Miner` that narrows the pairs first. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.
    """

    search_space = {"margin": LogUniform(0.05, 1.0)}

    def __init__(
        self,
        margin=1.0,
        soft=False,
        distance_metric="L2",
        miner=None,
        **kwargs,
    ):
        super().__init__(miner, **kwargs)
        self.margin = check_number("margin", margin)
        self.soft = bool(soft)
        self.distance_metric = distances.get_metric(distance_metric)

    def pair_loss(self, pairs):
        distance = distances.metric_matrix(
            self.distance_metric, pairs.query, pairs.reference
        )
        gap = reduce.masked_max(distance, pairs.positives)
        gap = gap - reduce.masked_min(distance, pairs.negatives)
        loss = ops.softplus(gap) if self.soft else ops.relu(gap + self.margin)
        with_negative = ops.any(pairs.negatives, axis=1)
        with_both = ops.logical_and(
            with_negative, ops.any(pairs.positives, axis=1)
        )
        counted = ops.logical_and(with_negative, ops.any(with_both))
        return ops.where(counted, loss, 0.0)

    def get_config(self):
        return {
            **super().get_config(),
            "margin": self.margin,
            "soft": self.soft,
            "distance_metric": distances.serialize_metric(self.distance_metric),
        }
