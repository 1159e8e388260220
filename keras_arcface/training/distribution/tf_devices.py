"""TensorFlow's devices and strategies, made before it starts."""

import functools


def mirrored_strategy(count):
    """Returns the `MirroredStrategy` of that many devices.

    GPUs where there are any. Elsewhere the processor is divided into logical
    devices, which share its cores: a rehearsal of several devices, no faster
    than one. One strategy a process and set of devices: a second one, for a
    model of another size, fails inside TensorFlow.

    Raises:
        ValueError: when there are fewer GPUs, and when TensorFlow has been
            started with fewer processors.
    """
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        _divide_processor(count)
    elif len(gpus) < count:
        raise ValueError(
            f"devices={count}, but TensorFlow sees {len(gpus)} GPU(s) on "
            f"this machine. Set devices={len(gpus)}; or train on several "
            "machines: --cluster host1:port,host2:port --worker 0."
        )
    kind = "GPU" if gpus else "CPU"
    return _strategy(tuple(f"{kind}:{index}" for index in range(count)))


def workers_strategy(cluster):
    """Returns the `MultiWorkerMirroredStrategy` of a cluster.

    Waits for the other workers.

    Raises:
        ValueError: when TensorFlow has been started already; when `TF_CONFIG`
            says another cluster.
    """
    import tensorflow as tf

    cluster.export()
    try:
        return _workers_strategy(cluster)
    except RuntimeError as error:
        if isinstance(error, tf.errors.OpError):
            raise
        raise ValueError(
            "A cluster must be joined before TensorFlow does anything else in "
            "the process: call train() or placement() first, and make no "
            f"tensors before. ({error})"
        ) from error


@functools.cache
def _strategy(names):
    import tensorflow as tf

    return tf.distribute.MirroredStrategy(list(names))


@functools.cache
def _workers_strategy(cluster):
    import tensorflow as tf

    return tf.distribute.MultiWorkerMirroredStrategy()


def _divide_processor(count):
    import tensorflow as tf

    processor = tf.config.list_physical_devices("CPU")[0]
    made = tf.config.get_logical_device_configuration(processor) or [None]
    if len(made) >= count:
        return
    parts = [tf.config.LogicalDeviceConfiguration()] * count
    try:
        tf.config.set_logical_device_configuration(processor, parts)
    except RuntimeError as error:
        raise ValueError(
            f"devices={count}, but this machine has no GPU and TensorFlow has "
            f"started already, with {len(made)} processor device(s). "
            "Call train() or placement() before anything else uses "
            "TensorFlow in the process, or divide the processor first: "
            "tf.config.set_logical_device_configuration."
        ) from error
