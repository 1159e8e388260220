"""MobileFaceNet: face embeddings for phones."""

import keras
from keras import layers

from keras_arcface.backbones.input_shape import check_input_shape
from keras_arcface.backbones.pixel_scaling import PixelScaling
from keras_arcface.layers.embedding_heads import EPSILON
from keras_arcface.layers.embedding_heads import MOMENTUM
from keras_arcface.layers.embedding_heads import embedding_head
from keras_arcface.layers.embedding_heads import kaiming_normal
from keras_arcface.layers.grouped_conv import GroupedConv2D
from keras_arcface.presets.folder import load_preset_weights

LAYOUTS = {
    "arcface_torch": {
        "scale": 2,
        "padding": "symmetric",
        "pointwise": False,
        "inside": 1,
    },
    "sirius_tf": {
        "scale": 1,
        "padding": "same",
        "pointwise": True,
        "inside": 1,
    },
    "slim": {"scale": 1, "padding": "same", "pointwise": False, "inside": 2},
}


@keras.saving.register_keras_serializable(package="keras_arcface")
class MobileFaceNet(keras.Model):
    """MobileFaceNet: inverted bottlenecks with PReLU and a GDC head.

    About one million parameters at `scale=1`. Two published layouts, and one
    of our own:

    - `"arcface_torch"`: insightface's `mbf`, twice as wide as the paper
      (`scale=2`), symmetric padding, 2,059,520 parameters at 512 dimensions.
      With `scale=1, embedding_dim=128` it is the network of the paper; with
      `scale=4, blocks=(2, 8, 12, 4)` it is insightface's `mbf_large`.
    - `"sirius_tf"`: sirius-ai/MobileFaceNet_TF. The paper's widths, TensorFlow
      "SAME" padding (at a stride of 2 on the far side only), and a linear
      1 x 1 convolution after the second layer and inside the head. The preset
      `mobilefacenet_ms1m_192` has this layout.
    - `"slim"`: `"sirius_tf"` without its linear convolutions, and with half
      the channels inside the blocks and after the last; those between them,
      which residuals carry, stay. `pretrained.inherit` starts it from weights
      of `"sirius_tf"`. With `embedding_dim=192, blocks=(1, 4, 6, 1)` it has
      497,216 parameters.

    Layers follow the global dtype policy; the output is float32 always.

    Reference:
    - [Chen et al., 2018, Table 1](https://arxiv.org/abs/1804.07573)

    Args:
        embedding_dim: Integer. Defaults to `512`.
        layout: `"arcface_torch"`, `"sirius_tf"` or `"slim"`.
            Defaults to `"arcface_torch"`.
        scale: Integer, multiplies the widths between the blocks, or `None`
            for the layout's own. Defaults to `None`.
        blocks: Four integers, the blocks at each resolution (56, 28, 14 and 7
            for a face). Defaults to `(1, 4, 6, 2)`.
        input_shape: Tuple `(height, width, 3)`. Defaults to `(112, 112, 3)`.
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

    >>> from keras_arcface.backbones import MobileFaceNet
    >>> MobileFaceNet(embedding_dim=128, scale=1).output_shape
    (None, 128)
    """

    def __init__(
        self,
        embedding_dim=512,
        layout="arcface_torch",
        scale=None,
        blocks=(1, 4, 6, 2),
        input_shape=(112, 112, 3),
        head="GDC",
        dropout=0.0,
        pixel_scaling=None,
        weights=None,
        **kwargs,
    ):
        if layout not in LAYOUTS:
            raise ValueError(
                f"layout must be one of {list(LAYOUTS)}. "
                f"Received: layout={layout!r}"
            )
        if len(blocks) != 4 or min(blocks) < 1:
            raise ValueError(
                "blocks must be four positive integers, one for each "
                f"resolution. Received: blocks={blocks}"
            )

        # === Layers ===
        plan = LAYOUTS[layout]
        scale = scale or plan["scale"]
        padding = plan["padding"]
        extra = {"pointwise": True} if plan["pointwise"] else {}
        if head != "GDC":
            extra = {}
        scaling = PixelScaling(**(pixel_scaling or {}), name="pixel_scaling")
        top = embedding_head(head, embedding_dim, dropout, name="head", **extra)
        input_shape = check_input_shape(input_shape, head)

        # === Functional Model ===
        images = keras.Input(input_shape, name="image")
        narrow, wide = 64 * scale, 128 * scale
        low, middle, high = (n // plan["inside"] for n in (128, 256, 512))
        x = scaling(images)
        x = _conv(x, narrow, 3, 2, padding=padding, name="stem")
        if blocks[0] == 1:
            x = _conv(x, narrow, 3, groups=64, padding=padding, name="stage1")
            if plan["pointwise"]:
                x = _conv(x, narrow, 1, linear=True, name="stage1_pointwise")
        else:
            x = _stage(x, narrow, low, blocks[0], padding, "stage1")
        x = _bottleneck(x, narrow, low, 2, padding, "down2")
        x = _stage(x, narrow, low, blocks[1], padding, "stage2")
        x = _bottleneck(x, wide, middle, 2, padding, "down3")
        x = _stage(x, wide, middle, blocks[2], padding, "stage3")
        x = _bottleneck(x, wide, high, 2, padding, "down4")
        x = _stage(x, wide, middle, blocks[3], padding, "stage4")
        x = _conv(x, high, 1, name="last")
        super().__init__(inputs=images, outputs=top(x), **kwargs)

        # === Config ===
        self.embedding_dim = embedding_dim
        self.layout = layout
        self.scale = scale
        self.blocks = tuple(blocks)
        self.head = head
        self.dropout = dropout
        self.pixel_scaling = pixel_scaling
        if weights is not None:
            load_preset_weights(self, weights)

    def get_config(self):
        return {
            "name": self.name,
            "trainable": self.trainable,
            "embedding_dim": self.embedding_dim,
            "layout": self.layout,
            "scale": self.scale,
            "blocks": self.blocks,
            "input_shape": self.input_shape[1:],
            "head": self.head,
            "dropout": self.dropout,
            "pixel_scaling": self.pixel_scaling,
            "weights": None,  # A saved model brings its own.
        }

    @classmethod
    def from_config(cls, config):
        return cls(**config)


def _stage(x, channels, expanded, count, padding, name):
    for block in range(1, count + 1):
        block_name = f"{name}_block{block}"
        y = _bottleneck(x, channels, expanded, 1, padding, block_name)
        x = layers.Add(name=f"{block_name}_add")([x, y])
    return x


def _bottleneck(x, channels, expanded, strides, padding, name):
    x = _conv(x, expanded, 1, name=f"{name}_expand")
    x = _conv(
        x,
        expanded,
        3,
        strides,
        groups=expanded,
        padding=padding,
        name=f"{name}_depthwise",
    )
    return _conv(x, channels, 1, linear=True, name=f"{name}_project")


def _conv(
    x,
    filters,
    kernel_size,
    strides=1,
    groups=1,
    padding="same",
    linear=False,
    name=None,
):
    """Convolution, BN and, unless `linear`, PReLU."""
    if padding == "symmetric" and strides > 1:
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    options = {
        "strides": strides,
        # At a stride of 1, "same" is the symmetric padding.
        "padding": "same" if padding == "same" or strides == 1 else "valid",
        "use_bias": False,
        "name": f"{name}_conv",
    }
    kernel = kaiming_normal(filters, (kernel_size, kernel_size))
    if groups == filters:
        x = layers.DepthwiseConv2D(
            kernel_size, depthwise_initializer=kernel, **options
        )(x)
    else:
        convolution = layers.Conv2D if groups == 1 else GroupedConv2D
        x = convolution(
            filters,
            kernel_size,
            groups=groups,
            kernel_initializer=kernel,
            **options,
        )(x)
    x = layers.BatchNormalization(
        momentum=MOMENTUM, epsilon=EPSILON, name=f"{name}_bn"
    )(x)
    if linear:
        return x
    return layers.PReLU(
        alpha_initializer=keras.initializers.Constant(0.25),
        shared_axes=[1, 2],
        name=f"{name}_prelu",
    )(x)
