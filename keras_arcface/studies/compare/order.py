"""Which examples make which batch: the same for all losses of a kind."""

import functools

import numpy as np

from keras_arcface.data.plans import Draw
from keras_arcface.data.plans import ExactEpochs
from keras_arcface.data.plans import PKBatches
from keras_arcface.studies.compare.protocol import Protocol


def batch_rows(
    protocol: Protocol, kind: str, labels: np.ndarray, seed: int
) -> np.ndarray:
    """Returns the examples of every step, int32 `(steps, batch_size)`.

    A function of the protocol's batch rule, the labels and the seed: two
    losses of a kind see the same examples in the same order.

    Args:
        protocol: Says how many, and how many of a class together.
        kind: `"pair"` for `pair_samples` of a class; else `class_samples`.
        labels: Integer classes `(n,)`.
        seed: Of the order.

    Raises:
        ValueError: when there are too few classes or examples for a batch.
    """
    samples = protocol.pair_samples
    if kind != "pair":
        samples = protocol.class_samples
    labels = np.ascontiguousarray(labels, np.int64)
    return _rows(
        labels.tobytes(), protocol.batch_size, samples, protocol.steps, seed
    )


# Hundreds of trainings go by the same few orders.
@functools.lru_cache(maxsize=128)
def _rows(labels, batch_size, samples, steps, seed):
    labels = np.frombuffer(labels, np.int64)
    draw = Draw(seed)
    if samples:
        rows = _of_classes(labels, batch_size, samples, steps, draw)
    else:
        rows = _shuffled(len(labels), batch_size, steps, draw)
    rows = rows.astype(np.int32)
    rows.setflags(write=False)
    return rows


def _of_classes(labels, batch_size, samples, steps, draw):
    classes = batch_size // samples
    there = len(np.unique(labels))
    if there < classes:
        raise ValueError(
            f"A batch of {batch_size} with {samples} of a class needs "
            f"{classes} classes. Received: {there} training classes. Take a "
            "smaller batch_size, or more examples of a class."
        )
    plan = PKBatches(labels, classes, samples, steps=steps, draw=draw)
    return np.stack([plan.indices(0, step) for step in range(steps)])


def _shuffled(count, batch_size, steps, draw):
    if count < batch_size:
        raise ValueError(
            f"A batch of {batch_size} needs as many examples. Received: "
            f"{count} to train on. Take a smaller batch_size."
        )
    plan = ExactEpochs(
        count, batch_size, shuffle=True, drop_remainder=True, draw=draw
    )
    return np.stack(
        [plan.indices(*divmod(step, plan.steps)) for step in range(steps)]
    )
