"""Partial FC: a margin softmax over a sample of the classes.

The classes of the batch are always in the sample; the others are drawn anew at
every step, each with the same probability. Unsampled classes are left out, not
weighted: the loss is a little lower than that over all classes.

Reference:
- [An et al., 2022, Partial FC](https://arxiv.org/abs/2203.15565)
"""

import dataclasses
import math
from typing import Any

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.softmax.sharded import OneDevice

# Classes of a sample, at least, while the size of the batch is not known: a
# data set whose last batch may be smaller.
LEAST_UNKNOWN = 4096


@dataclasses.dataclass(frozen=True)
class Classes:
    """The classes that a loss is computed over, and the targets among them.

    Attributes:
        centers: Float32 `(count * sub_centers, dim)`, class-major.
        positions: Int `(batch,)`, each sample's class among them; -1 where its
            label is no class.
        count: Int.
        placement: On which devices the centres lie, see `sharded`.
        rows: Int `(count * sub_centers,)`, where the centres lie in the matrix
            of all; None where they are all.
    """

    centers: Any
    positions: Any
    count: int
    placement: Any
    rows: Any = None


def sample_size(sample_rate, num_classes, batch=None):
    """Returns how many classes are sampled: the batch's fit in whatever it is.

    Args:
        sample_rate: Float in (0, 1].
        num_classes: Int.
        batch: Int, or None where it is not known; then as if it were large.
    """
    least = LEAST_UNKNOWN if batch is None else batch
    return min(max(math.ceil(sample_rate * num_classes), least), num_classes)


def sample_classes(labels, num_classes, size, seed):
    """Draws classes without replacement, those of the labels among them.

    Args:
        labels: Int `(batch,)`; one outside the classes asks for nothing of its
            own.
        num_classes: Int.
        size: Int, how many classes.
        seed: `keras.random.SeedGenerator`.

    Returns:
        int32 `(size,)`, sorted.
    """
    draws = keras.random.uniform((num_classes,), seed=seed, dtype="float32")
    # No uniform draw reaches 1: these always win.
    inside = ops.clip(labels, 0, num_classes - 1)
    above_all = ops.full(ops.shape(inside), 2.0, dtype=draws.dtype)
    draws = ops.scatter_update(draws, ops.expand_dims(inside, -1), above_all)
    _, classes = ops.top_k(draws, size, sorted=False)
    return ops.sort(ops.cast(classes, "int32"))


def take_classes(class_centers, labels, classes, sub_centers=1):
    """Returns the `Classes` of a sample, their centres gathered.

    Args:
        class_centers: Float32 `(num_classes * sub_centers, dim)`.
        labels: Int `(batch,)`. One that is not in `classes` has the position
            -1, and so an infinite loss: never a wrong target.
        classes: Int `(size,)`, sorted.
        sub_centers: Int.
    """
    size = classes.shape[0]
    place = ops.cast(ops.searchsorted(classes, labels), "int32")
    place = ops.minimum(place, size - 1)
    found = ops.equal(ops.take(classes, place), labels)
    first = ops.expand_dims(classes * sub_centers, -1)
    rows = ops.reshape(
        first + ops.arange(sub_centers, dtype=classes.dtype), (-1,)
    )
    return Classes(
        centers=numerics.take_rows(class_centers, rows),
        positions=ops.where(found, place, -1),
        count=size,
        placement=OneDevice(),
        rows=rows,
    )
