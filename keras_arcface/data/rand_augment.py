"""Operations of Keras's RandAugment as a function of a seed."""

import functools
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from keras_arcface.data.augment_parts import fold_in

if TYPE_CHECKING:
    import tensorflow as tf

# Those of Keras's RandAugment that leave a face where it is, and a face.
_RAND_AUGMENT = (
    "auto_contrast",
    "equalization",
    "random_brightness",
    "random_color_degeneration",
    "random_contrast",
    "random_sharpness",
)


def rand_augment(
    images: "tf.Tensor", seed: "tf.Tensor", factor: float = 0.5
) -> "tf.Tensor":
    """Two operations of Keras's `RandAugment`, the same for a whole batch.

    Of its eleven the six that neither move a face nor make it another: auto
    contrast, equalization, brightness, colour, contrast, sharpness. The layer
    draws from a state of its own, which would make pictures a function of what
    came before; here the seed stands in for that state.
    """
    import tensorflow as tf

    operations = _rand_augment_layers(factor)
    for number in range(2):
        drawn = _given(fold_in(seed, 10 + number))
        chosen = tf.random.stateless_uniform(
            (), fold_in(seed, number), 0, len(operations), tf.int32
        )
        branches = [
            lambda operation=operation, images=images, drawn=drawn: tf.cast(
                operation.transform_images(
                    images,
                    operation.get_random_transformation(
                        images, training=True, seed=drawn
                    ),
                    training=True,
                ),
                tf.float32,
            )
            for operation in operations
        ]
        changed = tf.switch_case(chosen, branches)
        images = tf.ensure_shape(changed, images.shape)
    return tf.clip_by_value(images, 0.0, 255.0)


@functools.lru_cache
def _rand_augment_layers(factor):
    import keras

    def build():
        # A seed, so that Python's own random numbers are left alone.
        layer = keras.layers.RandAugment(factor=factor, seed=0, dtype="float32")
        return [getattr(layer, name) for name in _RAND_AUGMENT]

    # It has variables (none is used), which may not be made while a function
    # is being traced: no other thread is in that trace.
    with ThreadPoolExecutor(1) as pool:
        layers = pool.submit(build).result()
    for layer in layers:
        layer.backend.set_backend("tensorflow")
    return layers


def _given(seed):
    """Returns a Keras seed generator that only knows the seed it is given."""
    import keras

    class Given(keras.random.SeedGenerator):
        def __init__(self):
            self._count = 0

        def next(self, ordered=True):
            self._count += 1
            return fold_in(seed, self._count)

    return Given()
