"""Sums, averages and extremes over the pairs that count.

A row without a single such pair gives 0, or `NOTHING` where it is a logarithm,
and no gradient; never NaN.
"""

from keras import ops

# The logarithm of an empty sum: exp(NOTHING) = 0, and yet it is finite.
NOTHING = -1e30


def masked_sum(values, mask, axis=1):
    """Returns the sum of `values` where `mask`."""
    return ops.sum(ops.where(mask, values, 0.0), axis=axis)


def count(mask, dtype, axis=1):
    """Returns how many of a mask are true, as floats."""
    return ops.sum(ops.cast(mask, dtype), axis=axis)


def masked_max(values, mask):
    """Returns the largest of each row where `mask`, and 0 for an empty row."""
    largest = ops.max(ops.where(mask, values, NOTHING), axis=1)
    return ops.where(ops.any(mask, axis=1), largest, 0.0)


def masked_min(values, mask):
    """Returns the smallest of each row where `mask`, 0 for an empty row."""
    return -masked_max(-values, mask)


def masked_logsumexp(values, mask, axis=1):
    """Returns log(sum(exp(values))) where `mask`, `NOTHING` for an empty sum.

    Args:
        values: Float tensor `(batch, references)`.
        mask: Bool tensor of the same shape.
        axis: Int, the axis to sum over.

    Returns:
        Float tensor, without the axis.
    """
    return ops.logsumexp(ops.where(mask, values, NOTHING), axis=axis)


def averaged(sums, counts):
    """Returns per-sample values whose plain mean is sum(sums) / sum(counts).

    What turns an average over pairs or triplets into a loss per sample, so
    that sample weights and every reduction of Keras work.

    Args:
        sums: Float tensor `(batch,)`, each sample's sum over its pairs.
        counts: Float tensor `(batch,)`, how many pairs that were.

    Returns:
        Float tensor `(batch,)`; zeros where nothing was counted.
    """
    total = ops.sum(counts)
    nothing = total <= 0
    batch = ops.cast(ops.shape(sums)[0], sums.dtype)
    each = sums * (batch / ops.where(nothing, 1.0, total))
    return ops.where(nothing, 0.0, each)


def averaged_nonzero(losses, mask):
    """Returns per-sample values whose mean is that of the positive losses.

    Args:
        losses: Float tensor `(batch, references)`, a loss for each pair.
        mask: Bool tensor of the same shape, which pairs count at all.
    """
    losses = ops.where(mask, losses, 0.0)
    return averaged(ops.sum(losses, axis=1), count(losses > 0, losses.dtype))
