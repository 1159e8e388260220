"""What an engine cannot do is refused before any work, with what can."""

import keras

from keras_arcface import softmax


def check_devices(recipe, cluster=None):
    """Makes sure that the backend can train a recipe on its devices.

    Touches no device: whether there are as many is seen by `placement`.

    Args:
        recipe: `Recipe`.
        cluster: `Cluster`, or None for one machine.

    Raises:
        ValueError: naming the key and what to use instead.
    """
    backend = keras.backend.backend()
    count = recipe.devices
    if not isinstance(count, int) or isinstance(count, bool) or count < 1:
        raise ValueError(
            "devices must be an integer from 1, how many devices share a "
            f"batch. Received: devices={count!r}."
        )
    if backend == "jax":
        _check_jax(recipe, cluster)
    elif backend == "tensorflow":
        _check_tensorflow(recipe, cluster)
    elif count > 1 or cluster is not None or recipe.head.sharded:
        raise ValueError(
            f"The {backend} backend trains on one device here. Received: "
            f"devices={count}. Set KERAS_BACKEND=tensorflow or jax."
        )
    if cluster is not None and count > 1:
        raise ValueError(
            "Every machine of a cluster uses all its GPUs, or its processor: "
            f"leave devices at 1. Received: devices={count}. To use fewer "
            "GPUs of a machine set CUDA_VISIBLE_DEVICES."
        )
    check_shares(recipe, count if cluster is None else len(cluster.workers))


def check_shares(recipe, replicas):
    """Raises where a batch cannot be divided over that many devices."""
    batch_size = recipe.schedule.batch_size
    if batch_size % replicas:
        least = max(1, batch_size // replicas) * replicas
        raise ValueError(
            f"schedule.batch_size must be divisible by the {replicas} devices "
            f"that share a batch. Received: schedule.batch_size={batch_size}. "
            f"Try {least} or {least + replicas}."
        )


def _check_jax(recipe, cluster):
    if cluster is not None:
        raise ValueError(
            "A cluster of machines trains on TensorFlow: set "
            "KERAS_BACKEND=tensorflow. On JAX all devices of one machine "
            "train together: devices: 8, say, and no cluster."
        )
    if recipe.head.sharded and recipe.devices == 1:
        raise ValueError(
            "head.sharded divides the class centres over the devices. "
            "Received: devices=1. Say how many there are, or leave "
            "head.sharded out."
        )
    if recipe.head.sharded and recipe.head.sample_rate < 1:
        raise ValueError(
            "head.sharded has each device go through all of its own classes. "
            f"Received: head.sample_rate={recipe.head.sample_rate}. Use one of "
            "the two: head.sample_rate=1.0, or head.sharded=false."
        )
    if recipe.backbone.batch_norm == "synchronized":
        raise ValueError(
            "backbone.batch_norm=synchronized is TensorFlow's. On JAX the "
            "statistics are those of the whole batch already, on all devices: "
            "use backbone.batch_norm=train."
        )


def _check_tensorflow(recipe, cluster):
    softmax.check_distribution()
    if recipe.head.sharded:
        raise ValueError(
            "head.sharded needs JAX: set KERAS_BACKEND=jax. On TensorFlow "
            "every device holds all centres; head.chunk_size bounds the "
            "logits and head.sample_rate the classes of a step."
        )
    if recipe.devices == 1 and cluster is None:
        return
    if recipe.optimizer.accumulate > 1:
        raise ValueError(
            "optimizer.accumulate does not work on several TensorFlow devices "
            "(Keras's accumulation and tf.distribute exclude each other). "
            f"Received: optimizer.accumulate={recipe.optimizer.accumulate}. "
            "Set it to 1 with a larger schedule.batch_size, which the devices "
            "share; or train on JAX, or on one device."
        )
    if recipe.head.sample_rate < 1 and not recipe.head.dense_update:
        raise ValueError(
            "head.sample_rate < 1 draws other classes on each device, whose "
            "rows cannot be moved apart on several TensorFlow devices. "
            f"Received: head.sample_rate={recipe.head.sample_rate}. Set "
            "head.dense_update=true, or head.sample_rate=1.0."
        )
    if recipe.jit is True:
        raise ValueError(
            "jit=true does not work on several TensorFlow devices. Use "
            "jit=auto, which leaves XLA to the softmax's chunks there; or "
            "train on JAX, which always compiles."
        )
