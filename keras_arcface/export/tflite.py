"""Writes the serving graph as a TFLite (LiteRT) file for phones."""

import json
import os
import tempfile
import zipfile
from pathlib import Path

import keras

from keras_arcface.export.float32 import float32_clone
from keras_arcface.export.metadata import FILE
from keras_arcface.export.metadata import describe
from keras_arcface.export.paths import check_file
from keras_arcface.export.quiet import quiet
from keras_arcface.export.saved_model import write_signatures
from keras_arcface.export.serving import serving_function
from keras_arcface.utils.files import atomic_path

SIGNATURE = "embed"


def to_tflite(
    model: keras.Model,
    path: str | os.PathLike,
    batch_size: int | None = 1,
    input_dtype: str = "float32",
) -> None:
    """Writes a backbone as a float32 TFLite file that LiteRT runs by itself.

    Only TFLite's own ops are used; a model that would need TensorFlow's
    (Select TF ops) is refused by the converter. The signature is `embed`,
    `image` -> `embedding`. What the file says about itself lies in a ZIP
    archive at its end, as TFLite's associated files do: see `read_metadata`.

    Args:
        model: Backbone, see `serving_function`.
        path: File to write, ending in `.tflite`.
        batch_size: Pictures per call. Defaults to `1`, what phones expect and
            what MediaPipe requires. `None` leaves it open.
        input_dtype: `"float32"` or `"uint8"` pixels. Defaults to `"float32"`.
    """
    path = check_file(path, ".tflite")
    model = float32_clone(model)
    embed = serving_function(model, batch_size, input_dtype)
    content = _convert(model, embed)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)
        _append_metadata(temporary, describe(model, (input_dtype,)))


def _convert(model, embed):
    import tensorflow as tf

    # By way of a SavedModel, the only route that keeps the signature's name.
    with tempfile.TemporaryDirectory() as folder:
        write_signatures(model, Path(folder), {SIGNATURE: embed})
        with quiet():
            converter = tf.lite.TFLiteConverter.from_saved_model(
                folder, signature_keys=[SIGNATURE]
            )
            converter.target_spec.supported_ops = [
                tf.lite.OpsSet.TFLITE_BUILTINS
            ]
            return converter.convert()


def _append_metadata(path, metadata):
    # A fixed date: the same model gives the same bytes.
    entry = zipfile.ZipInfo(FILE, date_time=(1980, 1, 1, 0, 0, 0))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(entry, json.dumps(metadata, indent=2))
