"""Loads an exported file in its own runtime, as a plain function.

Every loader returns `embed(images)`: RGB pixels 0..255, uint8 or float,
(n, height, width, 3) -> unit embeddings (n, embedding_dim), float32 NumPy.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np

from keras_arcface.export.pixels import as_images
from keras_arcface.export.pixels import cast
from keras_arcface.export.quiet import quiet
from keras_arcface.export.serving import INPUT
from keras_arcface.export.serving import OUTPUT
from keras_arcface.utils.optional import require

Embed: TypeAlias = Callable[[np.ndarray], np.ndarray]


def load(path: str | os.PathLike, format: str | None = None) -> Embed:
    """Loads an export by its format.

    Args:
        path: A SavedModel folder, a `.tflite` file or an `.onnx` file.
        format: `"saved_model"`, `"tflite"` or `"onnx"`. Defaults to what the
            name of the file says.
    """
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"No export at {path}.")
    format = format or format_of(path)
    if format not in LOADERS:
        raise ValueError(
            f"format must be one of {tuple(LOADERS)}. Received: {format!r} "
            f"for {path}."
        )
    return LOADERS[format](path)


def format_of(path: str | os.PathLike) -> str:
    """Returns the format that the name of an export stands for."""
    return Path(path).suffix.lstrip(".") or "saved_model"


def load_saved_model(path: str | os.PathLike) -> Embed:
    """Loads a SavedModel; uint8 pictures go through `embed_uint8`."""
    import tensorflow as tf

    with quiet():
        loaded = tf.saved_model.load(str(path))

    def embed(images):
        images = as_images(images)
        whole = images.dtype == np.uint8
        # `loaded` is held by this function: its variables die with it.
        signature = loaded.signatures["embed_uint8" if whole else "embed"]
        pixels = cast(images, "uint8" if whole else "float32")
        return signature(**{INPUT: tf.constant(pixels)})[OUTPUT].numpy()

    return embed


def load_tflite(
    path: str | os.PathLike, num_threads: int | None = None
) -> Embed:
    """Loads a TFLite file in LiteRT.

    A file of a fixed batch size is fed that many pictures at a time, the last
    batch filled up with copies of its last picture.
    """
    litert = require("ai_edge_litert.interpreter", "export")
    with quiet():
        interpreter = litert.Interpreter(str(path), num_threads=num_threads)
        interpreter.allocate_tensors()
        runner = interpreter.get_signature_runner("embed")
    details = runner.get_input_details()[INPUT]
    batch_size = int(details["shape_signature"][0])

    def run(images):
        return runner(**{INPUT: images})[OUTPUT]

    def embed(images):
        images = cast(as_images(images), details["dtype"])
        return run(images) if batch_size < 0 else _fixed(run, images)

    def _fixed(run, images):
        missing = -len(images) % batch_size
        filled = np.concatenate([images, images[-1:].repeat(missing, axis=0)])
        starts = range(0, len(filled), batch_size)
        rows = [run(filled[start : start + batch_size]) for start in starts]
        return np.concatenate(rows)[: len(images)]

    return embed


def load_onnx(path: str | os.PathLike) -> Embed:
    """Loads an ONNX file in onnxruntime, on the CPU."""
    onnxruntime = require("onnxruntime", "export")
    with quiet():
        session = onnxruntime.InferenceSession(
            str(path), providers=["CPUExecutionProvider"]
        )
    (image,) = session.get_inputs()
    dtype = {"tensor(float)": "float32", "tensor(uint8)": "uint8"}[image.type]

    def embed(images):
        pixels = cast(as_images(images), dtype)
        return session.run([OUTPUT], {INPUT: pixels})[0]

    return embed


LOADERS = {
    "saved_model": load_saved_model,
    "tflite": load_tflite,
    "onnx": load_onnx,
}
