"""Which pictures and pairs are judged where there are too many of them."""

from typing import NamedTuple

import numpy as np


class DrawnPairs(NamedTuple):
    """Pairs of rows, and the rule by which they were drawn.

    Attributes:
        left, right: Rows, int64 `(pairs,)`; left < right.
        is_same: Whether both are of one identity, bool `(pairs,)`.
        rule: In words.
    """

    left: np.ndarray
    right: np.ndarray
    is_same: np.ndarray
    rule: str


def whole_identities(labels: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Returns which pictures to keep: whole identities, about `most` pictures.

    Identities are taken in a random order as long as all pictures of each
    still fit, and two of them in any case.

    Returns:
        Boolean `(n,)`.
    """
    if len(labels) <= most:
        return np.ones(len(labels), bool)
    identities, place = np.unique(labels, return_inverse=True)
    counts = np.bincount(place)
    order = np.random.default_rng(seed).permutation(len(identities))
    fits = np.cumsum(counts[order]) <= most
    fits[:2] = True
    kept = np.zeros(len(identities), bool)
    kept[order[fits]] = True
    return kept[place]


def draw_pairs(labels: np.ndarray, most: int, seed: int) -> DrawnPairs:
    """Returns every pair of pictures, or a sample of them.

    Of too many, genuine pairs get up to half of the places and impostor pairs
    the others; each pair of a kind is equally likely, and none occurs twice.

    Args:
        labels: Identity of each picture, integers `(n,)`.
        most: The most pairs.
        seed: Of the draw.
    """
    n = len(labels)
    if n * (n - 1) // 2 <= most:
        left, right = np.triu_indices(n, 1)
        is_same = labels[left] == labels[right]
        return DrawnPairs(left, right, is_same, f"all pairs of {n:,} pictures")
    rng = np.random.default_rng(seed)
    groups = _Groups(labels)
    genuine = groups.genuine(most // 2, rng)
    impostor = groups.impostor(most - len(genuine), rng)
    rule = (
        f"{_part(len(genuine), groups.genuine_pairs)} genuine and "
        f"{_part(len(impostor), groups.impostor_pairs)} impostor pairs of "
        f"{n:,} pictures, each pair of a kind equally likely (seed {seed})"
    )
    left, right = np.sort(np.concatenate([genuine, impostor]), axis=1).T
    return DrawnPairs(left, right, labels[left] == labels[right], rule)


def _part(some, total):
    return f"all {total:,}" if some == total else f"{some:,} of {total:,}"


class _Groups:
    """Pictures in the order of their identities."""

    def __init__(self, labels):
        self.rows = np.argsort(labels, kind="stable")
        _, self.counts = np.unique(labels, return_counts=True)
        self.starts = np.cumsum(self.counts) - self.counts
        self.of_row = np.repeat(np.arange(len(self.counts)), self.counts)
        self._pairs = self.counts * (self.counts - 1) // 2
        n = len(labels)
        self.genuine_pairs = int(self._pairs.sum())
        self.impostor_pairs = n * (n - 1) // 2 - self.genuine_pairs

    def genuine(self, most, rng):
        """Returns up to `most` genuine pairs, int64 `(pairs, 2)`."""
        numbers = np.arange(min(most, self.genuine_pairs))
        if most < self.genuine_pairs:
            numbers = rng.choice(self.genuine_pairs, most, replace=False)
        ends = np.cumsum(self._pairs)
        group = np.searchsorted(ends, numbers, side="right")
        inside = numbers - (ends - self._pairs)[group]
        # Pair b * (b - 1) / 2 + a is that of the a-th and b-th, a < b.
        b = ((1 + np.sqrt(1 + 8 * inside)) / 2).astype(np.int64)
        b -= b * (b - 1) // 2 > inside
        a = inside - b * (b - 1) // 2
        start = self.starts[group]
        return self.rows[np.stack([start + a, start + b], axis=1)]

    def impostor(self, most, rng):
        """Returns up to `most` impostor pairs, int64 `(pairs, 2)`."""
        if self.impostor_pairs <= 2 * most:
            every = self._all_impostors()
            if len(every) > most:
                every = every[rng.choice(len(every), most, replace=False)]
            return self.rows[every]
        n = len(self.rows)
        found = np.empty(0, np.int64)
        while len(found) < most:
            pairs = np.sort(self._ordered_impostors(most, rng), axis=1)
            codes = pairs[:, 0] * n + pairs[:, 1]
            found = np.unique(np.concatenate([found, codes]))
        codes = found[rng.choice(len(found), most, replace=False)]
        return self.rows[np.stack(np.divmod(codes, n), axis=1)]

    def _all_impostors(self):
        """Returns all as places: each with all behind its own identity."""
        n, ends = len(self.rows), self.starts + self.counts
        others = n - ends[self.of_row]
        left = np.repeat(np.arange(n), others)
        first = np.repeat(np.cumsum(others) - others, others)
        right = np.arange(len(left)) - first + ends[self.of_row[left]]
        return np.stack([left, right], axis=1)

    def _ordered_impostors(self, count, rng):
        """Returns places of impostors, each ordered pair equally likely."""
        n = len(self.rows)
        strangers = np.cumsum((n - self.counts) * self.counts)
        group = np.searchsorted(
            strangers, rng.integers(strangers[-1], size=count), side="right"
        )
        left = self.starts[group] + rng.integers(self.counts[group])
        right = rng.integers(n - self.counts[group])
        right += (right >= self.starts[group]) * self.counts[group]
        return np.stack([left, right], axis=1)
