"""The templates of a gallery: arrays that grow, shrink and stay packed."""

from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

GROWTH = 1.25
# Sums shorter than this share of their weights point anywhere.
LEAST_AGREEMENT = 1e-6


class TemplateStore:
    """One row an identity, without gaps; what is searched is never copied.

    A row keeps the sum of the weighted unit vectors of an identity as its
    direction (float32, ready to be searched) and its length (float64), so that
    pictures can be added later without keeping any.

    Args:
        dim: Length of an embedding.

    Attributes:
        count: Rows in use.
    """

    def __init__(self, dim: int):
        self.dim, self.count = dim, 0
        self._templates = np.empty((0, dim), np.float32)
        self._lengths = np.empty(0)
        self._weights = np.empty(0)
        self._pictures = np.empty(0, np.int64)

    @classmethod
    def of(cls, templates, lengths, weights, pictures) -> "TemplateStore":
        """Returns a store that owns these arrays, one row an identity."""
        store = cls(templates.shape[1])
        store.count = len(templates)
        store._templates, store._lengths = templates, lengths
        store._weights, store._pictures = weights, pictures
        return store

    @property
    def templates(self) -> np.ndarray:
        """Unit rows, float32, `(count, dim)`, a view."""
        return self._templates[: self.count]

    @property
    def lengths(self) -> np.ndarray:
        """Lengths of the sums, float64, `(count,)`, a view."""
        return self._lengths[: self.count]

    @property
    def weights(self) -> np.ndarray:
        """Sums of the weights, float64, `(count,)`, a view."""
        return self._weights[: self.count]

    @property
    def pictures(self) -> np.ndarray:
        """How many embeddings each is made of, int64, `(count,)`, a view."""
        return self._pictures[: self.count]

    def append(
        self,
        sums: Iterator[tuple[slice, np.ndarray]],
        weights: np.ndarray,
        pictures: np.ndarray,
        names: Sequence[str],
    ) -> None:
        """Adds identities, all or, after an error, none.

        Args:
            sums: As `sums_by_place` yields them.
            weights: Sums of weights, float64, `(identities,)`.
            pictures: How many embeddings, `(identities,)`.
            names: For messages.
        """
        first, added = self.count, len(names)
        self._reserve(first + added)
        for places, some in sums:
            units, lengths = _directions(some, weights[places], names[places])
            rows = slice(first + places.start, first + places.stop)
            self._templates[rows], self._lengths[rows] = units, lengths
        rows = slice(first, first + added)
        self._weights[rows], self._pictures[rows] = weights, pictures
        self.count += added

    def add(
        self, row: int, extra: np.ndarray, weight: float, pictures: int, name
    ) -> None:
        """Adds a sum of weighted unit vectors, `(dim,)`, to one identity."""
        before = self._templates[row].astype(np.float64) * self._lengths[row]
        total = np.array([self._weights[row] + weight])
        units, lengths = _directions((before + extra)[None], total, [name])
        self._templates[row], self._lengths[row] = units[0], lengths[0]
        self._weights[row] = total[0]
        self._pictures[row] += pictures

    def remove(self, row: int) -> None:
        """Takes one identity out; the last row moves into its place."""
        last = self.count - 1
        for array in self._arrays():
            array[row] = array[last]
            array[last] = 0
        self.count = last

    def _arrays(self):
        return self._templates, self._lengths, self._weights, self._pictures

    def _reserve(self, rows):
        if rows <= len(self._templates):
            return
        capacity = max(rows, int(len(self._templates) * GROWTH))
        self._templates = _longer(self.templates, capacity)
        self._lengths = _longer(self.lengths, capacity)
        self._weights = _longer(self.weights, capacity)
        self._pictures = _longer(self.pictures, capacity)


def _longer(used, rows):
    array = np.empty((rows, *used.shape[1:]), used.dtype)
    array[: len(used)] = used
    return array


def _directions(sums, weights, names):
    lengths = np.sqrt(np.einsum("nd,nd->n", sums, sums))
    lost = np.flatnonzero(lengths <= LEAST_AGREEMENT * weights)
    if lost.size:
        raise ValueError(
            f"The template of {names[lost[0]]!r} has no direction: the "
            "embeddings cancel each other, or their quality is 0. Nothing was "
            "changed."
        )
    return sums / lengths[:, None], lengths
