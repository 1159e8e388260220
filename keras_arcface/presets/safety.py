"""What a preset's config.json may name, checked before Keras reads it."""

OUR_PREFIX = "keras_arcface>"
PLAIN_CLASSES = ("__tuple__", "__keras_tensor__", "__ellipsis__")
REFUSED_CLASSES = ("Lambda", "TFSMLayer", "TorchModuleWrapper", "JaxLayer")


def check_config(config, where):
    """Refuses a config that names anything but Keras' classes and ours.

    Keras' `safe_mode` guards against functions hidden in a config; this keeps
    other people's registered classes and importable functions out as well.

    Args:
        config: What `json.loads` gave.
        where: Path or name of the file, for the message.

    Raises:
        ValueError: naming the class that is not allowed.
    """
    if isinstance(config, dict):
        if "class_name" in config:
            _check_class(config, where)
        for value in config.values():
            check_config(value, where)
    elif isinstance(config, list):
        for value in config:
            check_config(value, where)


def _check_class(config, where):
    name = config["class_name"]
    module = config.get("module") or ""
    registered = config.get("registered_name") or ""
    if name in PLAIN_CLASSES:
        return
    ours = registered.startswith(OUR_PREFIX) and _within(
        module, "keras_arcface"
    )
    # A function by name could be any of Keras's, downloads among them.
    home = "keras.activations" if name == "function" else "keras"
    builtin = registered in ("", name) and _within(module, home)
    if name in REFUSED_CLASSES or not (ours or builtin):
        raise ValueError(
            f"{where} names the class {registered or name!r} of "
            f"{module or 'no module'!r}. A preset may only hold Keras layers "
            "and classes of keras_arcface, and no layer that runs code of its "
            "own. For other models use model.save('name.keras')."
        )


def _within(module, package):
    return module == package or module.startswith(package + ".")
