"""What an exported file says about itself, the same words in every format."""

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import keras

from keras_arcface.export.serving import INPUT
from keras_arcface.export.serving import OUTPUT
from keras_arcface.export.serving import embedding_dim
from keras_arcface.export.serving import input_size
from keras_arcface.utils.optional import require
from keras_arcface.version import __version__

FORMAT_VERSION = 1
KEY = "keras_arcface"
FILE = "keras_arcface.json"
# TensorFlow sets this folder of a SavedModel aside for files of ours.
EXTRA = "assets.extra"


def describe(model: keras.Model, input_dtypes: tuple[str, ...]) -> dict:
    """Returns the contract of an exported model as plain JSON values."""
    return {
        "format_version": FORMAT_VERSION,
        "keras_arcface": __version__,
        "model": model.name,
        "input": {
            "name": INPUT,
            "size": list(input_size(model)),
            "layout": "NHWC",
            "color": "RGB",
            "range": [0, 255],
            "dtypes": list(input_dtypes),
        },
        "output": {
            "name": OUTPUT,
            "dim": embedding_dim(model),
            "dtype": "float32",
            "unit_length": True,
        },
    }


def read_metadata(path: str | os.PathLike) -> dict[str, Any]:
    """Returns what an exported SavedModel, TFLite or ONNX file says of itself.

    In a SavedModel it is `assets.extra/keras_arcface.json`; in a TFLite file a
    ZIP archive at the end, as TFLite's own associated files are; in an ONNX
    file the `keras_arcface` entry of `metadata_props`.

    Raises:
        ValueError: when there is nothing of ours in it.
    """
    path = Path(path)
    try:
        return json.loads(_read(path))
    except (KeyError, FileNotFoundError, zipfile.BadZipFile) as error:
        if not path.exists():
            raise
        raise ValueError(
            f"{path} carries no keras_arcface metadata: it was not written "
            "by keras_arcface.export."
        ) from error


def _read(path):
    if path.suffix == ".tflite":
        with zipfile.ZipFile(path) as archive:
            return archive.read(FILE)
    if path.suffix == ".onnx":
        onnx = require("onnx", "export")
        model = onnx.load(path, load_external_data=False)
        return {entry.key: entry.value for entry in model.metadata_props}[KEY]
    return (path / EXTRA / FILE).read_text("utf-8")
