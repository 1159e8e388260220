"""What an engine cannot do is refused before any work, with what can."""

import keras

from keras_arcface import softmax
from keras_arcface.training.recipe.keys import RecipeError


def check_devices(recipe, cluster=None):
    """Makes sure that the backend can train a recipe on its devices.

    Touches no device: whether there are as many is seen by `placement`.

    Args:
        recipe: `Recipe`.
        cluster: `Cluster`, or None for one machine.

    Raises:
        RecipeError: naming the key and what to use instead.
        ValueError: for a `keras.distribution` that would do nothing.
    """
    backend = keras.backend.backend()
    several = recipe.devices > 1 or cluster is not None
    if backend == "jax":
        _check_jax(recipe, cluster)
    elif backend == "tensorflow":
        softmax.check_distribution()
        if several:
            _check_replicas(recipe)
    elif several:
        raise RecipeError(
            "devices",
            f"On the {backend} backend training takes one device. Received: "
            f"devices={recipe.devices}. Set KERAS_BACKEND=tensorflow or jax.",
        )
    if cluster is not None and recipe.devices > 1:
        raise RecipeError(
            "devices",
            "Every machine of a cluster uses all its GPUs, or its processor: "
            f"leave devices at 1. Received: devices={recipe.devices}. To use "
            "fewer GPUs of a machine set CUDA_VISIBLE_DEVICES.",
        )
    if cluster is not None:
        check_shares(recipe, len(cluster.workers))


def check_shares(recipe, replicas):
    """Raises where a batch cannot be divided over that many replicas."""
    batch_size = recipe.schedule.batch_size
    if batch_size % replicas:
        least = max(1, batch_size // replicas) * replicas
        raise RecipeError(
            "schedule.batch_size",
            f"schedule.batch_size must be divisible by the {replicas} devices "
            f"that share a batch. Received: schedule.batch_size={batch_size}. "
            f"Try {least} or {least + replicas}.",
        )


def _check_jax(recipe, cluster):
    head = recipe.head
    if cluster is not None:
        raise RecipeError(
            "devices",
            "A cluster of machines trains on TensorFlow: set "
            "KERAS_BACKEND=tensorflow. On JAX all devices of one machine "
            "train together: devices: 8, say, without --cluster and "
            "TF_CONFIG.",
        )
    if head.sharded and recipe.devices == 1:
        raise RecipeError(
            "head.sharded",
            "head.sharded divides the class centres over the devices. "
            "Received: devices=1. Set devices to how many there are, or "
            "head.sharded=false.",
        )
    if head.sharded and head.sample_rate < 1:
        raise RecipeError(
            "head.sample_rate",
            "With head.sharded each device goes through all of its own "
            f"classes. Received: head.sample_rate={head.sample_rate}. Set "
            "head.sample_rate=1.0, or head.sharded=false.",
        )
    if recipe.backbone.batch_norm == "synchronized":
        raise RecipeError(
            "backbone.batch_norm",
            "backbone.batch_norm=synchronized is TensorFlow's. On JAX the "
            "statistics are those of the whole batch on all devices already: "
            "set backbone.batch_norm=train.",
        )


def _check_replicas(recipe):
    head, accumulate = recipe.head, recipe.optimizer.accumulate
    if accumulate > 1:
        raise RecipeError(
            "optimizer.accumulate",
            "optimizer.accumulate does not work on several TensorFlow devices "
            "(Keras's accumulation and tf.distribute exclude each other). "
            f"Received: optimizer.accumulate={accumulate}. Set it to 1: the "
            "devices share a larger schedule.batch_size.",
        )
    if head.sample_rate < 1 and not head.dense_update:
        raise RecipeError(
            "head.sample_rate",
            "head.sample_rate < 1 draws other classes on each TensorFlow "
            "device, whose rows cannot be moved apart. Received: "
            f"head.sample_rate={head.sample_rate}. Set head.dense_update=true, "
            "or head.sample_rate=1.0; or divide the centres on JAX: "
            "KERAS_BACKEND=jax, head.sharded=true.",
        )
    if recipe.jit is True:
        raise RecipeError(
            "jit",
            "jit=true does not work on several TensorFlow devices. Set "
            "jit=auto; or train on JAX, which compiles always.",
        )
