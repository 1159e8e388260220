"""What `keras.distribution` cannot do is refused before it is tried."""

import keras


def check_distribution(wanted=False):
    """Raises where a `keras.distribution` would do nothing.

    Args:
        wanted: Whether one is about to be made, rather than in force.
    """
    backend = keras.backend.backend()
    wanted = wanted or keras.distribution.distribution() is not None
    if wanted and backend != "jax":
        raise ValueError(
            f"keras.distribution does nothing on the {backend} backend: all "
            "would run on one device. Set KERAS_BACKEND=jax; or, on "
            "TensorFlow, leave it out (set_distribution(None)) and build and "
            "compile the model in tf.distribute.MirroredStrategy().scope()."
        )


def check_batches(samples, batch_size):
    """Raises where the devices cannot share the batches of an array.

    Keras would say so after an epoch, at the last batch, and lose the model.

    Args:
        samples: Array, or whatever else `fit` takes, which passes.
        batch_size: Int, or None for the 32 of Keras.
    """
    check_distribution()
    distribution = keras.distribution.distribution()
    if distribution is None or not hasattr(samples, "shape"):
        return
    count = distribution.num_model_replicas
    rest = samples.shape[0] % (batch_size or 32)
    if (samples.shape[0] > rest and (batch_size or 32) % count) or rest % count:
        raise ValueError(
            f"Every batch must be divisible by the {count} devices that share "
            f"it. Received: batches of {batch_size or 32} from "
            f"{samples.shape[0]} samples, the last of {rest}. Choose a "
            f"batch_size that {count} divides and leave the last samples out, "
            "as dataset.batch(batch_size, drop_remainder=True) does."
        )
