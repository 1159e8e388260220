"""What a model takes for alike: pictures beside their nearest neighbours."""

import os

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.plots.pictures import plot_picture_grid


def plot_neighbours(
    images: np.ndarray,
    labels: ArrayLike,
    embeddings: np.ndarray,
    path: str | os.PathLike,
    queries: int = 8,
    neighbours: int = 7,
    seed: int = 0,
) -> None:
    """Draws queries, each with its nearest neighbours and their cosine.

    A frame in blue is the query's own identity, a dashed one in orange
    another.

    Args:
        images: RGB uint8 `(n, height, width, 3)`.
        labels: Identity of each, `(n,)`.
        embeddings: Unit length, `(n, dim)`.
        path: Where to write; .png, .svg or .pdf.
        queries: How many rows, each of another identity.
        neighbours: How many beside each query.
        seed: Of the choice of queries.
    """
    labels = np.asarray(labels)
    chosen = _queries(labels, queries, seed)
    neighbours = min(neighbours, len(labels) - 1)
    similarity = embeddings[chosen] @ embeddings.T
    similarity[np.arange(len(chosen)), chosen] = -np.inf
    order = np.argsort(-similarity, axis=1)[:, :neighbours]
    groups, captions, is_right = [], [], []
    for row, query in enumerate(chosen):
        others = order[row]
        groups.append([images[query], *images[others]])
        cosines = [f"{similarity[row, other]:.2f}" for other in others]
        captions.append(["query" if row == 0 else "", *cosines])
        is_right.append([None, *(labels[others] == labels[query])])
    plot_picture_grid(groups, path, captions, is_right)


def _queries(labels, count, seed):
    rng = np.random.default_rng(seed)
    identities = rng.permutation(np.unique(labels))[:count]
    return np.array([np.flatnonzero(labels == i)[0] for i in identities])
