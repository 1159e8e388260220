"""From samples to a `tf.data.Dataset` of batches, reproducibly.

What a batch holds is a function of (seed, epoch, step) and of nothing else, see
`plans`. Class ids never meet a Keras layer: those cast everything that they are
given to their compute dtype, ids included.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from keras_arcface.data.plans import Plan

if TYPE_CHECKING:
    import tensorflow as tf


def make_batches(
    load: Callable[[np.ndarray], np.ndarray],
    labels: np.ndarray,
    image_size: tuple[int, int],
    plan: Plan,
    *,
    seed: int,
    epoch: int,
    epochs: int,
    start_step: int = 0,
    shard: tuple[int, int] = (0, 1),
    augment: "Callable[[tf.Tensor, tf.Tensor], tf.Tensor] | None" = None,
) -> "tf.data.Dataset":
    """Returns batches of `epochs` passes, the first being number `epoch`.

    Args:
        load: Indices (b,) -> uint8 pictures (b, height, width, 3). Called from
            several threads at once.
        labels: Integer class ids (n,), below 2**31.
        image_size: (height, width) of what `load` returns.
        plan: Which samples make which batch.
        start_step: Batches of the first pass that are left out.
        shard: (index, count) of this worker, for the augmentation's seed.
        augment: `augment(images, seed)` on float32 (b, height, width, 3), or
            `None`. `seed` is int32 (2,) for `tf.random.stateless_*`, another
            one for every batch: a function of (seed, epoch, step, worker).

    Returns:
        Dataset of (float32 images in 0..255, int32 labels) of known length.
    """
    import tensorflow as tf

    shape = (plan.batch_size,)

    def read(number):
        passed, step = divmod(int(number), plan.steps)
        indices = plan.indices(epoch + passed, step)
        return (
            load(indices),
            labels[indices].astype(np.int32),
            _batch_seed(seed, epoch + passed, step, shard),
        )

    def to_batch(number):
        images, ids, batch_seed = tf.numpy_function(
            read, [number], (tf.uint8, tf.int32, tf.int32)
        )
        images = tf.ensure_shape(images, shape + (*image_size, 3))
        if not getattr(augment, "takes_uint8", False):
            images = tf.cast(images, tf.float32)
        if augment is not None:
            images = augment(images, tf.ensure_shape(batch_seed, (2,)))
        return tf.cast(images, tf.float32), tf.ensure_shape(ids, shape)

    return (
        tf.data.Dataset.range(start_step, epochs * plan.steps)
        .map(to_batch, num_parallel_calls=tf.data.AUTOTUNE, deterministic=True)
        .prefetch(tf.data.AUTOTUNE)
        .with_options(_options())
    )


def _batch_seed(seed, epoch, step, shard) -> np.ndarray:
    worker = shard[:1] if shard[1] > 1 else ()
    sequence = np.random.SeedSequence([seed, epoch, step, *worker])
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
