"""What of a network trains, and how its BatchNormalization does.

Keras keeps these as attributes of layers, and a saved model forgets some: of a
frozen network all layers inside come back unfrozen, so that the statistics of
BatchNormalization move again. `ArcFaceModel` therefore saves `modes_of` its
backbone and gives them back with `set_modes`.
"""

import keras


def freeze_batch_norm(model):
    """Freezes every BatchNormalization of a model, the rest trains on.

    They run as at inference, by their moving statistics; these, the scales and
    the offsets stay as they are. For fine-tuning on little data. Compile the
    model afterwards.

    Args:
        model: `keras.Model`.

    Returns:
        The number of layers.
    """
    layers = _batch_norms(model)
    for layer in layers:
        layer.trainable = False
    return len(layers)


def synchronize_batch_norm(model, synchronized=True):
    """Makes every BatchNormalization of a model count in all replicas.

    While training under `tf.distribute`, means and variances are then those of
    the whole batch rather than of each device's part. (On JAX they always are.)
    Compile the model afterwards.

    Args:
        model: `keras.Model`.
        synchronized: Bool; False undoes it. Defaults to `True`.

    Returns:
        The number of layers.

    Raises:
        ValueError: on another backend than TensorFlow.
    """
    if synchronized and keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Only on the TensorFlow backend is BatchNormalization to be "
            "synchronized; on JAX its statistics are those of the whole batch "
            'already. Leave it at batch_norm="train". Received: the backend '
            f"{keras.backend.backend()!r}."
        )
    layers = _batch_norms(model)
    for layer in layers:
        layer.synchronized = synchronized
    return len(layers)


def modes_of(model):
    """Returns what `set_modes` needs, JSON-able; empty where all is usual."""
    layers = list(model._flatten_layers())
    modes = {
        "frozen": [i for i, x in enumerate(layers) if not x.trainable],
        "synchronized": [
            i for i, x in enumerate(layers) if getattr(x, "synchronized", False)
        ],
    }
    modes = {name: places for name, places in modes.items() if places}
    return {**modes, "layers": len(layers)} if modes else {}


def set_modes(model, modes):
    """Freezes and synchronizes the layers of a model as another's were.

    Args:
        model: `keras.Model`, of the same layers.
        modes: What `modes_of` returned of the other.

    Raises:
        ValueError: when it has not as many layers.
    """
    if not modes:
        return
    layers = list(model._flatten_layers())
    if len(layers) != modes["layers"]:
        raise ValueError(
            f"{model.name} was saved with {modes['layers']} layers, some of "
            f"them frozen or synchronized, and now has {len(layers)}. Load it "
            "with the code that it was saved with."
        )
    frozen = set(modes.get("frozen", ()))
    if frozen:
        for place, layer in enumerate(layers):  # Outer layers come first.
            if layer.trainable == (place in frozen):
                layer.trainable = place not in frozen
    if keras.backend.backend() == "tensorflow":
        for place in modes.get("synchronized", ()):
            layers[place].synchronized = True


def _batch_norms(model):
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
