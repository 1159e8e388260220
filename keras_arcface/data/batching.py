"""From samples to a `tf.data.Dataset` of batches, reproducibly.

The order of a pass is a function of (seed, epoch) and of nothing else: no
iterator keeps a count, so a resumed run, a second iteration or Keras's own
shape inference cannot shift it. Class ids never meet a Keras layer: those cast
everything that they are given to their compute dtype, ids included.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import tensorflow as tf


def epoch_order(
    count: int, *, seed: int, epoch: int, shuffle: bool = True
) -> np.ndarray:
    """Returns the order of the samples in one epoch, int64 (count,).

    A permutation of 0..count-1 that is the same on every machine; the identity
    where `shuffle` is false.
    """
    if not shuffle:
        return np.arange(count, dtype=np.int64)
    return np.random.default_rng([seed, epoch]).permutation(count)


def steps_per_epoch(count: int, batch_size: int, drop_remainder: bool) -> int:
    """Returns the number of batches in one pass over `count` samples."""
    if drop_remainder:
        return count // batch_size
    return -(-count // batch_size)


def make_batches(
    load: Callable[[np.ndarray], np.ndarray],
    labels: np.ndarray,
    image_size: tuple[int, int],
    *,
    batch_size: int,
    shuffle: bool,
    seed: int,
    epoch: int,
    epochs: int,
    drop_remainder: bool,
    augment: "Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None",
) -> "tf.data.Dataset":
    """Returns batches of `epochs` passes, the first being number `epoch`.

    Args:
        load: Indices (b,) -> uint8 pictures (b, height, width, 3). Called from
            several threads at once.
        labels: Integer class ids (n,), below 2**31.
        image_size: (height, width) of what `load` returns.
        augment: `augment(images, seed)` on float32 (b, height, width, 3), or
            `None`. `seed` is int32 (2,) for `tf.random.stateless_*`, another
            one for every batch: a function of (seed, epoch, batch number).

    Returns:
        Dataset of (float32 images in 0..255, int32 labels) of known length.
    """
    import tensorflow as tf

    count = len(labels)
    shape = (batch_size if drop_remainder else None,)

    def one_pass(number):
        order = tf.numpy_function(
            lambda e: epoch_order(count, seed=seed, epoch=e, shuffle=shuffle),
            [number],
            tf.int64,
        )
        indices = tf.data.Dataset.from_tensor_slices(
            tf.ensure_shape(order, (count,))
        ).batch(batch_size, drop_remainder=drop_remainder)
        return indices.enumerate().map(lambda step, i: (number, step, i))

    def read(number, step, indices):
        return (
            load(indices),
            labels[indices].astype(np.int32),
            _batch_seed(seed, number, step),
        )

    def to_batch(number, step, indices):
        images, ids, batch_seed = tf.numpy_function(
            read, [number, step, indices], (tf.uint8, tf.int32, tf.int32)
        )
        images = tf.ensure_shape(images, shape + (*image_size, 3))
        images = tf.cast(images, tf.float32)
        if augment is not None:
            images = augment(images, tf.ensure_shape(batch_seed, (2,)))
        return images, tf.ensure_shape(ids, shape)

    batches = (
        tf.data.Dataset.range(epoch, epoch + epochs)
        .flat_map(one_pass)
        .map(to_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
    )
    steps = steps_per_epoch(count, batch_size, drop_remainder)
    batches = batches.apply(
        tf.data.experimental.assert_cardinality(epochs * steps)
    )
    return batches.with_options(_options())


def _batch_seed(seed: int, epoch: int, step: int) -> np.ndarray:
    sequence = np.random.SeedSequence([seed, int(epoch), int(step)])
    return sequence.generate_state(2).view(np.int32)


def _options() -> "tf.data.Options":
    import tensorflow as tf

    options = tf.data.Options()
    options.deterministic = True
    # Several workers share the samples, not the (absent) input files.
    options.experimental_distribute.auto_shard_policy = (
        tf.data.experimental.AutoShardPolicy.DATA
    )
    return options
