"""Losses on pairs by triple loops over float64 NumPy arrays."""

import numpy as np


def unit(x):
    length = np.linalg.norm(x, axis=1, keepdims=True)
    return x / np.where(length > 0, length, 1.0)


def distance(x, kind):
    """The matrix of distances by its definition, entry for entry."""
    x = np.asarray(x, "float64")
    if kind not in ("L2", "squared-L2"):
        x = unit(x)
    square = ((x[:, None] - x[None]) ** 2).sum(-1)
    if kind in ("L2", "euclidean"):
        return np.sqrt(square)
    if kind in ("squared-L2", "squared_euclidean"):
        return square
    if kind in ("angular", "cosine"):
        return 1.0 - x @ x.T
    return np.arccos(np.clip(x @ x.T, -1.0, 1.0))


def logsumexp(values):
    values = np.asarray(values, "float64")
    return values.max() + np.log(np.exp(values - values.max()).sum())


def positives_of(labels, a):
    return [p for p in range(len(labels)) if p != a and labels[p] == labels[a]]


def negatives_of(labels, a):
    return [n for n in range(len(labels)) if labels[n] != labels[a]]
