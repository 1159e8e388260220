"""JAX's devices and Keras's distributions over them."""

import keras

from keras_arcface.training.distribution.sharded import sharded_centers


def distribution(count, sharded):
    """Returns the `keras.distribution` over that many devices.

    Where JAX has nothing but the processor and has not started yet, that is
    divided into virtual devices: a rehearsal, no faster than one.

    Args:
        count: Int, how many.
        sharded: Whether the class centres are divided too.

    Raises:
        ValueError: when there are fewer.
    """
    _divide_processor(count)
    known = keras.distribution.list_devices()
    if len(known) < count:
        raise ValueError(
            f"devices={count}, but JAX sees {len(known)} device(s): "
            f"{', '.join(known)}. Set devices={len(known)}; or, to rehearse "
            "on a processor, start with "
            f"XLA_FLAGS=--xla_force_host_platform_device_count={count}."
        )
    names = known[:count]
    if sharded:
        return sharded_centers(names)
    return keras.distribution.DataParallel(devices=names)


def _divide_processor(count):
    import jax

    try:
        jax.config.update("jax_num_cpu_devices", count)
    except RuntimeError:
        # JAX has started: the devices are those that it has.
        return
