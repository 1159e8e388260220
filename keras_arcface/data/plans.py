"""Which samples make which batch: a pure function of (seed, epoch, step).

A plan keeps no count, so a resumed run, a second iteration or another number
of workers cannot shift it. With several workers, a step has one global batch,
of which each worker has a part; the parts are disjoint, and together they are
what one worker with so much larger a batch would see.
"""

import dataclasses
import functools
import threading
from typing import Protocol

import numpy as np


class Plan(Protocol):
    """What `make_batches` asks."""

    steps: int
    """Batches in an epoch."""

    batch_size: int | None
    """Samples in every batch, or `None` where the last is smaller."""

    def indices(self, epoch: int, step: int) -> np.ndarray:
        """Returns the samples of a batch, int64 (b,)."""


@dataclasses.dataclass(frozen=True)
class Draw:
    """What all plans have in common.

    Args:
        seed: The same seed gives the same batches.
        worker, workers: Which of how many workers this is.
    """

    seed: int = 0
    worker: int = 0
    workers: int = 1

    def rng(self, *numbers: int) -> np.random.Generator:
        """Returns the generator of an epoch or a step; alike in all workers."""
        return np.random.default_rng([self.seed, *numbers])

    def part(self, batch: np.ndarray) -> np.ndarray:
        """Returns this worker's part of a global batch, along its axis 0."""
        return np.array_split(batch, self.workers)[self.worker]


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


class ExactEpochs:
    """Every sample once an epoch, shuffled or in order."""

    def __init__(
        self,
        count: int,
        batch_size: int,
        *,
        shuffle: bool,
        drop_remainder: bool,
        draw: Draw,
    ):
        self._global = batch_size * draw.workers
        self._draw = draw
        self.steps = steps_per_epoch(count, self._global, drop_remainder)
        if not drop_remainder and 0 < count % self._global <= draw.worker:
            self.steps -= 1  # Of the last batch nothing is left for it.
        self.batch_size = batch_size if drop_remainder else None
        self._order = _remember(
            lambda epoch: epoch_order(
                count, seed=draw.seed, epoch=epoch, shuffle=shuffle
            )
        )

    def indices(self, epoch: int, step: int) -> np.ndarray:
        start = step * self._global
        return self._draw.part(self._order(epoch)[start : start + self._global])


class ByClass:
    """The samples of every class as two arrays (compressed rows).

    A class costs 24 bytes and a sample 8, be there ten classes or a million.
    """

    def __init__(self, labels: np.ndarray):
        self.classes, self.counts = np.unique(labels, return_counts=True)
        self.starts = np.concatenate([[0], np.cumsum(self.counts)[:-1]])
        self.members = np.argsort(labels, kind="stable")

    def __len__(self) -> int:
        return len(self.classes)

    def pick(self, row: int, k: int, rng: np.random.Generator) -> np.ndarray:
        """Draws k samples of a class; all different where it has as many."""
        count, start = self.counts[row], self.starts[row]
        if count >= k:
            chosen = rng.choice(count, k, replace=False)
        else:  # Each one as often as the others, give or take one.
            chosen = np.resize(rng.permutation(count), k)
        return self.members[start + chosen]


class PKBatches:
    """P identities with K pictures each, for losses on pairs and triplets.

    The identities are dealt like cards: every one comes once before any comes
    again (but for up to P - 1 left over, others in each deal).
    """

    def __init__(
        self, labels: np.ndarray, p: int, k: int, *, steps: int, draw: Draw
    ):
        self._rows = ByClass(labels)
        self._draw = draw
        self._p, self._k = p * draw.workers, k
        self._steps_a_deal = len(self._rows) // self._p
        self.steps, self.batch_size = steps, p * k
        self._deal = _remember(
            lambda key: draw.rng(*key, 0).permutation(len(self._rows))
        )

    def indices(self, epoch: int, step: int) -> np.ndarray:
        number, turn = divmod(step, self._steps_a_deal)
        rows = self._deal((epoch, number))[turn * self._p :][: self._p]
        rng = self._draw.rng(epoch, step, 1)
        chosen = np.stack([self._rows.pick(row, self._k, rng) for row in rows])
        return self._draw.part(chosen).ravel()


class BalancedBatches:
    """Every class equally likely, then every sample of it: with replacement.

    For data in which a few identities have most of the pictures.
    """

    def __init__(
        self, labels: np.ndarray, batch_size: int, *, steps: int, draw: Draw
    ):
        self._rows = ByClass(labels)
        self._draw = draw
        self.steps, self.batch_size = steps, batch_size

    def indices(self, epoch: int, step: int) -> np.ndarray:
        rows = self._rows
        rng = self._draw.rng(epoch, step)
        size = self.batch_size * self._draw.workers
        row = rng.integers(len(rows), size=size)
        chosen = rng.integers(rows.counts[row])
        return self._draw.part(rows.members[rows.starts[row] + chosen])


def _remember(function):
    """Keeps the last two results: those of this epoch and of the next.

    Threads that ask at once get one result: each permutation of many millions
    takes seconds and memory of its own.
    """
    kept, lock = functools.lru_cache(maxsize=2)(function), threading.Lock()

    def remembered(key):
        with lock:
            return kept(key)

    return remembered
