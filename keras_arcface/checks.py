"""Finding mistakes in a compiled model before they cost a training run."""

import keras

from keras_arcface.layers import ArcMarginLayer
from keras_arcface.layers import BinaryHead
from keras_arcface.losses import MarginSoftmaxLoss
from keras_arcface.model import ArcFaceModel


def check(model):
    """Refuses a compiled model whose margin head and loss do not fit.

    Finds a loss whose scale or margin differs from the layer's, a margin
    applied by both layer and loss, one that is applied by neither because it
    needs labels, and stock cross entropy that takes logits for probabilities.
    `MarginWarmup` calls it when training begins.

    Args:
        model: A compiled `keras.Model` with an `ArcMarginLayer`.

    Raises:
        ValueError: naming what differs and how to mend it.
    """
    heads = margin_heads(model)
    if isinstance(model, ArcFaceModel) or not heads:
        return
    for head in heads:
        _check_head(head)
    for loss in compiled_losses(model):
        mistakes = [_mistake(head, loss) for head in heads]
        if all(mistakes):  # With several heads, a loss fits one of them.
            raise mistakes[0]


def _mistake(head, loss):
    try:
        _check_pair(head, loss)
    except ValueError as error:
        return error


def _check_head(head):
    name = type(head.margin).__name__
    if isinstance(head, BinaryHead):
        raise ValueError(
            f"{type(head).__name__} has a loss of its own. Use it as the head "
            "of ArcFaceModel(backbone, head)."
        )
    needs_more = head.margin.keeps_state or "norm" in head.margin.reads
    if needs_more and not _sees_labels(head):
        raise ValueError(
            f"{name} would never be applied: the ArcMarginLayer gets no "
            "labels, and no loss on logits can stand in for it. Call the "
            "layer with labels, layer(features, labels=labels), or use "
            "ArcFaceModel."
        )


def margin_heads(model):
    """Returns every `ArcMarginLayer` inside a model."""
    layers = model._flatten_layers()
    return [layer for layer in layers if isinstance(layer, ArcMarginLayer)]


def compiled_losses(model):
    """Returns the losses that a model was compiled with, as objects."""
    losses = keras.tree.flatten(getattr(model, "loss", None))
    return [keras.losses.get(loss) for loss in losses if loss is not None]


def _check_pair(head, loss):
    if not isinstance(loss, MarginSoftmaxLoss):
        _check_stock(loss)
        return
    if _sees_labels(head):
        raise ValueError(
            "The margin would be applied twice: the ArcMarginLayer gets labels "
            f"and {type(loss).__name__} adds a margin of its own. Compile with "
            "SparseCategoricalCrossentropy(from_logits=True), or call the "
            "layer without labels."
        )
    same_scale = loss.scale == "auto" or loss.scale == head.scale
    if loss.scale == "auto":
        from keras_arcface.margins import auto_scale

        same_scale = auto_scale(head.num_classes) == head.scale
    if not same_scale:
        raise ValueError(
            f"The loss has scale={loss.scale} and the ArcMarginLayer has "
            f"scale={head.scale:g}. Compile with loss=layer.loss(), which "
            "always fits."
        )
    if _describe(loss.margin) != _describe(head.margin):
        raise ValueError(
            f"The loss has the margin {_describe(loss.margin)} and the "
            f"ArcMarginLayer has {_describe(head.margin)}. Compile with "
            "loss=layer.loss(), which always fits."
        )


def _check_stock(loss):
    # A name such as "sparse_categorical_crossentropy" gives a function, which
    # takes probabilities too.
    name = getattr(loss, "__name__", type(loss).__name__)
    config = loss.get_config() if hasattr(loss, "get_config") else {}
    if name.endswith("crossentropy") or config.get("from_logits") is False:
        raise ValueError(
            f"{name} takes probabilities, but an ArcMarginLayer "
            "gives logits. Compile with from_logits=True, or with "
            "loss=layer.loss()."
        )


def _sees_labels(head):
    return any(len(node.input_tensors) > 1 for node in head._inbound_nodes)


def _describe(margin):
    config = margin.get_config()
    for key in ("name", "trainable", "dtype"):
        config.pop(key, None)
    return (
        f"{type(margin).__name__}("
        + ", ".join(f"{key}={value!r}" for key, value in config.items())
        + ")"
    )
