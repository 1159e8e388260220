"""Writes the serving graph as a TensorFlow SavedModel."""

import json
import os
from pathlib import Path
from typing import Any

import keras

from keras_arcface.export.float32 import float32_clone
from keras_arcface.export.metadata import EXTRA
from keras_arcface.export.metadata import FILE
from keras_arcface.export.metadata import describe
from keras_arcface.export.paths import check_folder
from keras_arcface.export.quiet import quiet
from keras_arcface.export.serving import INPUT_DTYPES
from keras_arcface.export.serving import serving_function
from keras_arcface.utils.files import atomic_path


def to_saved_model(model: keras.Model, path: str | os.PathLike) -> None:
    """Writes a backbone as a SavedModel folder, for TensorFlow and its server.

    Signatures: `serving_default` and `embed` take float32 pixels,
    `embed_uint8` takes uint8 pixels; each takes any number of pictures under
    the name `image` and gives `embedding`. The weights are stored once.

    Args:
        model: Backbone, see `serving_function`.
        path: The folder to write. A SavedModel already there is replaced.

    Example:

    ```python
    to_saved_model(backbone, "exports/saved_model")
    served = tf.saved_model.load("exports/saved_model")
    embeddings = served.signatures["embed"](image=images)["embedding"]
    ```
    """
    path = check_folder(path)
    model = float32_clone(model)
    embed = serving_function(model)
    embed_uint8 = serving_function(model, input_dtype="uint8")
    signatures = {
        "serving_default": embed,
        "embed": embed,
        "embed_uint8": embed_uint8,
    }
    with atomic_path(path) as temporary:
        write_signatures(model, temporary, signatures)
        extra = temporary / EXTRA / FILE
        extra.parent.mkdir()
        extra.write_text(json.dumps(describe(model, INPUT_DTYPES), indent=2))


def write_signatures(
    model: keras.Model, path: Path, signatures: dict[str, Any]
) -> None:
    """Saves functions of `model` with its variables, each stored once."""
    import tensorflow as tf

    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    module.functions = list(signatures.values())
    with quiet():
        tf.saved_model.save(
            module,
            str(path),
            signatures={
                name: function.get_concrete_function()
                for name, function in signatures.items()
            },
        )
