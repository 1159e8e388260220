"""In how many directions embeddings spread."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths

_CHUNK = 4096
# Mean squared distance of unit vectors to their mean below which what is left
# is the rounding of float32.
_NO_SPREAD = 1e-12


class EffectiveDimension(NamedTuple):
    """Participation ratios of unit embeddings.

    Attributes:
        centered: Of the eigenvalues of the covariance; NaN where all
            embeddings have one direction.
        uncentered: Of the eigenvalues of the second moments, which the mean
            direction is part of: near 1 where all embeddings crowd around
            it.
    """

    centered: float
    uncentered: float


def effective_dimension(embeddings: ArrayLike) -> EffectiveDimension:
    """Returns how many directions carry the variance of unit embeddings.

        (sum of eigenvalues)^2 / sum of their squares

    the participation ratio: d for the same variance in d directions, 1 for
    one direction. Both sums are read off the matrix, trace(C)^2 / |C|^2,
    without its eigenvalues. Rows are brought to unit length first, since
    cosines do not see their lengths. Of n embeddings it is at most n - 1, and
    biased low while n is not much larger than it.

    Args:
        embeddings: Real `(images, dim)`, of any length.

    Raises:
        ValueError: for no embeddings, or one without direction.

    Reference:
    - Gao et al., 2017, "A theory of multineuronal dimensionality, dynamics
      and measurement", bioRxiv 214262 (participation ratio).

    Example:

    >>> keras_arcface.evaluation.effective_dimension(np.eye(4)).uncentered
    4.0
    """
    embeddings = check_embeddings(embeddings)
    if not len(embeddings):
        raise ValueError("`embeddings` must hold at least one row.")
    lengths = row_lengths(embeddings)
    mean = np.zeros(embeddings.shape[1])
    for unit in _unit_chunks(embeddings, lengths):
        mean += unit.sum(axis=0)
    mean /= len(embeddings)
    # The mean goes off first: a difference of two large sums would leave
    # nothing of a small spread.
    covariance = np.zeros((mean.size, mean.size))
    for unit in _unit_chunks(embeddings, lengths):
        unit -= mean
        covariance += unit.T @ unit
    covariance /= len(embeddings)
    centered = float("nan")
    if np.trace(covariance) > _NO_SPREAD:
        centered = _participation_ratio(covariance)
    return EffectiveDimension(
        centered, _participation_ratio(covariance + np.outer(mean, mean))
    )


def _unit_chunks(embeddings, lengths):
    for start in range(0, len(embeddings), _CHUNK):
        some = slice(start, start + _CHUNK)
        yield embeddings[some] / lengths[some, None]


def _participation_ratio(moments):
    return float(np.trace(moments) ** 2 / np.sum(moments**2))
