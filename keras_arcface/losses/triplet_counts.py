"""In how many triplets each pair stands, without holding the triplets."""

from keras import ops

from keras_arcface.losses.search import chosen_counts
from keras_arcface.losses.search import count_below


def triplet_counts(distance, pairs, margin=None):
    """Counts the triplets of every positive and of every negative pair.

    The triplets of an anchor are all its positives with all its negatives; or,
    after a triplet miner, each positive with its chosen negative, or those
    within the miner's gap. Counted are the active ones,

        D_ap - D_an + margin > 0

    or, without a margin, all. Not differentiable. O(batch * references) in
    memory.

    Args:
        distance: Float tensor `(batch, references)`.
        pairs: `Pairs`.
        margin: Optional float.

    Returns:
        Two float tensors `(batch, references)`: the number of triplets with
        the pair as anchor and positive, and as anchor and negative. Zero
        where the pair does not count.
    """
    distance = ops.stop_gradient(distance)
    if pairs.negative_index is not None:
        counts = _of_chosen(distance, pairs, margin)
    elif pairs.gap is not None:
        counts = _within_gap(distance, pairs, margin)
    elif margin is None:
        counts = _of_all(pairs)
    else:
        counts = _of_active(distance, pairs, margin)
    return [ops.cast(each, distance.dtype) for each in counts]


def _of_all(pairs):
    positives = ops.cast(pairs.positives, "int32")
    negatives = ops.cast(pairs.negatives, "int32")
    return (
        positives * ops.sum(negatives, axis=1, keepdims=True),
        negatives * ops.sum(positives, axis=1, keepdims=True),
    )


def _of_active(distance, pairs, margin):
    nearer = _ascending(distance, pairs.negatives)
    farther = _ascending(-distance, pairs.positives)
    of_positive = count_below(nearer, distance + margin)
    of_negative = count_below(farther, margin - distance)
    return (
        ops.where(pairs.positives, of_positive, 0),
        ops.where(pairs.negatives, of_negative, 0),
    )


def _ascending(values, mask):
    return ops.sort(ops.where(mask, values, float("inf")), axis=1)


def _of_chosen(distance, pairs, margin):
    counted = pairs.positives
    if margin is not None:
        negative = ops.take_along_axis(distance, pairs.negative_index, axis=1)
        active = distance - negative + margin > 0
        counted = ops.logical_and(counted, active)
    return counted, chosen_counts(counted, pairs.negative_index)


def _within_gap(distance, pairs, margin):
    """One anchor after the other: the triplets of one are a matrix."""
    mined, low, high = pairs.gap

    def of_anchor(row):
        distance, mined, positives, negatives = row
        gap = mined - ops.expand_dims(mined, 1)
        counted = ops.logical_and(gap > low, gap <= high)
        if margin is not None:
            active = ops.expand_dims(distance, 1) - distance + margin > 0
            counted = ops.logical_and(counted, active)
        counted = ops.logical_and(counted, ops.expand_dims(positives, 1))
        counted = ops.cast(ops.logical_and(counted, negatives), "int32")
        return ops.sum(counted, axis=1), ops.sum(counted, axis=0)

    rows = (distance, mined, pairs.positives, pairs.negatives)
    return ops.map(of_anchor, rows)
