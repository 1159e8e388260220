"""Sums of unit vectors, of which templates are made."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.quality import check_quality
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths

CHUNK_ROWS = 32768


def as_rows(embeddings: ArrayLike) -> np.ndarray:
    """Returns one embedding, `(dim,)`, or several as `(n, dim)`, n >= 1."""
    embeddings = np.asarray(embeddings)
    if embeddings.ndim == 1:
        embeddings = embeddings[None]
    embeddings = check_embeddings(embeddings)
    if not embeddings.size:
        raise ValueError(
            "`embeddings` must hold at least one embedding. Received: shape "
            f"{embeddings.shape}."
        )
    return embeddings


def weights_of(quality: ArrayLike | None, rows: int) -> np.ndarray:
    """Returns the weight of every embedding, float64, 1 where none is given.

    Raises:
        ValueError: when one is negative or not finite, or lengths differ.
    """
    if quality is None:
        return np.ones(rows)
    return check_quality(quality, rows, "embedding")


def sums_by_place(
    embeddings: np.ndarray, places: np.ndarray, weights: np.ndarray
) -> Iterator[tuple[slice, np.ndarray]]:
    """Yields sums of weighted unit vectors, some thousand rows at a time.

        sum[p] = sum of weights[i] * unit(embeddings[i]) over places[i] == p

    Args:
        embeddings: Real, `(n, dim)`, of any length.
        places: Integers `(n,)`; each from 0 to the largest occurs.
        weights: Float64 `(n,)`.

    Yields:
        A slice of places, rising, and their sums, float64, `(places, dim)`.

    Raises:
        ValueError: before the first sum, for a row that has no direction.
    """
    lengths = row_lengths(embeddings)
    order = np.argsort(places, kind="stable")
    ends = np.append(0, np.cumsum(np.bincount(places)))
    start, last = 0, ends.size - 1
    while start < last:
        limit = ends[start] + CHUNK_ROWS
        stop = int(np.searchsorted(ends, limit, side="right")) - 1
        stop = max(start + 1, stop)
        rows = order[ends[start] : ends[stop]]
        units = embeddings[rows].astype(np.float64)
        units *= (weights[rows] / lengths[rows])[:, None]
        yield (
            slice(start, stop),
            np.add.reduceat(units, ends[start:stop] - ends[start]),
        )
        start = stop
