"""What every loss on pairs of embeddings is."""

from typing import Any
from typing import NamedTuple

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses.margin_softmax import MOST_CLASSES


class Pairs(NamedTuple):
    """Every query with every reference, and which of these pairs count.

    Attributes:
        query: Float tensor `(batch, dim)`, the anchors' embeddings.
        reference: Float tensor `(references, dim)`; the same batch, or a
            memory of earlier ones.
        query_labels: Int tensor `(batch,)`.
        reference_labels: Int tensor `(references,)`.
        positives: Bool tensor `(batch, references)`, the pairs of one class
            that count. Nobody is paired with itself.
        negatives: Bool tensor `(batch, references)`, of two classes.
        negative_index: None, or an int tensor `(batch, references)` of triplet
            miners: for each positive pair, the one negative that it meets.
        gap: None, or `(distances, low, high)` of triplet miners: a triplet
            counts only if low < D(negative) - D(positive) <= high.
    """

    query: Any
    reference: Any
    query_labels: Any
    reference_labels: Any
    positives: Any
    negatives: Any
    negative_index: Any = None
    gap: Any = None


def make_pairs(
    query, query_labels, reference=None, reference_labels=None, comparable=None
):
    """Pairs a batch with itself, or with a reference.

    Args:
        query: Float tensor `(batch, dim)`.
        query_labels: Int tensor `(batch,)`.
        reference: Float tensor `(references, dim)`. Without one, the batch
            itself, nobody with itself.
        reference_labels: Int tensor `(references,)`.
        comparable: Bool tensor `(batch, references)`, false where a pair must
            not count. With a reference, all count by default.

    Returns:
        `Pairs`.
    """
    query = numerics.at_least_float32(query)
    if reference is None:
        rows = ops.arange(ops.shape(query)[0])
        itself = ops.equal(ops.expand_dims(rows, 1), rows)
        reference, reference_labels = query, query_labels
        comparable = ops.logical_not(itself)
    else:
        reference = numerics.at_least_float32(reference)
    same = ops.equal(ops.expand_dims(query_labels, 1), reference_labels)
    positives, negatives = same, ops.logical_not(same)
    if comparable is not None:
        positives = ops.logical_and(positives, comparable)
        negatives = ops.logical_and(negatives, comparable)
    return Pairs(
        query, reference, query_labels, reference_labels, positives, negatives
    )


@keras.saving.register_keras_serializable(package="keras_arcface")
class PairLoss(keras.losses.Loss):
    """Base of the losses that compare embeddings of a batch with each other.

    A subclass implements `pair_loss(pairs)`, `Pairs` to a loss per sample whose
    plain mean is the published value. Then it works on a batch, through
    `CrossBatchMemory` on earlier batches, and after any miner.

    Losses are computed in float32 at least, whatever comes in. Each sample's
    loss is that of the pairs it is the anchor of, so that a sample weight
    weighs these. A batch without a valid pair gives 0 and no gradient.

    Args:
        miner: A `Miner` that chooses the pairs; all of them without.
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: float32 or wider: labels pass through this dtype.

    Call arguments:
        y_true: Int tensor `(batch,)` or `(batch, 1)`, class ids below 2**24,
            which is as far as Keras, that casts them to float32, keeps them
            apart. In `CrossBatchMemory` any int32 will do.
        y_pred: Float tensor `(batch, dim)`, embeddings.

    Raises:
        ValueError: for one-hot labels or labels too large, for embeddings that
            are no matrix, and for a half-precision dtype. Inside a compiled
            graph, where nothing can be raised, a label too large is NaN.
    """

    def __init__(
        self,
        miner=None,
        reduction="sum_over_batch_size",
        name=None,
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_dtype(self.dtype)
        self.miner = check_miner(miner)

    def call(self, y_true, y_pred):
        check_embeddings(y_pred)
        labels, exact = exact_labels(y_true)
        numerics.check_batch(labels, y_pred)
        loss = self.compare(make_pairs(y_pred, labels))
        return ops.where(exact, loss, float("nan"))

    def compare(self, pairs):
        """Returns the loss of each query of `Pairs`, after the miner."""
        return mined_loss(self, pairs)

    def pair_loss(self, pairs):
        """Returns a loss `(batch,)` for the pairs that count."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement pair_loss(pairs)."
        )

    def get_config(self):
        miner = self.miner
        if miner is not None:
            miner = keras.saving.serialize_keras_object(miner)
        return {**super().get_config(), "dtype": self.dtype, "miner": miner}


def mined_loss(loss, pairs):
    """Returns `loss.pair_loss` of what its miner keeps of the pairs.

    A query that is no number gives NaN: hinges and masks would make a 0 of it.
    """
    if loss.miner is not None:
        pairs = loss.miner.mine(pairs)
    known = ops.all(ops.isfinite(pairs.query), axis=1)
    return ops.where(known, loss.pair_loss(pairs), float("nan"))


def check_miner(miner):
    """Returns a miner, or None, from what was given or serialized."""
    if isinstance(miner, dict):
        miner = keras.saving.deserialize_keras_object(miner)
    known = hasattr(miner, "mine") and not isinstance(miner, type)
    if miner is not None and not known:
        raise ValueError(
            "miner must be a miner of keras_arcface.losses, such as "
            f"BatchHardMiner(), or None. Received: miner={miner!r}."
        )
    return miner


def check_dtype(dtype):
    """Raises unless class ids survive a loss's dtype."""
    if dtype not in ("float32", "float64"):
        raise ValueError(
            "dtype must be float32 or wider: class ids pass through it, and "
            f"{dtype} merges neighbouring ids. Received: dtype={dtype!r}."
        )


def check_embeddings(embeddings):
    """Raises unless embeddings are a matrix."""
    if len(embeddings.shape) != 2:
        raise ValueError(
            "embeddings must have the shape (batch, dim). Received: "
            f"shape={tuple(embeddings.shape)}. Add a Flatten, a pooling layer "
            "or a Dense layer at the end of the model."
        )


def exact_labels(labels):
    """Returns class ids that Keras cast to float, and which are exact.

    Args:
        labels: Int or float tensor `(batch,)` or `(batch, 1)`.

    Returns:
        An int32 tensor and a bool tensor, both `(batch,)`.

    Raises:
        ValueError: for one-hot labels, and for ids from 2**24 on where they
            are known.
    """
    labels = ops.convert_to_tensor(labels)
    exact = ops.abs(labels) < MOST_CLASSES
    values = numerics.concrete(exact)
    if values is not None and not values.all():
        raise ValueError(
            f"Keras carries y_true in float32, exact to {MOST_CLASSES} class "
            "ids, and some labels lie beyond. Number the classes from 0, or "
            "use ArcFaceModel, which keeps labels integers."
        )
    ids = numerics.class_ids(ops.cast(labels, "int32"))
    return ids, ops.reshape(exact, (-1,))
