"""Writes the serving graph as an ONNX file."""

import contextlib
import json
import os

import keras

from keras_arcface.export.float32 import float32_clone
from keras_arcface.export.metadata import KEY
from keras_arcface.export.metadata import describe
from keras_arcface.export.paths import check_file
from keras_arcface.export.quiet import quiet
from keras_arcface.export.serving import INPUT
from keras_arcface.export.serving import OUTPUT
from keras_arcface.export.serving import serving_function
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.optional import require

OPSETS = range(13, 19)


def to_onnx(
    model: keras.Model,
    path: str | os.PathLike,
    opset: int = 17,
    input_dtype: str = "float32",
) -> None:
    """Writes a backbone as an ONNX file, any number of pictures per call.

    Input `image`, (batch, height, width, 3) as in Keras; output `embedding`,
    (batch, embedding_dim). PReLU is written as Relu and Mul, which onnxruntime
    computes faster on a CPU than its PRelu op. What the file says about itself
    lies in `metadata_props`: see `read_metadata`.

    Args:
        model: Backbone, see `serving_function`.
        path: File to write, ending in `.onnx`.
        opset: ONNX operator set, 13 to 18 (all that tf2onnx knows). Defaults
            to `17`.
        input_dtype: `"float32"` or `"uint8"` pixels. Defaults to `"float32"`.
    """
    path = check_file(path, ".onnx")
    if opset not in OPSETS:
        raise ValueError(
            f"opset must be {OPSETS[0]} to {OPSETS[-1]}, which tf2onnx "
            f"writes. Received: opset={opset!r}."
        )
    onnx = require("onnx", "export")
    require("tf2onnx", "export")
    model = float32_clone(model)
    embed = serving_function(model, input_dtype=input_dtype)
    proto = _convert(embed, opset)
    _finish(proto, describe(model, (input_dtype,)))
    onnx.checker.check_model(proto)
    with atomic_path(path) as temporary:
        onnx.save(proto, temporary)


def _convert(embed, opset):
    tf2onnx = require("tf2onnx", "export")
    with quiet():
        with _inlined():
            embed.get_concrete_function()  # Traced once, then kept.
        proto, _ = tf2onnx.convert.from_function(
            embed, embed.input_signature, opset=opset
        )
    return proto


@contextlib.contextmanager
def _inlined():
    """Traces functions within the graph as part of it.

    Keras wraps a grouped convolution into an XLA function, since TensorFlow
    has no other kernel for it on a CPU. ONNX has one, but tf2onnx would write
    the call of a function that nobody knows.
    """
    import tensorflow as tf

    before = tf.config.functions_run_eagerly()
    tf.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf.config.run_functions_eagerly(before)


def _finish(proto, metadata):
    (image,), (embedding,) = proto.graph.input, proto.graph.output
    if (image.name, embedding.name) != (INPUT, OUTPUT):
        raise RuntimeError(
            f"tf2onnx named the input {image.name!r} and the output "
            f"{embedding.name!r}; expected {INPUT!r} and {OUTPUT!r}. Please "
            "report this with your tf2onnx version."
        )
    for value in (image, embedding):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    proto.producer_name = KEY
    proto.producer_version = metadata["keras_arcface"]
    entry = proto.metadata_props.add()
    entry.key, entry.value = KEY, json.dumps(metadata)
