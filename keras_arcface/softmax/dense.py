"""The margin softmax over the whole matrix of logits."""

from keras import ops

from keras_arcface import numerics


def margin_cross_entropy(cosine, target, labels, scale):
    """Returns the softmax cross entropy with a penalised target, per sample.

        loss = log(1 + sum_{j != y} exp(scale (cosine[j] - target)))

    Written with differences to the target, so that a small loss keeps its
    digits: at a scale of 64 the difference of two float32 logits is exact
    where the logits themselves carry an error of 4e-6.

    Args:
        cosine: Float tensor `(batch, num_classes)`, plain cosines.
        target: Float tensor `(batch,)`, penalised target cosines.
        labels: Int tensor `(batch,)`. A label outside the classes gives NaN
            for its sample, never a silent wrong value.
        scale: Float, or a column `(batch, 1)`.

    Returns:
        Float tensor `(batch,)`, at least float32.
    """
    difference = cosine - ops.expand_dims(target, -1)
    difference = numerics.replace_target(
        difference, labels, ops.zeros_like(target)
    )
    loss = ops.logsumexp(scale * difference, axis=-1)
    valid = ops.logical_and(labels >= 0, labels < cosine.shape[-1])
    return ops.where(valid, loss, float("nan"))


def log_negatives(cosine, labels, scale):
    """Returns log sum_{j != y} exp(scale cosine[j]) of every sample.

    Args:
        cosine: Float tensor `(batch, num_classes)`.
        labels: Int tensor `(batch,)`.
        scale: Float or scalar tensor.

    Returns:
        Float tensor `(batch,)`.
    """
    nothing = ops.full_like(cosine[:, 0], float("-inf"))
    others = numerics.replace_target(scale * cosine, labels, nothing)
    return ops.logsumexp(others, axis=-1)
