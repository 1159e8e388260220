"""A float32 twin of a model that was built to train in half precision."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras

NOT_FLOAT32 = (
    "mixed_float16",
    "mixed_bfloat16",
    "float16",
    "bfloat16",
    "float64",
)


def float32_clone(model: keras.Model) -> keras.Model:
    """Returns `model` itself if it computes in float32, else a float32 clone.

    Half precision belongs to training. Exported as it is, a mixed model turns
    into a TFLite file full of TensorFlow ops that no phone runs, and a bfloat16
    ONNX file is invalid. The clone is rebuilt from the config with every dtype
    policy replaced and takes a copy of the weights (which a mixed policy keeps
    in float32, so nothing is lost). `model` is left as it was.

    Raises:
        ValueError: when the model cannot be rebuilt from its config.
    """
    found = policies(model) & set(NOT_FLOAT32)
    if not found:
        return model
    try:
        clone = _rebuild(model)
    except Exception as error:
        raise ValueError(_hint(model, found)) from error
    if policies(clone) & set(NOT_FLOAT32):
        raise ValueError(_hint(model, found))
    return clone


def policies(model: keras.Model) -> set[str]:
    """Returns the names of the dtype policies in a model, nested ones too."""
    return {layer.dtype_policy.name for layer in _layers(model)}


def _layers(layer) -> Iterator[keras.layers.Layer]:
    yield layer
    for inner in getattr(layer, "layers", ()):
        yield from _layers(inner)


def _rebuild(model):
    classes = {type(layer).__name__: type(layer) for layer in _layers(model)}
    config = _to_float32(model.get_config())
    with _float32_policy(), keras.saving.custom_object_scope(classes):
        clone = type(model).from_config(config)
        if not clone.built:
            clone.build(model.input_shape)
    clone.set_weights(model.get_weights())
    return clone


def _to_float32(config: Any) -> Any:
    """Copies a config; wherever a policy is named, it becomes float32."""
    if isinstance(config, dict):
        if "DTypePolicy" in str(config.get("class_name")):
            return "float32"
        return {key: _value(key, value) for key, value in config.items()}
    if isinstance(config, (list, tuple)):
        return type(config)(_to_float32(value) for value in config)
    return config


def _value(key, value):
    if key == "dtype" and isinstance(value, str) and value in NOT_FLOAT32:
        return "float32"
    return _to_float32(value)


@contextlib.contextmanager
def _float32_policy():
    # Layers that make layers of their own may read the global policy.
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def _hint(model, found):
    return (
        f"The model `{model.name}` computes in {', '.join(sorted(found))} and "
        "could not be rebuilt in float32 from its config. Build it under "
        '`keras.config.set_dtype_policy("float32")`, load the same weights '
        "and export that."
    )
