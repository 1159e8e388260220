"""FastAP: average precision, made differentiable by a histogram."""

import keras
from keras import ops

from keras_arcface.losses import distances
from keras_arcface.losses import reduce
from keras_arcface.losses.pairs import PairLoss
from keras_arcface.margins.checks import check_count
from keras_arcface.ranges import Choice


@keras.saving.register_keras_serializable(package="keras_arcface")
class FastAPLoss(PairLoss):
    """One minus the average precision of each anchor's ranking.

        loss_a = 1 - 1/P sum_z h+(z) H+(z) / H(z)

    h+ is the histogram of the squared distances to the P positives, with
    linear shares between neighbouring bins; H+ and H are the cumulated
    histograms of positives and of all. The mean is over the anchors that have
    a positive. Value and gradient are those of pytorch-metric-learning, but a
    miner chooses the pairs that are ranked (there, it weighs the anchors).

    Reference:
    - [Cakir et al., 2019](
      https://openaccess.thecvf.com/content_CVPR_2019/html/Cakir_Deep_Metric_Learning_to_Rank_CVPR_2019_paper.html)

    Args:
        num_bins: Int > 0, bins over [0, 4]. Defaults to `10`.
        miner: A `Miner`; all pairs without. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.
    """

    search_space = {"num_bins": Choice((5, 10, 20))}

    def __init__(self, num_bins=10, miner=None, **kwargs):
        super().__init__(miner, **kwargs)
        self.num_bins = check_count("num_bins", num_bins)

    def pair_loss(self, pairs):
        distance = distances.unit_squared_euclidean(
            pairs.query, pairs.reference
        )
        positive = self._histogram(distance, pairs.positives)
        negative = self._histogram(distance, pairs.negatives)
        positive_below = ops.cumsum(positive, axis=1)
        below = positive_below + ops.cumsum(negative, axis=1)
        empty = below <= 0
        precision = positive_below / ops.where(empty, 1.0, below)
        number = reduce.count(pairs.positives, distance.dtype)
        average = ops.sum(positive * precision, axis=1)
        average = average / ops.maximum(number, 1.0)
        # Without a negative every ranking is perfect; not up to rounding.
        ranked = ops.logical_and(number > 0, ops.any(pairs.negatives, axis=1))
        return reduce.averaged(
            ops.where(ranked, 1.0 - average, 0.0),
            ops.cast(number > 0, distance.dtype),
        )

    def _histogram(self, distance, mask):
        """Returns `(batch, num_bins + 1)`: soft counts at the bins' edges."""
        width = 4.0 / self.num_bins
        counts = []
        for edge in range(self.num_bins + 1):
            share = ops.relu(1.0 - ops.abs(distance / width - edge))
            counts.append(reduce.masked_sum(share, mask))
        return ops.stack(counts, axis=1)

    def get_config(self):
        return {**super().get_config(), "num_bins": self.num_bins}
