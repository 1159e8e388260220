"""Is the nearest other image of the same class?"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.labels import check_labels
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths

CHUNK_ELEMENTS = 8_000_000


@dataclass(frozen=True)
class PrecisionAt1:
    """The share of queries whose nearest other image is of their class.

    Attributes:
        value: correct / queries.
        correct: Queries whose nearest neighbour has their label.
        queries: Images whose class has at least two members.
        lone_queries: Images alone in their class: no answer would be right,
            so they are not asked, but they stay as possible wrong answers.
    """

    value: float
    correct: int
    queries: int
    lone_queries: int


def precision_at_1(embeddings: ArrayLike, labels: ArrayLike) -> PrecisionAt1:
    """Leave-one-out nearest neighbour by cosine similarity (recall@1).

    Rows are brought to unit length here, so that the answer never depends on
    whether the caller did. Similarities are computed in float32 (float64 for
    float64 embeddings), some rows at a time, so memory grows with the number
    of images and not with its square. Of equal neighbours the first in the
    array counts.

    Args:
        embeddings: Real, `(images, dim)`.
        labels: Integer class of each image, `(images,)`.

    Raises:
        ValueError: when the labels are not integers (ids above 2^24 merge in
            float32), the lengths differ, no class has two members, or an
            embedding has no direction.
    """
    embeddings = check_embeddings(embeddings)
    labels = check_labels(labels, len(embeddings))
    classes = np.unique(labels, return_inverse=True)[1]
    has_mate = np.bincount(classes)[classes] > 1
    if not has_mate.any():
        raise ValueError(
            "Every class has one member, so no nearest neighbour can be "
            "right. Give at least two images of some class."
        )
    lengths = row_lengths(embeddings)
    dtype = np.float64 if embeddings.dtype == np.float64 else np.float32
    units = embeddings.astype(dtype) / lengths.astype(dtype)[:, None]
    queries = np.flatnonzero(has_mate)
    correct = int((classes[_nearest(units, queries)] == classes[queries]).sum())
    return PrecisionAt1(
        value=correct / queries.size,
        correct=correct,
        queries=int(queries.size),
        lone_queries=int(classes.size - queries.size),
    )


def _nearest(units, queries):
    rows = max(1, CHUNK_ELEMENTS // len(units))
    nearest = np.empty(queries.size, dtype=np.int64)
    for start in range(0, queries.size, rows):
        some = queries[start : start + rows]
        similarity = units[some] @ units.T
        similarity[np.arange(some.size), some] = -np.inf
        nearest[start : start + rows] = similarity.argmax(axis=1)
    return nearest
