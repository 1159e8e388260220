"""SmallNet: a backbone for small pictures, quick on a laptop's processor."""

from itertools import pairwise

import keras
from keras import layers

from keras_arcface.backbones.input_shape import check_input_shape
from keras_arcface.backbones.pixel_scaling import PixelScaling
from keras_arcface.layers.embedding_heads import EPSILON
from keras_arcface.layers.embedding_heads import MOMENTUM
from keras_arcface.layers.embedding_heads import embedding_head
from keras_arcface.presets.folder import load_preset_weights


@keras.saving.register_keras_serializable(package="keras_arcface")
class SmallNet(keras.Model):
    """Plain 3 x 3 convolutions for small pictures: glyphs, signs, thumbnails.

    A stem, then two convolutions for each further width: one that goes down
    (stride 2) while the network is narrow, one that widens. Each has BN and
    PReLU. 32 x 32 pictures end as 4 x 4 x 128, for 3.8 million multiplications:
    made to train on two processor cores in minutes.

    Strided convolutions pad as TensorFlow's "same" does, on one side; there
    are no foreign weights to be true to.

    Layers follow the global dtype policy; the output is float32 always.

    Args:
        widths: Integers, the channels at each resolution.
            Defaults to `(32, 64, 128)`.
        input_shape: Tuple `(height, width, 3)`. Defaults to `(32, 32, 3)`.
        embedding_dim: Integer. Defaults to `128`.
        head: `"GDC"`, `"E"` or `"GAP"`. Defaults to `"GDC"`.
        dropout: Float in [0, 1), inside the head. Defaults to `0.0`.
        pixel_scaling: Dictionary of `PixelScaling` arguments, or `None` for
            its defaults. Defaults to `None`.
        weights: `None`, the name of a preset, a preset folder or a
            `.weights.h5` file. Defaults to `None`.

    Call arguments:
        images: `(batch, height, width, 3)`, RGB in [0, 255], uint8 or float.

    Returns:
        `(batch, embedding_dim)`, float32, not normalised.

    Example:

    >>> from keras_arcface.backbones import SmallNet
    >>> SmallNet(embedding_dim=64).output_shape
    (None, 64)
    """

    def __init__(
        self,
        widths=(32, 64, 128),
        input_shape=(32, 32, 3),
        embedding_dim=128,
        head="GDC",
        dropout=0.0,
        pixel_scaling=None,
        weights=None,
        **kwargs,
    ):
        if not widths or min(widths) < 1:
            raise ValueError(
                f"widths must be positive integers. Received: widths={widths}"
            )

        # === Layers ===
        scaling = PixelScaling(**(pixel_scaling or {}), name="pixel_scaling")
        top = embedding_head(head, embedding_dim, dropout, name="head")
        input_shape = check_input_shape(input_shape, head)

        # === Functional Model ===
        images = keras.Input(input_shape, name="image")
        x = scaling(images)
        x = _conv(x, widths[0], 2, "stem")
        for stage, (narrow, wide) in enumerate(pairwise(widths), start=1):
            x = _conv(x, narrow, 2, f"stage{stage}_down")
            x = _conv(x, wide, 1, f"stage{stage}_widen")
        super().__init__(inputs=images, outputs=top(x), **kwargs)

        # === Config ===
        self.widths = tuple(widths)
        self.embedding_dim = embedding_dim
        self.head = head
        self.dropout = dropout
        self.pixel_scaling = pixel_scaling
        if weights is not None:
            load_preset_weights(self, weights)

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "widths": self.widths,
            "input_shape": self.input_shape[1:],
            "embedding_dim": self.embedding_dim,
            "head": self.head,
            "dropout": self.dropout,
            "pixel_scaling": self.pixel_scaling,
            "weights": None,  # A saved model brings its own.
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _conv(x, filters, strides, name):
    x = layers.Conv2D(
        filters,
        3,
        strides=strides,
        padding="same",
        use_bias=False,
        kernel_initializer="he_normal",
        name=f"{name}_conv",
    )(x)
    x = layers.BatchNormalization(
        momentum=MOMENTUM, epsilon=EPSILON, name=f"{name}_bn"
    )(x)
    return layers.PReLU(
        alpha_initializer=keras.initializers.Constant(0.25),
        shared_axes=[1, 2],
        name=f"{name}_prelu",
    )(x)
