"""What the Keras model itself says: the other side of a parity check."""

import contextlib
import dataclasses
from collections.abc import Iterator

import keras
import numpy as np

from keras_arcface.export.float32 import NOT_FLOAT32
from keras_arcface.export.float32 import float32_clone
from keras_arcface.export.float32 import policies
from keras_arcface.export.pixels import as_images
from keras_arcface.export.quiet import quiet
from keras_arcface.export.report import ParityError
from keras_arcface.export.serving import input_size
from keras_arcface.utils.console import progress


@dataclasses.dataclass(frozen=True)
class Reference:
    """Pictures, and the unit embeddings that the Keras model gives them.

    Attributes:
        images: RGB pixels 0..255, (n, height, width, 3).
        embeddings: (n, embedding_dim), normalised in float64.
        name: Which model gave them.
        samples: What the pictures are.
    """

    images: np.ndarray
    embeddings: np.ndarray
    name: str
    samples: str


def make_reference(
    model: keras.Model, images: np.ndarray, samples: str
) -> Reference:
    """Embeds pictures with the Keras model, or with its float32 clone.

    Raises:
        ParityError: when a picture's features are NaN, infinite or zero.
    """
    images = _check_images(images, input_size(model))
    features = _features(float32_clone(model), images)
    norms = np.linalg.norm(features, axis=1, keepdims=True)
    # Shorter than 1e-6, and the serving graph cannot bring it to length 1.
    unusable = ~(np.isfinite(norms) & (norms >= 1e-6))
    if unusable.any():
        raise ParityError(
            f"The Keras model `{model.name}` itself gives no usable embedding "
            f"for {unusable.sum()} of {len(images)} pictures: features of NaN, "
            "infinity or length 0. Nothing can be compared with that; look "
            "at its weights."
        )
    return Reference(images, features / norms, _name(model), samples)


def _features(model, images, batch_size=32):
    starts = range(0, len(images), batch_size)
    rows = []
    with full_float32():
        for start in progress(starts, "Embedding with Keras"):
            pixels = images[start : start + batch_size].astype("float32")
            with quiet():
                features = model(pixels, training=False)
            rows.append(keras.ops.convert_to_numpy(features))
    return np.concatenate(rows).astype("float64")


def _name(model):
    half = sorted(policies(model) & set(NOT_FLOAT32))
    if half:
        return f"float32 clone of the Keras model, itself {', '.join(half)}"
    return "the Keras model, float32"


@contextlib.contextmanager
def full_float32() -> Iterator[None]:
    """Turns TensorFloat-32 off: GPUs would round products to 10 bits."""
    import tensorflow as tf

    switch = tf.config.experimental
    enabled = switch.tensor_float_32_execution_enabled()
    switch.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        switch.enable_tensor_float_32_execution(enabled)


def _check_images(images, size):
    images = as_images(images)
    if images.shape[1:3] != size:
        raise ValueError(
            "Nothing is resized here: images must be {}x{} (height x width), "
            "as the model's input. Received: {}x{}.".format(
                *size, *images.shape[1:3]
            )
        )
    if images.dtype.kind == "f" and images.max() <= 1:
        raise ValueError(
            "images must be RGB pixels in [0, 255]. Received none above "
            f"{images.max()}, which looks like pixels scaled to [0, 1]."
        )
    return images
