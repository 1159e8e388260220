"""IResNet: the improved residual networks of the ArcFace paper."""

import keras
from keras import layers

from keras_arcface.backbones.input_shape import check_input_shape
from keras_arcface.backbones.pixel_scaling import PixelScaling
from keras_arcface.layers.embedding_heads import EPSILON
from keras_arcface.layers.embedding_heads import MOMENTUM
from keras_arcface.layers.embedding_heads import embedding_head
from keras_arcface.presets.folder import load_preset_weights

WIDTHS = (64, 128, 256, 512)


@keras.saving.register_keras_serializable(package="keras_arcface")
class IResNet(keras.Model):
    """Improved residual network (IR): BN first, PReLU inside, BN last.

        y = bn3(conv2(prelu(bn2(conv1(bn1(x)))))) + shortcut(x)

    The stem keeps the full resolution (3 x 3, stride 1, no pooling); each of
    the four stages opens with a stride of 2, so 112 x 112 faces end as 7 x 7.
    Layer for layer the network of insightface's arcface_torch: the same
    padding (symmetric), BN (epsilon 1e-5, momentum 0.9) and parameter counts,
    so its checkpoints map one to one.

    Layers follow the global dtype policy; the output is float32 always.

    Reference:
    - [Deng et al., 2019, section 3.1](https://arxiv.org/abs/1801.07698)

    Args:
        blocks: Four integers, the number of blocks in each stage.
        input_shape: Tuple `(height, width, 3)`. Defaults to `(112, 112, 3)`.
        embedding_dim: Integer. Defaults to `512`.
        head: `"E"`, `"GDC"` or `"GAP"`, see `layers.embedding_heads`.
            Defaults to `"E"`.
        dropout: Float in [0, 1), inside the head. The paper has 0.4,
            arcface_torch 0. Defaults to `0.0`.
        pixel_scaling: Dictionary of `PixelScaling` arguments, or `None` for
            its defaults. Defaults to `None`.
        weights: `None`, the name of a preset, a preset folder or a
            `.weights.h5` file. Defaults to `None`.

    Call arguments:
        images: `(batch, height, width, 3)`, RGB in [0, 255], uint8 or float.

    Returns:
        `(batch, embedding_dim)`, float32, not normalised.

    Example:

    >>> from keras_arcface.backbones import IResNet
    >>> backbone = IResNet((1, 1, 1, 1), (32, 32, 3), embedding_dim=64)
    >>> backbone.output_shape
    (None, 64)
    """

    def __init__(
        self,
        blocks,
        input_shape=(112, 112, 3),
        embedding_dim=512,
        head="E",
        dropout=0.0,
        pixel_scaling=None,
        weights=None,
        **kwargs,
    ):
        if len(blocks) != 4 or min(blocks) < 1:
            raise ValueError(
                "blocks must be four positive integers, one for each stage. "
                f"Received: blocks={blocks}"
            )

        # === Layers ===
        scaling = PixelScaling(**(pixel_scaling or {}), name="pixel_scaling")
        top = embedding_head(head, embedding_dim, dropout, name="head")
        input_shape = check_input_shape(input_shape, head)

        # === Functional Model ===
        images = keras.Input(input_shape, name="image")
        x = scaling(images)
        x = _conv(x, WIDTHS[0], 3, 1, "stem_conv")
        x = _prelu(_norm(x, "stem_bn"), "stem_prelu")
        for stage, (width, count) in enumerate(zip(WIDTHS, blocks), start=1):
            for block in range(1, count + 1):
                strides = 2 if block == 1 else 1
                x = _block(x, width, strides, f"stage{stage}_block{block}")
        super().__init__(inputs=images, outputs=top(x), **kwargs)

        # === Config ===
        self.blocks = tuple(blocks)
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
            "blocks": self.blocks,
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


def IResNet18(name="iresnet18", **kwargs):
    """IResNet of 18 layers: 24.0 M parameters, 2.6 GMACs. See `IResNet`."""
    return IResNet((2, 2, 2, 2), name=name, **kwargs)


def IResNet34(name="iresnet34", **kwargs):
    """IResNet of 34 layers: 34.1 M parameters, 4.5 GMACs. See `IResNet`."""
    return IResNet((3, 4, 6, 3), name=name, **kwargs)


def IResNet50(name="iresnet50", **kwargs):
    """IResNet of 50 layers: 43.6 M parameters, 6.3 GMACs. See `IResNet`."""
    return IResNet((3, 4, 14, 3), name=name, **kwargs)


def IResNet100(name="iresnet100", **kwargs):
    """IResNet of 100 layers: 65.2 M parameters, 12.1 GMACs. See `IResNet`."""
    return IResNet((3, 13, 30, 3), name=name, **kwargs)


def IResNet200(name="iresnet200", **kwargs):
    """IResNet of 200 layers: 118.8 M parameters, 23.4 GMACs. See `IResNet`."""
    return IResNet((6, 26, 60, 6), name=name, **kwargs)


def _block(x, width, strides, name):
    shortcut = x
    if strides > 1:
        shortcut = _conv(x, width, 1, strides, f"{name}_shortcut_conv")
        shortcut = _norm(shortcut, f"{name}_shortcut_bn")
    x = _norm(x, f"{name}_bn1")
    x = _conv(x, width, 3, 1, f"{name}_conv1")
    x = _prelu(_norm(x, f"{name}_bn2"), f"{name}_prelu")
    x = _conv(x, width, 3, strides, f"{name}_conv2")
    x = _norm(x, f"{name}_bn3")
    return layers.Add(name=f"{name}_add")([x, shortcut])


def _conv(x, filters, kernel_size, strides, name):
    if kernel_size == 3:
        # "same" with a stride of 2 would pad one side only, unlike torch.
        x = layers.ZeroPadding2D(1, name=f"{name}_pad")(x)
    return layers.Conv2D(
        filters,
        kernel_size,
        strides=strides,
        use_bias=False,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.1),
        name=name,
    )(x)


def _norm(x, name):
    return layers.BatchNormalization(
        momentum=MOMENTUM, epsilon=EPSILON, name=name
    )(x)


def _prelu(x, name):
    return layers.PReLU(
        alpha_initializer=keras.initializers.Constant(0.25),
        shared_axes=[1, 2],
        name=name,
    )(x)
