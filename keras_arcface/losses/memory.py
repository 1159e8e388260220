"""Cross-batch memory: pairs with the embeddings of earlier batches."""

import keras
from keras import ops

from keras_arcface.losses.head import EmbeddingHead
from keras_arcface.losses.head import embedding_dim
from keras_arcface.losses.pairs import make_pairs
from keras_arcface.margins.checks import check_count
from keras_arcface.ranges import Choice


@keras.saving.register_keras_serializable(package="keras_arcface")
class CrossBatchMemory(EmbeddingHead):
    """Compares a batch with the last `size` embeddings, for any pair loss.

        loss = pair loss of (batch, queue of the newest embeddings)

    Embeddings drift slowly, so those of earlier batches are nearly valid: a
    small batch meets as many negatives as a large one, at the cost of a
    matrix `(batch, size)`. The queue takes in the current batch first; nobody
    is paired with itself; the gradient reaches the batch as query only. That
    is pytorch-metric-learning's `CrossBatchMemory` (the authors' code adds the
    loss of the batch with itself).

    Outside training the batch is compared with itself, and the queue stays.
    The queue is saved with the model. Under a distribution strategy every
    replica reads the first replica's queue.

    Reference:
    - [Wang et al., 2020, Alg. 1](https://arxiv.org/abs/1912.06798)

    Args:
        loss: A pair loss, with its miner if it has one; or a
            `ClassMarginLoss`.
        size: Int, at least the batch size. Defaults to `1024`.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        embeddings: Float tensor `(batch, dim)`, of any length.
        labels: Optional int tensor `(batch,)` or `(batch, 1)`. While training,
            the mean loss is added to the model's.

    Returns:
        The embeddings, unchanged.

    Raises:
        ValueError: for a loss that does not compare embeddings, or a batch
            larger than the memory, where the batch size is known. (Where it is
            not, only the newest `size` are compared with.)

    Example:

    >>> from keras_arcface import losses
    >>> head = losses.CrossBatchMemory(losses.NTXentLoss(), size=64)
    >>> loss = head.margin_loss(np.eye(4), np.array([0, 0, 1, 1]))
    >>> tuple(loss.shape), int(head.filled)
    ((4,), 4)
    """

    # Beside those of its loss.
    search_space = {"size": Choice((256, 1024))}

    def __init__(self, loss, size=1024, **kwargs):
        super().__init__(**kwargs)
        if isinstance(loss, dict):
            loss = keras.saving.deserialize_keras_object(loss)
        if not hasattr(loss, "compare") or isinstance(loss, type):
            raise ValueError(
                "CrossBatchMemory takes a loss on pairs of embeddings, such as "
                "PairContrastiveLoss() or TripletLoss(). Received: "
                f"loss={loss!r}."
            )
        self.loss = loss
        self.size = check_count("size", size)
        self.num_classes = getattr(loss, "num_classes", None)

    def build(self, embeddings_shape, labels_shape=None):
        dim = embedding_dim(embeddings_shape)
        if isinstance(self.loss, keras.layers.Layer) and not self.loss.built:
            self.loss.build((None, dim))
            self.loss.built = True
        self.queue = self._state("queue", (self.size, dim), "float32")
        self.queue_labels = self._state("queue_labels", (self.size,), "int32")
        self.filled = self._state("filled", (), "int32")

    def _state(self, name, shape, dtype):
        return self.add_weight(
            name=name,
            shape=shape,
            dtype=dtype,
            initializer="zeros",
            trainable=False,
            autocast=False,
            # The mean of two queues would be neither.
            aggregation="only_first_replica",
        )

    def sample_losses(self, embeddings, labels, training):
        if not training:
            return self.loss.compare(make_pairs(embeddings, labels))
        if (embeddings.shape[0] or 0) > self.size:
            raise ValueError(
                "The memory must hold a batch at least. Received: a batch of "
                f"{embeddings.shape[0]} and size={self.size}."
            )
        queue, queue_labels, filled = self._enqueue(embeddings, labels)
        # The newest come last: the batch is the end of the queue.
        place = ops.arange(self.size) - self.size
        batch = ops.shape(embeddings)[0]
        own_place = ops.expand_dims(ops.arange(batch) - batch, 1)
        comparable = (place >= -filled) & ops.not_equal(own_place, place)
        return self.loss.compare(
            make_pairs(embeddings, labels, queue, queue_labels, comparable)
        )

    def _enqueue(self, embeddings, labels):
        """Appends a batch to the queue, and returns what it then holds."""
        newest = ops.cast(ops.stop_gradient(embeddings), "float32")
        queue = ops.concatenate([self.queue, newest])[-self.size :]
        labels = ops.concatenate([self.queue_labels, labels])
        queue_labels = labels[-self.size :]
        batch = ops.cast(ops.shape(embeddings)[0], "int32")
        filled = ops.minimum(self.filled + batch, self.size)
        self.queue.assign(queue)
        self.queue_labels.assign(queue_labels)
        self.filled.assign(filled)
        return queue, queue_labels, filled

    def get_config(self):
        return {
            **super().get_config(),
            "loss": keras.saving.serialize_keras_object(self.loss),
            "size": self.size,
        }
