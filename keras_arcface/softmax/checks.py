"""What cannot be done is refused before it is tried."""

import math
import numbers

import keras


def check_sample_rate(rate):
    """Returns a float in (0, 1]."""
    number = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
    if not number or not 0 < rate <= 1:
        raise ValueError(
            "sample_rate must be in (0, 1], the share of the classes that a "
            f"step sees. Received: sample_rate={rate!r}."
        )
    return float(rate)


def check_bool(name, value):
    """Returns a bool, and nothing that only looks like one."""
    if not isinstance(value, bool):
        raise ValueError(
            f"{name} must be True or False. Received: {name}={value!r}."
        )
    return value


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


def check_batches(samples, batch_size, what="samples", split=0.0):
    """Raises where the devices cannot share the batches of an array.

    Keras would say so after an epoch, at the last batch, and lose the model.

    Args:
        samples: Array, or whatever else `fit` takes, which passes.
        batch_size: Int, or None for the 32 of Keras.
        what: What they are, for the message.
        split: Float, the share that `fit` takes from their end to validate.
    """
    check_distribution()
    distribution = keras.distribution.distribution()
    if distribution is None or not hasattr(samples, "shape"):
        return
    first = math.floor(samples.shape[0] * (1.0 - split))
    parts = [(what, first)]
    if split:
        parts.append(("validation samples", samples.shape[0] - first))
    for what, number in parts:
        _check_part(
            what, number, batch_size or 32, distribution.num_model_replicas
        )


def _check_part(what, number, batch_size, count):
    rest = number % batch_size
    if (number > rest and batch_size % count) or rest % count:
        raise ValueError(
            f"Every batch must be divisible by the {count} devices that share "
            f"it. Received: batches of {batch_size} from {number} {what}, the "
            f"last of {rest}. Choose a batch_size that {count} divides and "
            "leave the last samples out, as dataset.batch(batch_size, "
            "drop_remainder=True) does."
        )
