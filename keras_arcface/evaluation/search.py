"""The most similar rows of a gallery: exact, in bounded memory."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from numbers import Integral
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths
from keras_arcface.evaluation.top_k import TopK
from keras_arcface.utils.optional import require

BLOCK_ELEMENTS = 4_000_000
BLOCK_COLUMNS = 1024
MOST_WORKERS = 8
UNIT_ROUNDING = 1e-6
FLOAT32_LENGTHS = (1e-30, 1e30)
MOST_ROWS = 2**32 - 1
ENGINES = ("exact", "faiss")
Visitor = Callable[[int, int, np.ndarray], None]


class SearchResult(NamedTuple):
    """What a search found.

    Attributes:
        scores: Cosines, float32, falling, `(probes, k)`.
        indices: Rows of the gallery, int64, `(probes, k)`.
    """

    scores: np.ndarray
    indices: np.ndarray


def search_gallery(
    probes: ArrayLike, gallery: ArrayLike, k: int, *, engine: str = "exact"
) -> SearchResult:
    """Returns the k most similar rows of the gallery for every probe.

    Rows are brought to unit length here. Every probe meets every row of the
    gallery, in float32, a block at a time: beside the arguments and the result
    memory does not grow. Of equally similar rows the first in the gallery
    comes first.

    Args:
        probes: Real, `(probes, dim)`, of any length.
        gallery: Real, `(entries, dim)`; may be memory-mapped.
        k: From 1 to the number of entries.
        engine: "exact", or "faiss" for its `IndexFlatIP`, which holds a copy
            of the gallery (`pip install "keras-arcface[search]"`).

    Raises:
        ValueError: when dimensions differ, k does not fit or an embedding has
            no direction.
        ImportError: when `engine="faiss"` is not installed.

    Example:

    >>> gallery = np.eye(3)
    >>> found = search_gallery([[1.0, 0.0, 0.9]], gallery, 2)
    >>> found.indices.tolist()
    [[0, 2]]
    """
    if engine not in ENGINES:
        raise ValueError(
            f"`engine` must be one of {ENGINES}. Received: {engine!r}."
        )
    index = ExactIndex(gallery) if engine == "exact" else FaissIndex(gallery)
    return index.search(probes, k)


class ExactIndex:
    """A gallery that is searched again and again, by blocked products.

    Args:
        gallery: Real, `(entries, dim)`; kept as it is, not copied.
        are_units: Whether the caller knows that the rows are float32 of unit
            length: then nothing is read before the first search.

    Attributes:
        columns: How many things can be found: the entries.
    """

    def __init__(self, gallery: ArrayLike, *, are_units: bool = False):
        self.gallery = check_embeddings(gallery)
        self._are_units = are_units
        if not are_units:
            self._lengths = row_lengths(self.gallery)
            # Rows that a model brought to unit length are taken as they are.
            self._are_units = self.gallery.dtype == np.float32 and bool(
                (np.abs(self._lengths - 1) < UNIT_ROUNDING).all()
            )
        self.columns = len(self.gallery)
        if not 0 < self.columns <= MOST_ROWS:
            raise ValueError(
                f"`gallery` must have 1 to {MOST_ROWS:,} rows. Received: "
                f"{self.columns:,}."
            )

    def search(
        self, probes: ArrayLike, k: int, *, excluded: ArrayLike | None = None
    ) -> SearchResult:
        """Does what `search_gallery` does.

        Args:
            probes: Real, `(probes, dim)`.
            k: From 1 to the number of entries, less one with `excluded`.
            excluded: One row of the gallery for each probe that it must not
                find, itself usually; integers `(probes,)`.
        """
        units = self.unit_probes(probes)
        most = self.columns - (excluded is not None)
        check_k(k, most)
        best = TopK(len(units), k)
        rows = None if excluded is None else np.asarray(excluded)

        def keep(start, column, similarity):
            if rows is not None:
                some = rows[start : start + len(similarity)] - column
                inside = (some >= 0) & (some < similarity.shape[1])
                similarity[np.flatnonzero(inside), some[inside]] = -np.inf
            best.update(start, similarity, column)

        self.visit(units, keep, k)
        return SearchResult(*best.result())

    def unit_probes(self, probes: ArrayLike) -> np.ndarray:
        """Returns the probes as unit rows in float32; checks their width."""
        probes = check_embeddings(probes)
        if probes.shape[1] != self.gallery.shape[1]:
            raise ValueError(
                "`probes` and `gallery` must have the same dim. Received: "
                f"{probes.shape[1]} and {self.gallery.shape[1]}."
            )
        return unit_rows(probes, row_lengths(probes))

    def visit(self, units: np.ndarray, keep: Visitor, k: int) -> None:
        """Calls `keep(first probe, first column, similarity)` on every block.

        Columns come in rising order. Blocks of different probes are visited at
        the same time, since BLAS takes one product after the other and what is
        kept of a block would be the time of one core.

        Args:
            units: Unit rows, float32, `(probes, dim)`.
            keep: Takes a float32 block that it may change and must not keep.
            k: How many columns will be kept; wider blocks serve a larger k.
        """
        cuts = self.cuts(min(max(BLOCK_COLUMNS, 4 * k), BLOCK_ELEMENTS))
        width = max(stop - start for _, start, stop in cuts)
        rows = max(1, min(BLOCK_ELEMENTS // width, len(units)))
        starts = range(0, len(units), rows)
        workers = max(1, min(len(starts), os.cpu_count() or 1, MOST_WORKERS))
        memory = threading.local()

        def one(start, column, block):
            if not hasattr(memory, "out"):
                memory.out = np.empty(rows * width, np.float32)
            some = units[start : start + rows]
            product = memory.out[: len(some) * len(block)]
            product = product.reshape(len(some), len(block))
            np.matmul(some, block.T, out=product)
            keep(start, column, self.reduce(column, product))

        with ThreadPoolExecutor(workers) as pool:
            for column, first, last in cuts:
                block = self.unit_entries(first, last)
                work = [pool.submit(one, s, column, block) for s in starts]
                for done in work:
                    done.result()

    def cuts(self, width: int) -> list[tuple[int, int, int]]:
        """Returns (first column, first entry, end) of blocks this wide."""
        entries = len(self.gallery)
        firsts = range(0, entries, width)
        return [(first, first, min(first + width, entries)) for first in firsts]

    def unit_entries(self, first: int, last: int) -> np.ndarray:
        """Returns entries as unit rows, float32, `(last - first, dim)`."""
        some = slice(first, last)
        if self._are_units:
            return np.asarray(self.gallery[some])
        return unit_rows(self.gallery[some], self._lengths[some])

    def reduce(self, column: int, similarity: np.ndarray) -> np.ndarray:
        """Returns the columns of a block of entries: here one an entry."""
        return similarity


class FaissIndex:
    """The same search by faiss's `IndexFlatIP`.

    Args:
        gallery: Real, `(entries, dim)`; copied into the index as unit rows.
        are_units: As of `ExactIndex`.

    Raises:
        ImportError: when faiss is not installed, with the pip command.
    """

    def __init__(self, gallery: ArrayLike, *, are_units: bool = False):
        faiss = require("faiss", "search")
        self._exact = ExactIndex(gallery, are_units=are_units)
        self._index = faiss.IndexFlatIP(self._exact.gallery.shape[1])
        for _, first, last in self._exact.cuts(16 * BLOCK_COLUMNS):
            self._index.add(self._exact.unit_entries(first, last))

    def search(self, probes: ArrayLike, k: int) -> SearchResult:
        """Does what `search_gallery` does; of equal rows faiss chooses."""
        units = self._exact.unit_probes(probes)
        check_k(k, self._exact.columns)
        return SearchResult(*self._index.search(units, k))


def unit_rows(embeddings: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Returns rows divided by their float64 lengths, contiguous float32."""
    low, high = FLOAT32_LENGTHS
    ordinary = (lengths > low).all() and (lengths < high).all()
    if embeddings.dtype == np.float32 and ordinary:
        return embeddings / lengths.astype(np.float32)[:, None]
    return (embeddings / lengths[:, None]).astype(np.float32)


def check_k(k: int, most: int) -> None:
    """Refuses a number of neighbours that a gallery cannot give."""
    if not is_whole(k) or not 1 <= k <= most:
        raise ValueError(
            f"`k` must be from 1 to the {most:,} entries that can be found. "
            f"Received: {k!r}."
        )


def is_whole(value: object) -> bool:
    """Whether a value is an integer, of Python or of NumPy, and no boolean."""
    return isinstance(value, Integral) and not isinstance(value, bool)
