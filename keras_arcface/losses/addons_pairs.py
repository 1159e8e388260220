"""The other metric-learning losses of TensorFlow Addons, for Keras 3."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses import distances
from keras_arcface.losses import reduce
from keras_arcface.losses.pairs import PairLoss
from keras_arcface.losses.pairs import check_dtype
from keras_arcface.losses.pairs import exact_labels
from keras_arcface.margins.checks import check_number
from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Uniform


@keras.saving.register_keras_serializable(package="keras_arcface")
class ContrastiveLoss(keras.losses.Loss):
    """Contrastive loss of distances (TensorFlow Addons' name).

        loss = y * d^2 + (1 - y) * max(0, margin - d)^2

    For a Siamese model that outputs the distance of two pictures. On a batch
    of embeddings use `PairContrastiveLoss`.

    Values, defaults and gradients are those of TensorFlow Addons 0.23, but
    half precision is computed and returned in float32.

    Reference:
    - [Hadsell et al., 2006](
      http://yann.lecun.com/exdb/publis/pdf/hadsell-chopra-lecun-06.pdf)

    Args:
        margin: Float, how far apart different pairs must lie. Defaults to
            `1.0`.
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation.

    Call arguments:
        y_true: `(batch,)` or `(batch, 1)`, 1 for a pair of one class, else 0.
        y_pred: Float tensor `(batch,)` or `(batch, 1)`, distances.

    Raises:
        ValueError: for embeddings in place of distances.
    """

    search_space = {"margin": Uniform(0.3, 1.6)}

    def __init__(
        self,
        margin=1.0,
        reduction="sum_over_batch_size",
        name="contrastive_loss",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        self.margin = check_number("margin", margin)

    def call(self, y_true, y_pred):
        shape = tuple(y_pred.shape)
        if len(shape) > 2 or (len(shape) == 2 and shape[1] != 1):
            raise ValueError(
                "ContrastiveLoss takes the distance of each pair, of shape "
                f"(batch,). Received: y_pred of shape={shape}. For embeddings "
                "and class ids use PairContrastiveLoss."
            )
        distance = numerics.at_least_float32(ops.reshape(y_pred, (-1,)))
        is_same = ops.cast(ops.reshape(y_true, (-1,)), distance.dtype)
        apart = ops.square(ops.relu(self.margin - distance))
        return is_same * ops.square(distance) + (1.0 - is_same) * apart

    def get_config(self):
        return {
            **super().get_config(),
            "dtype": self.dtype,
            "margin": self.margin,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class NpairsLoss(keras.losses.Loss):
    """N-pairs loss of a similarity matrix (TensorFlow Addons' name).

        loss_i = -sum_j t_ij log softmax(S_i)_j,   t_ij = [y_i = y_j] / n_i

    `S = matmul(anchors, transpose(positives))` of two batches in the same
    order, one picture each of every class. Values and gradients are those of
    TensorFlow Addons 0.23, without a penalty on the length of embeddings (the
    paper's); `reduction` is heeded; half precision is computed and returned in
    float32.

    Reference:
    - [Sohn, 2016](https://papers.nips.cc/paper/6200)

    Args:
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: float32 or wider: labels pass through this dtype.

    Call arguments:
        y_true: Int tensor `(batch,)` or `(batch, 1)`, class ids.
        y_pred: Float tensor `(batch, batch)`, similarities.

    Raises:
        ValueError: for one-hot labels; see `NpairsMultilabelLoss`.
    """

    search_space = {}

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="npairs_loss",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)
        check_dtype(self.dtype)

    def call(self, y_true, y_pred):
        labels, exact = exact_labels(y_true)
        similarity = numerics.at_least_float32(y_pred)
        same = ops.equal(ops.expand_dims(labels, 1), labels)
        loss = _shared_cross_entropy(similarity, same)
        return ops.where(exact, loss, float("nan"))

    def get_config(self):
        return {**super().get_config(), "dtype": self.dtype}


@keras.saving.register_keras_serializable(package="keras_arcface")
class NpairsMultilabelLoss(keras.losses.Loss):
    """N-pairs loss where a picture has several labels (Addons' name).

        loss_i = -sum_j t_ij log softmax(S_i)_j,   t_ij = |Y_i & Y_j| / n_i

    As `NpairsLoss`, with the number of labels that two pictures share, divided
    by the row's sum. A picture without any label gives 0, where TensorFlow
    Addons gives 0/0.

    Reference:
    - [Sohn, 2016](https://papers.nips.cc/paper/6200)

    Args:
        reduction: As in `keras.losses.Loss`.
        name: Name of the loss.
        dtype: Dtype of the computation.

    Call arguments:
        y_true: `(batch, num_labels)` of 0 and 1.
        y_pred: Float tensor `(batch, batch)`, similarities.
    """

    def __init__(
        self,
        reduction="sum_over_batch_size",
        name="npairs_multilabel_loss",
        dtype=None,
    ):
        super().__init__(name=name, reduction=reduction, dtype=dtype)

    def call(self, y_true, y_pred):
        similarity = numerics.at_least_float32(y_pred)
        labels = ops.cast(y_true, similarity.dtype)
        if len(labels.shape) != 2:
            raise ValueError(
                "labels must be zeros and ones of shape (batch, num_labels). "
                f"Received: shape={tuple(labels.shape)}. For class ids use "
                "NpairsLoss."
            )
        shared = ops.matmul(labels, ops.transpose(labels))
        return _shared_cross_entropy(similarity, shared)

    def get_config(self):
        return {**super().get_config(), "dtype": self.dtype}


def _shared_cross_entropy(similarity, shared):
    """Returns the cross entropy of each row against its normalised counts."""
    shared = ops.cast(shared, similarity.dtype)
    total = ops.sum(shared, axis=1, keepdims=True)
    target = shared / ops.where(total > 0, total, 1.0)
    log_probability = ops.log_softmax(similarity, axis=1)
    return -ops.sum(target * log_probability, axis=1)


@keras.saving.register_keras_serializable(package="keras_arcface")
class LiftedStructLoss(PairLoss):
    """Lifted structured loss (TensorFlow Addons' name).

        J_ij = D_ij + log(sum_{k neg. of i} exp(margin - D_ik)
                          + sum_{l neg. of j} exp(margin - D_jl))
        loss = mean over positive pairs of max(0, J_ij)^2 / 2

    D is the Euclidean distance; embeddings should not be normalised. Values,
    defaults and gradients are those of TensorFlow Addons 0.23, in the memory
    of a few matrices where Addons took a cube, and with these differences on
    purpose: a batch without a positive or without a negative pair gives 0, not
    NaN; `reduction` is heeded; half precision is computed and returned in
    float32.

    Reference:
    - [Oh Song et al., 2016, Eq. 4](https://arxiv.org/abs/1511.06452)

    Args:
        margin: Float, in units of distance. Defaults to `1.0`.
        miner: A `Miner` that narrows the pairs first. Defaults to `None`.
        **kwargs: Of `PairLoss`: reduction, name, dtype.
    """

    # Moves a logarithm against distances of embeddings of any length.
    search_space = {"margin": LogUniform(0.1, 10.0)}

    def __init__(self, margin=1.0, miner=None, **kwargs):
        super().__init__(miner, **kwargs)
        self.margin = check_number("margin", margin)

    def pair_loss(self, pairs):
        distance = distances.euclidean(pairs.query, pairs.reference)
        close = self.margin - distance
        of_query = reduce.masked_logsumexp(close, pairs.negatives, axis=1)
        of_reference = reduce.masked_logsumexp(close, pairs.negatives, axis=0)
        lifted = distance + ops.logaddexp(
            ops.expand_dims(of_query, 1), of_reference
        )
        squared = ops.square(ops.relu(lifted)) / 2.0
        return reduce.averaged(
            reduce.masked_sum(squared, pairs.positives),
            reduce.count(pairs.positives, squared.dtype),
        )

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}
