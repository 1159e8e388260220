"""What a model takes for alike: pictures beside their nearest neighbours."""

import os

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.plots import style


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

    A frame in blue is the query's own identity, in orange another one.

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
    columns = neighbours + 1
    with style.figure(
        path, columns, len(chosen), height=0.95, width=0.8 * columns
    ) as axes:
        for row, query in enumerate(chosen):
            title = "query" if row == 0 else ""
            _picture(axes[row, 0], images[query], "#000000", title)
            for column, other in enumerate(order[row], start=1):
                same = labels[other] == labels[query]
                colour = style.BLUE if same else style.ORANGE
                text = f"{similarity[row, other]:.2f}"
                _picture(axes[row, column], images[other], colour, text)


def _queries(labels, count, seed):
    rng = np.random.default_rng(seed)
    identities = rng.permutation(np.unique(labels))[:count]
    return np.array([np.flatnonzero(labels == i)[0] for i in identities])


def _picture(axis, image, colour, title):
    axis.imshow(image)
    axis.set_title(title, fontsize=8, pad=2)
    axis.set_xticks([])
    axis.set_yticks([])
    axis.grid(False)
    for spine in axis.spines.values():
        spine.set(visible=True, color=colour, linewidth=2)
