"""Heads: from a feature map (batch, h, w, c) to an embedding (batch, d).

The last Dense and BatchNormalization run in float32 under every dtype policy
(arcface_torch's "fp32 last layers"): half precision costs angle exactly where
the margin is measured.
"""

import keras

MOMENTUM = 0.9
EPSILON = 1e-5


@keras.saving.register_keras_serializable(package="keras_arcface")
class FixedScaleBatchNormalization(keras.layers.BatchNormalization):
    """BatchNormalization whose scale stays at one, whatever is unfrozen.

    insightface's `fix_gamma`: every embedding dimension enters the softmax
    with the same spread. The scale is still a weight, so that checkpoints map
    one to one.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.gamma.trainable = False

    @property
    def trainable(self):
        return super().trainable

    @trainable.setter
    def trainable(self, value):
        keras.layers.Layer.trainable.fset(self, value)
        if self.built:
            self.gamma.trainable = False


class EmbeddingHead(keras.layers.Layer):
    """What the heads share: their arguments and a float32 output."""

    def __init__(self, embedding_dim=512, dropout=0.0, **kwargs):
        super().__init__(**kwargs)
        if embedding_dim < 1:
            raise ValueError(
                "embedding_dim must be a positive integer. "
                f"Received: embedding_dim={embedding_dim}"
            )
        if not 0 <= dropout < 1:
            raise ValueError(
                f"dropout must be in [0, 1). Received: dropout={dropout}"
            )
        self.embedding_dim = embedding_dim
        self.dropout = dropout
        self.drop = keras.layers.Dropout(dropout, name="drop")
        self.flatten = keras.layers.Flatten(name="flatten")

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.embedding_dim)

    def compute_output_spec(self, feature_map):
        shape = self.compute_output_shape(feature_map.shape)
        return keras.KerasTensor(shape, dtype="float32")

    def get_config(self):
        return {
            **super().get_config(),
            "embedding_dim": self.embedding_dim,
            "dropout": self.dropout,
        }


@keras.saving.register_keras_serializable(package="keras_arcface")
class FullyConnectedHead(EmbeddingHead):
    """Head "E": BN, dropout, flatten, dense with bias, BN of fixed scale.

    The head of the ArcFace paper's ResNets. The most accurate of the three
    and the heaviest: 7 x 7 x 512 x 512 is 12.8 million parameters.

    Reference:
    - [Deng et al., 2019, section 3.1](https://arxiv.org/abs/1801.07698)

    Args:
        embedding_dim: Integer. Defaults to `512`.
        dropout: Float in [0, 1). Defaults to `0.0`.

    Call arguments:
        feature_map: `(batch, height, width, channels)`.

    Returns:
        `(batch, embedding_dim)`, float32, not normalised.
    """

    def __init__(self, embedding_dim=512, dropout=0.0, **kwargs):
        super().__init__(embedding_dim, dropout, **kwargs)
        self.normalization = keras.layers.BatchNormalization(
            momentum=MOMENTUM, epsilon=EPSILON, name="normalization"
        )
        self.dense = keras.layers.Dense(
            embedding_dim,
            kernel_initializer=_torch_linear(),
            dtype="float32",
            name="dense",
        )
        self.features = FixedScaleBatchNormalization(
            momentum=MOMENTUM, epsilon=EPSILON, dtype="float32", name="features"
        )

    def build(self, input_shape):
        self.normalization.build(input_shape)
        self.dense.build(self.flatten.compute_output_shape(input_shape))
        self.features.build(self.compute_output_shape(input_shape))

    def call(self, feature_map):
        x = self.drop(self.normalization(feature_map))
        return self.features(self.dense(self.flatten(x)))


@keras.saving.register_keras_serializable(package="keras_arcface")
class GlobalDepthwiseHead(EmbeddingHead):
    """Head "GDC": global depthwise convolution, BN, dense, BN.

    The head of MobileFaceNet: each channel learns where in the picture to
    look, at a fiftieth of the size of head "E".

    Reference:
    - [Chen et al., 2018, section 3.1](https://arxiv.org/abs/1804.07573)

    Args:
        embedding_dim: Integer. Defaults to `512`.
        dropout: Float in [0, 1), before the dense layer. Defaults to `0.0`.
        pointwise: Boolean, a linear 1 x 1 convolution and a BN between the
            depthwise convolution and the dense layer, as
            sirius-ai/MobileFaceNet_TF has it. Defaults to `False`.

    Call arguments:
        feature_map: `(batch, height, width, channels)`, height and width
            known when the layer is built.

    Returns:
        `(batch, embedding_dim)`, float32, not normalised.
    """

    def __init__(
        self, embedding_dim=512, dropout=0.0, pointwise=False, **kwargs
    ):
        super().__init__(embedding_dim, dropout, **kwargs)
        self.pointwise = pointwise

    def build(self, input_shape):
        channels = input_shape[-1]
        self.depthwise = keras.layers.DepthwiseConv2D(
            input_shape[1:3],
            use_bias=False,
            depthwise_initializer=kaiming_normal(channels, input_shape[1:3]),
            name="depthwise",
        )
        self.depthwise.build(input_shape)
        self.normalization = keras.layers.BatchNormalization(
            momentum=MOMENTUM, epsilon=EPSILON, name="normalization"
        )
        self.normalization.build((input_shape[0], 1, 1, channels))
        if self.pointwise:
            self.pointwise_conv = keras.layers.Conv2D(
                channels,
                1,
                use_bias=False,
                kernel_initializer=kaiming_normal(channels),
                name="pointwise",
            )
            self.pointwise_conv.build((input_shape[0], 1, 1, channels))
            self.pointwise_normalization = keras.layers.BatchNormalization(
                momentum=MOMENTUM,
                epsilon=EPSILON,
                name="pointwise_normalization",
            )
            self.pointwise_normalization.build((input_shape[0], 1, 1, channels))
        self.dense, self.features = _last_layers(
            (input_shape[0], channels), self.embedding_dim
        )

    def pool(self, feature_map):
        """Returns what the dense layer sees, `(batch, channels)`."""
        x = self.normalization(self.depthwise(feature_map))
        if self.pointwise:
            x = self.pointwise_normalization(self.pointwise_conv(x))
        return self.flatten(x)

    def call(self, feature_map):
        return self.features(self.dense(self.drop(self.pool(feature_map))))

    def get_config(self):
        return {**super().get_config(), "pointwise": self.pointwise}


@keras.saving.register_keras_serializable(package="keras_arcface")
class GlobalAverageHead(EmbeddingHead):
    """Head "GAP": global average pooling, dense without bias, BN.

    The lightest head, blind to where a feature was seen: for objects that are
    not aligned. Works with pictures of any size.

    Args:
        embedding_dim: Integer. Defaults to `512`.
        dropout: Float in [0, 1), before the dense layer. Defaults to `0.0`.

    Call arguments:
        feature_map: `(batch, height, width, channels)`.

    Returns:
        `(batch, embedding_dim)`, float32, not normalised.
    """

    def __init__(self, embedding_dim=512, dropout=0.0, **kwargs):
        super().__init__(embedding_dim, dropout, **kwargs)
        self.pooling = keras.layers.GlobalAveragePooling2D(
            dtype="float32", name="pooling"
        )

    def build(self, input_shape):
        self.dense, self.features = _last_layers(
            (input_shape[0], input_shape[-1]), self.embedding_dim
        )

    def call(self, feature_map):
        return self.features(self.dense(self.drop(self.pooling(feature_map))))


HEADS = {
    "E": FullyConnectedHead,
    "GDC": GlobalDepthwiseHead,
    "GAP": GlobalAverageHead,
}


def embedding_head(kind, embedding_dim=512, dropout=0.0, **kwargs):
    """Returns the head called `kind`: `"E"`, `"GDC"` or `"GAP"`.

    Args:
        kind: String, one of the names above.
        embedding_dim: Integer. Defaults to `512`.
        dropout: Float in [0, 1). Defaults to `0.0`.
        **kwargs: Further arguments of that head, for example `name`.

    Raises:
        ValueError: when there is no such head; names those that exist.
    """
    if kind not in HEADS:
        raise ValueError(
            f"head must be one of {list(HEADS)}. Received: head={kind!r}"
        )
    return HEADS[kind](embedding_dim, dropout, **kwargs)


def kaiming_normal(filters, kernel_size=(1, 1)):
    """torch's `kaiming_normal_(mode="fan_out")`, as it counts a fan-out.

    torch takes filters * height * width for depthwise kernels too, where
    Keras would take height * width.
    """
    fan_out = filters * kernel_size[0] * kernel_size[1]
    return keras.initializers.RandomNormal(stddev=(2.0 / fan_out) ** 0.5)


def _torch_linear():
    """torch.nn.Linear's default: uniform within 1 / sqrt(fan_in)."""
    return keras.initializers.VarianceScaling(
        scale=1 / 3, mode="fan_in", distribution="uniform"
    )


def _last_layers(input_shape, embedding_dim):
    dense = keras.layers.Dense(
        embedding_dim,
        use_bias=False,
        kernel_initializer=kaiming_normal(embedding_dim),
        dtype="float32",
        name="dense",
    )
    features = keras.layers.BatchNormalization(
        momentum=MOMENTUM, epsilon=EPSILON, dtype="float32", name="features"
    )
    dense.build(input_shape)
    features.build((input_shape[0], embedding_dim))
    return dense, features
