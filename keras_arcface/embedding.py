"""Embeddings of many pictures."""

import numpy as np
from keras import ops

from keras_arcface import numerics
from keras_arcface.utils.console import progress
from keras_arcface.utils.replicas import on_one_device


def embed(backbone, images, batch_size=128, flip=False, verbose=False):
    """Returns the unit embeddings that a backbone gives many pictures.

    See `ArcFaceModel.embed`. The mirrored picture's features are added before
    either is normalised.
    """
    found = _features(backbone, images, batch_size, flip, verbose)
    return _joined(backbone, (numerics.unit(features) for features in found))


def embed_features(backbone, images, batch_size=128, flip=False):
    """Returns what `embed` does, before it is brought to unit length."""
    return _joined(backbone, _features(backbone, images, batch_size, flip))


def _features(backbone, images, batch_size, flip, verbose=False):
    """Yields the features of a batch after the other."""
    if hasattr(images, "shape"):
        if len(images.shape) != 4:
            raise ValueError(
                "images must have the shape (n, height, width, 3). Received: "
                f"shape={tuple(images.shape)}. For one picture pass "
                "images[None]."
            )
        images = [
            images[start : start + batch_size]
            for start in range(0, len(images), batch_size)
        ]
    features_of = on_one_device(backbone)
    for batch in progress(images, "Embedding") if verbose else images:
        features = features_of(batch)
        if flip:
            features = features + features_of(batch[:, :, ::-1])
        yield features


def _joined(backbone, batches):
    arrays = [ops.convert_to_numpy(batch) for batch in batches]
    if not arrays:
        return np.zeros((0, backbone.output_shape[-1]), "float32")
    return np.concatenate(arrays)
