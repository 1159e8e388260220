"""What every loss with proxies is."""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.losses.head import EmbeddingHead
from keras_arcface.losses.head import embedding_dim
from keras_arcface.losses.head import split_inputs
from keras_arcface.margins.checks import check_count


class ProxyHead(EmbeddingHead):
    """Base of the heads with one or several proxies for each class.

    Args:
        num_classes: Int > 1.
        proxies_initializer: Initializer of the proxies; by default that of the
            loss's reference implementation.
        **kwargs: Of `keras.layers.Layer`.
    """

    # Rows of `proxies` for each class, class-major.
    proxies_per_class = 1

    def __init__(self, num_classes, proxies_initializer=None, **kwargs):
        super().__init__(**kwargs)
        self.num_classes = check_count("num_classes", num_classes, least=2)
        self.proxies_initializer = keras.initializers.get(
            proxies_initializer or self.default_initializer()
        )

    def build(self, embeddings_shape, labels_shape=None):
        rows = self.num_classes * self.proxies_per_class
        self.proxies = self.add_weight(
            name="proxies",
            shape=(rows, embedding_dim(embeddings_shape)),
            initializer=self.proxies_initializer,
            dtype="float32",
            autocast=False,
        )

    def default_initializer(self):
        """Returns the initializer of proxies where none is given."""
        return keras.initializers.RandomNormal(stddev=1.0)

    def target_angle(self, embeddings, labels):
        """Returns the angle of each embedding to its nearest own proxy.

        Args:
            embeddings: Float tensor `(batch, dim)`.
            labels: Int tensor `(batch,)` or `(batch, 1)`.

        Returns:
            float32 `(batch,)`, radians: pi/2 for chance, 0 on the proxy.
        """
        labels = numerics.class_ids(labels, self.num_classes)
        embeddings = ops.cast(embeddings, "float32")
        cosine = numerics.cosine_matrix(embeddings, self.proxies)
        shape = (-1, self.num_classes, self.proxies_per_class)
        nearest = ops.max(ops.reshape(cosine, shape), axis=2)
        return numerics.angle(take_own(nearest, labels))

    def compute_output_spec(self, embeddings, labels=None, training=None):
        embeddings, _ = split_inputs(embeddings, labels)
        return keras.KerasTensor(
            (embeddings.shape[0], self.num_classes), dtype="float32"
        )

    def get_config(self):
        return {
            **super().get_config(),
            "num_classes": self.num_classes,
            "proxies_initializer": keras.saving.serialize_keras_object(
                self.proxies_initializer
            ),
        }


def take_own(values, labels):
    """Returns `values[i, labels[i]]`, safe where a label is out of range."""
    return numerics.take_target(
        values, ops.clip(labels, 0, values.shape[-1] - 1)
    )


def is_own(labels, num_classes):
    """Returns the bool matrix `(batch, num_classes)` of own classes."""
    return ops.equal(ops.expand_dims(labels, 1), ops.arange(num_classes))
