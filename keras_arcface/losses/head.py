"""What every loss with weights or state is: a head on embeddings."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses.pairs import check_embeddings


@keras.saving.register_keras_serializable(package="keras_arcface")
class EmbeddingHead(keras.layers.Layer):
    """Base of the losses that are layers, because they own weights or state.

    A subclass implements `sample_losses(embeddings, labels, training)`, and
    `logits(embeddings)` where it has proxies. Then it trains in two ways:

    - `ArcFaceModel(backbone, head)`, which takes its loss from the head;
    - `head(embeddings, labels)` in a functional model with the labels as
      second input: it adds the mean loss to the model's while training.

    Everything is computed in float32, whatever the dtype policy.

    Args:
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        embeddings: Float tensor `(batch, dim)`, of any length; or the list
            `[embeddings, labels]`.
        labels: Optional int tensor `(batch,)` or `(batch, 1)`.

    Returns:
        float32 `(batch, num_classes)`, plain logits, of a head with proxies;
        the embeddings, unchanged, of one without.
    """

    num_classes = None

    def __init__(self, **kwargs):
        # autocast would round the embeddings before they are normalised.
        super().__init__(autocast=False, **kwargs)

    def call(self, embeddings, labels=None, training=None):
        embeddings, labels = split_inputs(embeddings, labels)
        if labels is not None and training:
            loss = self.margin_loss(embeddings, labels, training=True)
            self.add_loss(ops.mean(loss))
        if self.num_classes is None:
            return self.logits(embeddings)
        return self.logits(ops.cast(embeddings, "float32"))

    def margin_loss(self, embeddings, labels, training=True):
        """Returns the loss of each sample, float32 `(batch,)`.

        Args:
            embeddings: Float tensor `(batch, dim)`, of any length.
            labels: Int tensor `(batch,)` or `(batch, 1)`. A label out of range
                raises where it is known and gives inf inside a graph.
            training: Whether state, if any, moves on.
        """
        check_embeddings(embeddings)
        if not self.built:
            self.build(tuple(embeddings.shape))
            self.built = True
        labels = numerics.class_ids(labels, self.num_classes)
        numerics.check_batch(labels, embeddings)
        # Weights are float32: float64 embeddings would not meet them.
        embeddings = ops.cast(embeddings, "float32")
        loss = self.sample_losses(embeddings, labels, training)
        if self.num_classes is None:
            return loss
        return ops.where(labels >= 0, loss, float("inf"))

    def sample_losses(self, embeddings, labels, training):
        """Returns losses `(batch,)` of float32 embeddings and int32 labels."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement sample_losses(embeddings, "
            "labels, training)."
        )

    def logits(self, embeddings):
        """Returns what the layer outputs: the embeddings, without proxies."""
        return embeddings

    def compute_output_spec(self, embeddings, labels=None, training=None):
        embeddings, _ = split_inputs(embeddings, labels)
        return keras.KerasTensor(embeddings.shape, dtype=embeddings.dtype)


def split_inputs(embeddings, labels):
    """Returns embeddings and labels, which may come as one list."""
    if not isinstance(embeddings, (list, tuple)):
        return embeddings, labels
    if len(embeddings) != 2 or labels is not None:
        raise ValueError(
            "The head takes embeddings, or [embeddings, labels]. Received: a "
            f"list of {len(embeddings)} tensors"
            + (" and labels." if labels is not None else ".")
        )
    return embeddings


def embedding_dim(embeddings_shape):
    """Returns the last dimension of embeddings, or of the first of a list."""
    if embeddings_shape and isinstance(embeddings_shape[0], (list, tuple)):
        embeddings_shape = embeddings_shape[0]
    if len(embeddings_shape) != 2 or embeddings_shape[-1] is None:
        raise ValueError(
            "embeddings must have the shape (batch, dim), with a known dim. "
            f"Received: shape={tuple(embeddings_shape)}. Add a Flatten, a "
            "pooling layer or a Dense layer before the head."
        )
    return embeddings_shape[-1]
