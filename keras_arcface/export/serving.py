"""The one serving graph: pixels in, unit embeddings out."""

from typing import Any

import keras

from keras_arcface.export.float32 import float32_clone

INPUT = "image"
OUTPUT = "embedding"
INPUT_DTYPES = ("float32", "uint8")


def serving_function(
    model: keras.Model,
    batch_size: int | None = None,
    input_dtype: str = "float32",
) -> Any:
    """Returns the `tf.function` that every format is written from.

        image (batch, height, width, 3), RGB pixels 0..255
        -> {"embedding": (batch, embedding_dim), float32, unit length}

    Normalisation is `tf.math.l2_normalize`, which TFLite fuses to one op;
    features shorter than 1e-6 come out shorter than unit length. Nothing is
    resized: the pictures must have the size of the model's input.

    Args:
        model: Backbone, images -> features, with one input of a fixed size.
            One that computes in half precision is replaced by its float32
            clone.
        batch_size: Fixed number of pictures per call. Defaults to `None`,
            any number.
        input_dtype: `"float32"` or `"uint8"`. Defaults to `"float32"`.

    Raises:
        ValueError: when the model's input or output does not fit.
        RuntimeError: when Keras runs on a backend other than TensorFlow.
    """
    _check_backend()
    check_input_dtype(input_dtype)
    check_batch_size(batch_size)
    height, width = input_size(model)
    embedding_dim(model)
    model = float32_clone(model)

    import tensorflow as tf

    spec = tf.TensorSpec((batch_size, height, width, 3), input_dtype, INPUT)

    @tf.function(input_signature=[spec])
    def embed(image):
        features = model(tf.cast(image, tf.float32), training=False)
        features = tf.cast(features, tf.float32)
        return {OUTPUT: tf.math.l2_normalize(features, axis=-1)}

    return embed


def input_size(model: keras.Model) -> tuple[int, int]:
    """Returns the (height, width) of the pictures that `model` takes."""
    shape = getattr(model, "input_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 4 or shape[3] != 3:
        raise ValueError(
            "Export takes a backbone with one input of shape "
            "(batch, height, width, 3), built. Received a model "
            f"`{model.name}` with input shape {shape}."
        )
    if None in shape[1:3]:
        raise ValueError(
            f"The model `{model.name}` leaves the picture size open (input "
            f"shape {shape}), and phones need it fixed. Build the backbone "
            "with a fixed input size, for example (112, 112, 3), load the "
            "same weights and export that."
        )
    return shape[1], shape[2]


def embedding_dim(model: keras.Model) -> int:
    """Returns the number of features that `model` gives for a picture."""
    shape = getattr(model, "output_shape", None)
    if not isinstance(shape, tuple) or len(shape) != 2 or shape[1] is None:
        raise ValueError(
            "Export takes a backbone with one output of shape "
            f"(batch, embedding_dim). Received a model `{model.name}` with "
            f"output shape {shape}."
        )
    return shape[1]


def check_input_dtype(input_dtype: str) -> None:
    if input_dtype not in INPUT_DTYPES:
        raise ValueError(
            f"input_dtype must be one of {INPUT_DTYPES}. "
            f"Received: input_dtype={input_dtype!r}."
        )


def check_batch_size(batch_size: int | None) -> None:
    whole = isinstance(batch_size, int) and not isinstance(batch_size, bool)
    if batch_size is not None and not (whole and batch_size > 0):
        raise ValueError(
            "batch_size must be a positive integer, or None for any number "
            f"of pictures. Received: batch_size={batch_size!r}."
        )


def _check_backend():
    if keras.backend.backend() != "tensorflow":
        raise RuntimeError(
            "Export runs on the TensorFlow backend. Received: Keras on "
            f"{keras.backend.backend()!r}. Start Python with "
            "KERAS_BACKEND=tensorflow, load the same weights and export."
        )
