"""Where in a batch, a network or its gradient the first NaN is."""

import contextlib

import keras
import numpy as np
from keras import ops


def not_finite(variables):
    """Returns the paths of the variables that hold NaN or infinity."""
    floats = [v for v in variables if "float" in str(v.dtype)]
    return [v.path for v in floats if not _finite(v)]


def wrong_batch(images, labels, num_classes=None):
    """Returns what is wrong with a batch, or None.

    Args:
        images: Float `(batch, ...)`.
        labels: Int `(batch,)`.
        num_classes: Int, or None where labels are not class ids.
    """
    images, labels = np.asarray(images), np.asarray(labels)
    finite = np.isfinite(images).reshape(len(images), -1).all(axis=1)
    if not finite.all():
        return (
            f"{(~finite).sum()} of its {len(images)} pictures hold NaN or "
            f"infinity, the first is number {np.argmin(finite)}"
        )
    if num_classes is None:
        return None
    outside = np.flatnonzero((labels < 0) | (labels >= num_classes))
    if not outside.size:
        return None
    return (
        f"{outside.size} of its {len(labels)} labels lie outside [0, "
        f"{num_classes}), the first is {labels[outside[0]]} at number "
        f"{outside[0]}"
    )


def from_weights(model, broken):
    """Returns what the weights say after a step from a loss that is no number.

    Such a step breaks all weights alike. But the statistics of
    BatchNormalization come from the forward pass: they are whole up to the
    layer that broke first.

    Args:
        model: The model.
        broken: What `not_finite` returned of all its variables.
    """
    if not broken:
        return "All weights are finite: it began in this batch."
    norms = [
        layer
        for layer in _in_order(model)
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    whole = [
        _finite(n.moving_mean) and _finite(n.moving_variance) for n in norms
    ]
    if all(whole) and norms:
        return (
            f"The inputs of all BatchNormalization layers up to "
            f"{norms[-1].path} were finite: it began behind it, in the loss or "
            "in the gradient."
        )
    if any(whole):
        first = whole.index(False)
        before = f", behind {norms[first - 1].path}" if first else ""
        return (
            f"The first BatchNormalization whose input was not finite is "
            f"{norms[first].path}: it began before it{before}."
        )
    return f"By now these weights are not finite: {some(broken)}."


def replayed(model, batches, weights):
    """Returns where batches first break when they are run again.

    Trains the model one step with each batch that does not: its weights are
    worth nothing afterwards.

    Args:
        model: `ArcFaceModel`, its weights finite.
        batches: Iterable of `(step, images, labels)`.
        weights: Where the weights are from, for the message.
    """
    if _replicas(model) > 1:
        return "Run it on one device to see the layer that it began in."
    for step, images, labels in batches:
        where = (
            f"With the weights of {weights}, in the batch of step {step + 1}"
        )
        layer, features = first_broken_layer(model, images)
        if layer is not None:
            return f"{where}, {_describe(layer)}."
        loss = _loss(model, features, labels)
        if loss is not None and not np.isfinite(loss):
            return f"{where}, the features are finite and the loss is {loss}."
        names = broken_gradients(model, images, labels)
        if names:
            return (
                f"{where}, the loss is finite and the gradient is not: "
                f"{some(names)}."
            )
    return (
        f"From {weights}, the loss and the gradient of the same batch are "
        "finite: the weights went astray after it."
    )


def first_broken_layer(model, images):
    """Returns the first layer, as they run, whose output is not finite.

    Args:
        model: `ArcFaceModel`, or any model; run in training mode.
        images: Float `(batch, ...)`.

    Returns:
        A layer that has no layers inside it, or None; and the features.
    """
    network = getattr(model, "backbone", model)
    seen = []
    with contextlib.ExitStack() as stack:
        for layer in network._flatten_layers():
            leaf = not any(layer._flatten_layers(include_self=False))
            if leaf and not isinstance(layer, keras.layers.InputLayer):
                stack.enter_context(_watched(layer, seen))
        features = network(ops.convert_to_tensor(images), training=True)
    return (seen[0] if seen else None), features


@contextlib.contextmanager
def _watched(layer, seen):
    """Appends the layer to `seen` whenever it gives what is not finite."""
    call = layer.call

    def watching(*args, **kwargs):
        outputs = call(*args, **kwargs)
        if not all(_finite(each) for each in keras.tree.flatten(outputs)):
            seen.append(layer)
        return outputs

    # Past Keras, which would track it.
    layer.__dict__["call"] = watching
    try:
        yield
    finally:
        del layer.__dict__["call"]


def broken_gradients(model, images, labels):
    """Returns the paths of the weights whose gradient is not finite.

    Compiles the model anew and moves its weights by their gradient.
    """
    model.compile(
        keras.optimizers.SGD(1.0),
        run_eagerly=True,
        jit_compile=False,
        auto_scale_loss=False,
    )
    model.train_on_batch(images, labels)
    return not_finite(model.trainable_variables)


def some(names, most=3):
    """Returns a few of many names, and how many there are."""
    text = ", ".join(names[:most])
    return (
        text if len(names) <= most else f"{text} and {len(names) - most} more"
    )


def _loss(model, features, labels):
    if not hasattr(model, "head"):
        return None
    losses = model.head.margin_loss(features, labels, training=True)
    return float(ops.convert_to_numpy(ops.mean(losses)))


def _describe(layer):
    text = (
        f"the first output that is not finite is that of the layer "
        f"{layer.path} ({type(layer).__name__})"
    )
    if str(layer.compute_dtype) == "float16":
        text += "; float16 ends at 65504, and mixed_bfloat16 does not"
    return text


def _in_order(layer):
    """Yields all layers inside one, as they were put together."""
    for inner in getattr(layer, "layers", layer._layers):
        yield inner
        yield from _in_order(inner)


def _replicas(model):
    strategy = getattr(model, "distribute_strategy", None)
    return getattr(strategy, "num_replicas_in_sync", 1)


def _finite(tensor):
    if "float" not in keras.backend.standardize_dtype(tensor.dtype):
        return True
    return bool(ops.convert_to_numpy(ops.all(ops.isfinite(tensor))))
