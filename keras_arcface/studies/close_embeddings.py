"""Pictures of two identities that a model takes for one person."""

import numpy as np

_BLOCK = 1024
_COLUMNS = 8192  # A block of cosines is 32 MiB, however many pictures.


def close_embeddings(
    embeddings: np.ndarray, labels: np.ndarray, least_cosine: float
) -> list[tuple[int, int, float]]:
    """Returns each picture's nearest of another identity, where close.

    Args:
        embeddings: Unit length, (n, dim).
        labels: Identity of each, (n,).
        least_cosine: Least cosine that counts as close.

    Returns:
        (index, other index, cosine), each pair once, the closest first.
    """
    found = {}
    for start in range(0, len(labels), _BLOCK):
        rows = slice(start, start + _BLOCK)
        others, cosines = _nearest(embeddings, labels, rows)
        for row, (other, cosine) in enumerate(
            zip(others, cosines, strict=True), start
        ):
            value = float(cosine)
            if value >= least_cosine:
                pair = tuple(sorted((row, int(other))))
                found[pair] = value
    triples = [(one, two, value) for (one, two), value in found.items()]
    return sorted(triples, key=lambda triple: -triple[2])


def _nearest(embeddings, labels, rows):
    """Returns the nearest of another identity for some rows, and cosines."""
    some, names = embeddings[rows], labels[rows][:, None]
    others = np.zeros(len(some), np.int64)
    cosines = np.full(len(some), -np.inf, embeddings.dtype)
    for start in range(0, len(labels), _COLUMNS):
        columns = slice(start, start + _COLUMNS)
        cosine = some @ embeddings[columns].T
        cosine[names == labels[columns]] = -np.inf
        nearest = cosine.argmax(axis=1)
        value = np.take_along_axis(cosine, nearest[:, None], axis=1)[:, 0]
        closer = value > cosines
        others[closer] = start + nearest[closer]
        cosines[closer] = value[closer]
    return others, cosines
