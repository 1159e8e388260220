"""Angles on the unit sphere: of pairs of rows, and to the nearest."""

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths

# Rows of one block of the product: 1,024 x 8,192 cosines take 32 MiB.
_ROWS, _OTHERS = 1024, 8192
# Pairs of rows whose angles are computed at a time, in float64.
_PAIRS = 4096


def nearest_angles(
    vectors: ArrayLike,
    group_size: int = 1,
    most: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Returns the angle of each vector to the nearest one of another group.

    The mean over all class centres is W-Inter of the paper's Table 3. The
    nearest is found block by block in the precision that the vectors have,
    and its angle computed in float64: beside the vectors and one number a
    vector the memory does not grow, and the time grows with
    `min(vectors, most) * vectors * dim`.

    Args:
        vectors: Real `(n, dim)`, of any length.
        group_size: Vectors in a row that are no neighbours of each other:
            the number of sub-centres of a class. Defaults to `1`.
        most: The most vectors whose neighbour is looked for, drawn at random
            when there are more; their neighbours are looked for among all.
            None for all.
        seed: Of the draw.

    Returns:
        float64 degrees, `(min(n, most),)`, in the order of the vectors.

    Raises:
        ValueError: for fewer than two groups, or a vector without direction.

    Example:

    >>> keras_arcface.evaluation.nearest_angles(np.eye(3))
    array([90., 90., 90.])
    """
    vectors = check_embeddings(vectors)
    groups = len(vectors) // max(1, group_size)
    if group_size < 1 or len(vectors) % group_size or groups < 2:
        raise ValueError(
            "`vectors` must be two or more groups of group_size rows. "
            f"Received: {len(vectors)} rows, group_size={group_size}."
        )
    if vectors.dtype not in (np.float32, np.float64):
        vectors = vectors.astype(np.float32)
    lengths = row_lengths(vectors)
    rows = np.arange(len(vectors))
    if most is not None and most < len(rows):
        draw = np.random.default_rng(seed)
        rows = np.sort(draw.choice(len(rows), most, replace=False))
    nearest = _nearest(vectors, lengths, rows, group_size)
    return row_angles(vectors, rows, vectors, nearest)


def _nearest(vectors, lengths, rows, group_size):
    """Returns which vector of another group is nearest to each of the rows."""
    best = np.full(len(rows), -np.inf, vectors.dtype)
    nearest = np.zeros(len(rows), np.int64)
    for start in range(0, len(vectors), _OTHERS):
        some = slice(start, min(start + _OTHERS, len(vectors)))
        # Only the others' lengths matter for which of them is nearest.
        others = vectors[some] / lengths[some, None].astype(vectors.dtype)
        for first in range(0, len(rows), _ROWS):
            part = slice(first, first + _ROWS)
            cosine = vectors[rows[part]] @ others.T
            _leave_out(cosine, rows[part], start, group_size)
            place = cosine.argmax(axis=1)
            value = np.take_along_axis(cosine, place[:, None], axis=1)[:, 0]
            nearer = value > best[part]
            best[part][nearer] = value[nearer]
            nearest[part][nearer] = start + place[nearer]
    return nearest


def _leave_out(cosine, rows, start, group_size):
    """Makes each row's own group, itself included, no neighbour of it."""
    for k in range(group_size):
        column = rows // group_size * group_size + k - start
        here = np.flatnonzero((column >= 0) & (column < cosine.shape[1]))
        cosine[here, column[here]] = -np.inf


def row_angles(
    left: np.ndarray,
    left_rows: np.ndarray,
    right: np.ndarray,
    right_rows: np.ndarray,
) -> np.ndarray:
    """Returns the angles between `left[left_rows]` and `right[right_rows]`.

    Computed in float64, some pairs at a time; exact near 0 and 180 degrees,
    where an arc cosine is not.

    Args:
        left: Real `(n, dim)`. Rows that are used must have a direction.
        left_rows: Integers `(pairs,)`.
        right: The same for the other side, `(m, dim)`.
        right_rows: Integers `(pairs,)`.

    Returns:
        float64 degrees, `(pairs,)`.
    """
    angles = np.empty(len(left_rows))
    for start in range(0, len(left_rows), _PAIRS):
        some = slice(start, start + _PAIRS)
        angles[some] = _degrees(left[left_rows[some]], right[right_rows[some]])
    return angles


def _degrees(left, right):
    left = left / row_lengths(left)[:, None]
    right = right / row_lengths(right)[:, None]
    return np.degrees(
        2
        * np.arctan2(
            np.linalg.norm(left - right, axis=1),
            np.linalg.norm(left + right, axis=1),
        )
    )
