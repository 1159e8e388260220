"""What values that were only counted in bins still tell."""

import numpy as np
from numpy.typing import ArrayLike


def histogram_quantiles(
    counts: ArrayLike, edges: ArrayLike, shares: ArrayLike
) -> np.ndarray:
    """Returns quantiles of values that were only counted in bins.

    Inside a bin the values are taken to be spread evenly, so a quantile is
    off by less than the width of its bin.

    Args:
        counts: Real, not negative, `(bins,)`.
        edges: Ascending `(bins + 1,)`.
        shares: In [0, 1], `(quantiles,)`.

    Returns:
        float64 `(quantiles,)`; NaN where nothing was counted.

    Example:

    >>> keras_arcface.evaluation.histogram_quantiles(
    ...     [0, 4, 0], [0, 1, 2, 3], [0.0, 0.5, 1.0]
    ... )
    array([1. , 1.5, 2. ])
    """
    counts = np.asarray(counts, np.float64)
    edges = np.asarray(edges, np.float64)
    if edges.shape != (counts.size + 1,) or (counts < 0).any():
        raise ValueError(
            "`edges` must be one more than `counts`, which are not negative. "
            f"Received: shapes {edges.shape} and {counts.shape}."
        )
    filled = np.flatnonzero(counts)
    if not filled.size:
        return np.full(np.shape(shares), np.nan)
    before = np.concatenate([[0.0], np.cumsum(counts[filled])])
    wanted = np.asarray(shares, np.float64) * before[-1]
    place = np.searchsorted(before[1:-1], wanted)
    inside = (wanted - before[place]) / counts[filled[place]]
    left = edges[filled[place]]
    return left + inside * (edges[filled[place] + 1] - left)
