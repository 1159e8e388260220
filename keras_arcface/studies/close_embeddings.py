"""Pictures of two identities that a model takes for one person."""

import numpy as np

_BLOCK = 1024


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
        cosine = embeddings[rows] @ embeddings.T
        cosine[labels[rows][:, None] == labels] = -np.inf
        nearest = cosine.argmax(axis=1)
        for row, other in enumerate(nearest):
            value = float(cosine[row, other])
            if value >= least_cosine:
                pair = tuple(sorted((start + row, int(other))))
                found[pair] = value
    triples = [(one, two, value) for (one, two), value in found.items()]
    return sorted(triples, key=lambda triple: -triple[2])
