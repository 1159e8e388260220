"""What must hold before a description of data is believed."""

import operator
from collections.abc import Sequence

import numpy as np


def image_size_pair(image_size: Sequence[int]) -> tuple[int, int]:
    """Returns (height, width) as two positive integers, or raises."""
    try:
        height, width = (operator.index(side) for side in image_size)
    except (TypeError, ValueError):
        height = width = 0
    if min(height, width) < 1:
        raise ValueError(
            "image_size must be (height, width), two positive integers. "
            f"Received: image_size={image_size!r}"
        )
    return height, width


def class_ids(
    labels: Sequence[int] | np.ndarray, count: int, num_classes: int
) -> np.ndarray:
    """Returns `labels` as int64 (count,), each in 0..num_classes-1.

    Raises:
        ValueError: when they are not integers, not one per sample, or out of
            range; it names the first offender.
    """
    ids = np.asarray(labels)
    if ids.dtype.kind not in "iu":
        raise ValueError(
            "labels must be integer class ids (never floats, which cannot hold "
            f"every id). Received: labels of dtype {ids.dtype}. Convert with "
            "np.asarray(labels, np.int64) where they are ids."
        )
    if ids.shape != (count,):
        raise ValueError(
            f"labels must hold one class id for each of the {count} samples, "
            f"shape ({count},). Received: labels of shape {ids.shape}. One-hot "
            "rows become ids by labels.argmax(axis=1)."
        )
    outside = np.flatnonzero((ids < 0) | (ids >= num_classes))
    if outside.size:
        first = outside[0]
        raise ValueError(
            f"labels must be in 0..{num_classes - 1}, one per name in "
            f"class_names. Received: labels[{first}]={ids[first]} "
            f"({outside.size} such). Number the classes from 0 without gaps."
        )
    return ids.astype(np.int64)


def every_class_present(labels: np.ndarray, class_names: Sequence[str]) -> None:
    """Raises where a class has no sample."""
    counts = np.bincount(labels, minlength=len(class_names))
    empty = np.flatnonzero(counts == 0)
    if empty.size:
        first = empty[0]
        raise ValueError(
            f"Every class needs a sample. Class {first} "
            f"({class_names[first]!r}) has none ({empty.size} such of "
            f"{len(class_names)}). Remove its name and number the classes "
            "from 0 without gaps, or pass complete=False for a deliberate "
            "subset."
        )


def pixel_array(samples: np.ndarray) -> None:
    """Raises where an array of pictures is not uint8 (n, h, w, 3)."""
    good = samples.ndim == 4 and samples.shape[-1] == 3
    if samples.dtype != np.uint8 or not good:
        raise ValueError(
            "samples must be file paths or one uint8 array of RGB pictures "
            "(n, height, width, 3) in 0..255. Received: an array of dtype "
            f"{samples.dtype} and shape {samples.shape}"
        )


def batch_plan(
    count: int,
    batch_size: int,
    whole: int,
    seed: int,
    epoch: int,
    epochs: int,
) -> None:
    """Raises where batches cannot be made as asked.

    Args:
        whole: How many whole batches the data must fill: one for each worker,
            or 0 where a smaller one will do.
    """
    for name, value, least in (
        ("batch_size", batch_size, 1),
        ("seed", seed, 0),
        ("epoch", epoch, 0),
        ("epochs", epochs, 1),
    ):
        at_least(name, value, least)
    if whole * batch_size > count:
        workers = f" for each of {whole} workers" if whole > 1 else ""
        raise ValueError(
            f"batch_size must not exceed the {count} samples of the data. "
            f"Received: batch_size={batch_size}{workers}. Use a batch_size of "
            f"at most {count // whole}, or shuffle=False for one ordered pass."
        )


def at_least(name: str, value: int, least: int) -> None:
    """Raises where a value is no integer, or below `least`."""
    is_integer = isinstance(value, (int, np.integer))
    if not is_integer or isinstance(value, bool) or value < least:
        raise ValueError(
            f"{name} must be an integer of at least {least}. "
            f"Received: {name}={value!r}"
        )


def identities_for(counts: np.ndarray, p: int, k: int, workers: int) -> None:
    """Raises where P x K batches cannot be made of classes of such counts."""
    at_least("p", p, 1)
    at_least("k", k, 1)
    present = counts[counts > 0]
    if p * workers > len(present):
        raise ValueError(
            f"p must not exceed the {len(present)} identities of the data, "
            f"over all workers. Received: p={p} for {workers} workers."
        )
    if k > 1 and present.min() == 1:
        raise ValueError(
            f"{(present == 1).sum()} identities have one picture, of which "
            f"k={k} would be copies of each other. Leave them out: "
            "data.with_at_least(2).pk_batches(...)."
        )


def from_step(start_step: int, steps: int) -> None:
    """Raises where an epoch of `steps` batches has no such step."""
    is_integer = isinstance(start_step, (int, np.integer))
    if not is_integer or not 0 <= start_step < max(steps, 1):
        raise ValueError(
            f"start_step must be in 0..{steps - 1}, the batches of one epoch; "
            "for a later one give epoch. Received: "
            f"start_step={start_step!r}"
        )


def worker_of(shard: Sequence[int]) -> tuple[int, int]:
    """Returns (index, count) of a worker, or raises."""
    try:
        index, count = (operator.index(number) for number in shard)
    except (TypeError, ValueError):
        index, count = 0, 0
    if not 0 <= index < count:
        raise ValueError(
            "shard must be (index, count), which of how many workers, with "
            f"0 <= index < count. Received: shard={shard!r}"
        )
    return index, count
