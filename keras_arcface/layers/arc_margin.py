"""The head: class centres, cosines, and a margin on the target."""

import keras
from keras import ops

from keras_arcface import margins
from keras_arcface import numerics
from keras_arcface import softmax
from keras_arcface.losses import MarginSoftmaxLoss


@keras.saving.register_keras_serializable(package="keras_arcface")
class ArcMarginLayer(keras.layers.Layer):
    """Class centres on the unit sphere, with a margin on the target class.

        logits[i, j] = scale * cos(theta[i, j])                  without labels
        logits[i, y] = scale * margin(cos(theta[i, y]))          with labels

    Needs no normalised input and no bias. Three ways to use it: as the last
    layer of a Sequential with `loss=layer.loss()`; in a functional model with
    the labels as second input and stock cross entropy; or through
    `ArcFaceModel`. All three train to the same losses.

    Labels put the margin on while training only: validation and inference see
    plain cosines, so validation accuracy is never helped or hurt by it.

    Args:
        num_classes: Int > 1. Number of identities.
        margin: A number in [0, pi/2), the ArcFace margin in radians; or any
            margin, such as `CosFace(0.35)`; or `None`. Defaults to `0.5`.
        scale: Float > 0, or `"auto"` to take it from the class count. The
            paper's `64.0`, the default, suits 10,000 identities and more;
            with few, or from scratch, use `"auto"`.
        centers_initializer: Initializer of the class centres `(num_classes,
            embedding_dim)`. Defaults to a normal of deviation 0.01, as
            insightface.
        centers_regularizer: Regularizer of the class centres.
        **kwargs: Of `keras.layers.Layer`.

    Call arguments:
        embeddings: Float tensor `(batch, embedding_dim)`, of any length; or
            the list `[embeddings, labels]`.
        labels: Optional int tensor `(batch,)` or `(batch, 1)`.

    Returns:
        float32 `(batch, num_classes)` under every dtype policy. Only the
        product of embeddings and centres runs in half precision, and the
        target cosine that the margin sees is computed in float32.

    Raises:
        ValueError: for a margin that looks like degrees, a bad scale or class
            count, or labels that are no integers in range.

    Reference:
    - [Deng et al., 2019, Alg. 1](https://arxiv.org/abs/1801.07698)

    Example:

    >>> layer = keras_arcface.ArcMarginLayer(10, scale="auto")
    >>> logits = layer(np.ones((2, 4), "float32"))
    >>> tuple(logits.shape)
    (2, 10)
    """

    def __init__(
        self,
        num_classes,
        margin=0.5,
        scale=64.0,
        centers_initializer=None,
        centers_regularizer=None,
        **kwargs,
    ):
        # autocast would round the embeddings before they are normalised.
        super().__init__(autocast=False, **kwargs)
        self.num_classes = _check_num_classes(num_classes)
        self.margin = margins.get(margin)
        self.scale = margins.resolve_scale(
            margins.check_scale(scale), self.num_classes
        )
        self.centers_initializer = keras.initializers.get(
            centers_initializer or keras.initializers.RandomNormal(stddev=0.01)
        )
        self.centers_regularizer = keras.regularizers.get(centers_regularizer)

    def build(self, embeddings_shape, labels_shape=None):
        if embeddings_shape and isinstance(embeddings_shape[0], (list, tuple)):
            embeddings_shape = embeddings_shape[0]
        embedding_dim = embeddings_shape[-1]
        if len(embeddings_shape) != 2 or embedding_dim is None:
            raise ValueError(
                "embeddings must have the shape (batch, embedding_dim). "
                f"Received: shape={tuple(embeddings_shape)}. Add a Flatten, "
                "a pooling layer or a Dense layer before ArcMarginLayer."
            )
        self.class_centers = self.add_weight(
            name="class_centers",
            shape=(self.num_classes, embedding_dim),
            initializer=self.centers_initializer,
            regularizer=self.centers_regularizer,
            dtype="float32",
            autocast=False,
        )
        if not self.margin.built:
            self.margin.build((None,))

    def call(self, embeddings, labels=None, training=None):
        embeddings, labels = _split(embeddings, labels)
        cosine = self._cosine(embeddings)
        if labels is None or not training:
            return self.scale * cosine
        labels = numerics.class_ids(labels, self.num_classes)
        target = self.margin(self._target_cosine(embeddings, labels))
        return self.scale * numerics.replace_target(cosine, labels, target)

    def margin_loss(self, embeddings, labels, training=True):
        """Returns the loss of each sample; equal to the logits' cross entropy.

        Args:
            embeddings: Float tensor `(batch, embedding_dim)`, of any length.
            labels: Int tensor `(batch,)` or `(batch, 1)`. A label out of range
                raises where it is known and gives NaN inside a graph.
            training: With `False` there is no margin, as in `call`.

        Returns:
            float32 `(batch,)`.
        """
        self._ensure_built(embeddings)
        labels = numerics.class_ids(labels, self.num_classes)
        target = self._target_cosine(embeddings, labels)
        if training:
            target = self.margin(target)
        return softmax.margin_cross_entropy(
            self._cosine(embeddings), target, labels, self.scale
        )

    def target_angle(self, embeddings, labels):
        """Returns the angle of each embedding to its class centre.

        Args:
            embeddings: Float tensor `(batch, embedding_dim)`.
            labels: Int tensor `(batch,)` or `(batch, 1)`.

        Returns:
            float32 `(batch,)`, radians: pi/2 for chance, 0 on the centre.
        """
        self._ensure_built(embeddings)
        labels = numerics.class_ids(labels, self.num_classes)
        return numerics.angle(self._target_cosine(embeddings, labels))

    def loss(self, reduction="sum_over_batch_size"):
        """Returns the Keras loss that fits this layer in a Sequential."""
        return MarginSoftmaxLoss(self.margin, self.scale, reduction)

    def _cosine(self, embeddings):
        return numerics.cosine_matrix(
            embeddings, self.class_centers, self.compute_dtype
        )

    def _target_cosine(self, embeddings, labels):
        # A bad label is refused or turned into NaN elsewhere; here it must
        # not reach the gather, which some backends refuse and others clamp.
        labels = ops.clip(labels, 0, self.num_classes - 1)
        return numerics.target_cosine(embeddings, self.class_centers, labels)

    def _ensure_built(self, embeddings):
        if not self.built:
            self.build(tuple(embeddings.shape))
            self.built = True

    def compute_output_spec(self, embeddings, labels=None, training=None):
        embeddings, _ = _split(embeddings, labels)
        return keras.KerasTensor(
            (embeddings.shape[0], self.num_classes), dtype="float32"
        )

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "margin": serialize(self.margin),
            "scale": self.scale,
            "centers_initializer": serialize(self.centers_initializer),
            "centers_regularizer": serialize(self.centers_regularizer),
        }


def _split(embeddings, labels):
    if not isinstance(embeddings, (list, tuple)):
        return embeddings, labels
    if len(embeddings) != 2 or labels is not None:
        raise ValueError(
            "ArcMarginLayer takes embeddings, or [embeddings, labels]. "
            f"Received: a list of {len(embeddings)} tensors"
            + (" and labels." if labels is not None else ".")
        )
    return embeddings


def _check_num_classes(num_classes):
    is_int = hasattr(num_classes, "__index__") and num_classes is not True
    if not is_int or int(num_classes) < 2:
        raise ValueError(
            "num_classes must be an integer above 1. Received: "
            f"num_classes={num_classes!r}."
        )
    return int(num_classes)
