"""Backbones by name."""

import functools

from keras_arcface.backbones.iresnet import IResNet18
from keras_arcface.backbones.iresnet import IResNet34
from keras_arcface.backbones.iresnet import IResNet50
from keras_arcface.backbones.iresnet import IResNet100
from keras_arcface.backbones.iresnet import IResNet200
from keras_arcface.backbones.mobilefacenet import MobileFaceNet
from keras_arcface.backbones.smallnet import SmallNet

BACKBONES = {
    "iresnet18": IResNet18,
    "iresnet34": IResNet34,
    "iresnet50": IResNet50,
    "iresnet100": IResNet100,
    "iresnet200": IResNet200,
    "mobilefacenet": MobileFaceNet,
    "mobilefacenet_large": functools.partial(
        MobileFaceNet, scale=4, blocks=(2, 8, 12, 4)
    ),
    "mobilefacenet_slim": functools.partial(
        MobileFaceNet, layout="slim", blocks=(1, 4, 6, 1)
    ),
    "mobilefacenet_v1": functools.partial(MobileFaceNet, layout="sirius_tf"),
    "smallnet": SmallNet,
}


def create_backbone(name, **kwargs):
    """Builds the backbone called `name`.

    Args:
        name: String, a key of `BACKBONES`, for example `"iresnet50"`.
        **kwargs: Arguments of that backbone, for example `embedding_dim`,
            `input_shape`, `dropout` or `weights`.

    Returns:
        A `keras.Model`: images (batch, height, width, 3), RGB in [0, 255], to
        features (batch, embedding_dim), float32, not normalised.

    Raises:
        ValueError: when there is no such backbone; names those that exist.

    Example:

    >>> from keras_arcface.backbones import create_backbone
    >>> create_backbone("smallnet", embedding_dim=64).output_shape
    (None, 64)
    """
    if name not in BACKBONES:
        raise ValueError(
            f"There is no backbone {name!r}. "
            f"Known backbones: {', '.join(BACKBONES)}."
        )
    return BACKBONES[name](**kwargs)
