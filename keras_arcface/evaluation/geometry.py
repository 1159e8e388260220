"""Angles on the unit sphere: between class centres, and within classes."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths

# Rows of one block of the product: 1,024 x 8,192 cosines take 32 MiB.
_ROWS, _OTHERS = 1024, 8192


@dataclasses.dataclass(frozen=True)
class AngleStatistics:
    """The angles of the ArcFace paper's Table 3, in degrees.

    Attributes:
        intra: Mean angle of an embedding to its embedding centre.
        inter: Mean over the classes of the angle from an embedding centre to
            the nearest other; None with fewer than two classes.
        w_ec: Mean angle between the class centre and the embedding centre;
            None without class centres.
        classes: How many classes the embeddings are of.
    """

    intra: float
    inter: float | None
    w_ec: float | None
    classes: int


def nearest_angles(
    vectors: ArrayLike,
    group_size: int = 1,
    most: int | None = None,
    seed: int = 0,
) -> np.ndarray:
    """Returns the angle of each vector to the nearest one of another group.

    The mean over all class centres is W-Inter of the paper's Table 3. The
    nearest is found block by block in the precision that the vectors have,
    and its angle computed in float64: the memory is 32 MiB for any number of
    vectors, and the time grows with `min(vectors, most) * vectors * dim`.

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
    return _degrees(vectors[rows], vectors[nearest])


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


def class_means(
    embeddings: ArrayLike, labels: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the embedding centre of each class: the mean of unit embeddings.

    Args:
        embeddings: Real `(images, dim)`, of any length.
        labels: Integers `(images,)`.

    Returns:
        float64 `(classes, dim)`, not of unit length, and the class id of each,
        ascending; classes without an image are left out.

    Raises:
        ValueError: when lengths differ, or an embedding has no direction.
    """
    embeddings = check_embeddings(embeddings)
    labels = np.asarray(labels)
    if labels.shape != (len(embeddings),) or labels.dtype.kind not in "iu":
        raise ValueError(
            "`labels` must be an integer class id of each embedding. Received: "
            f"shape {labels.shape}, dtype {labels.dtype}, for "
            f"{len(embeddings)} embeddings."
        )
    classes, place = np.unique(labels, return_inverse=True)
    unit = embeddings / row_lengths(embeddings)[:, None]
    means = np.zeros((len(classes), embeddings.shape[1]))
    np.add.at(means, place, unit)
    return means / np.bincount(place)[:, None], classes


def angle_statistics(
    embeddings: ArrayLike,
    labels: ArrayLike,
    class_centers: ArrayLike | None = None,
    sub_centers: int = 1,
) -> AngleStatistics:
    """Returns the angles of the ArcFace paper's Table 3.

    Of classes by their embedding centres, the means of their unit embeddings.
    On training data these are Intra1, Inter1 and W-EC; on identities that were
    not trained on, Intra2 and Inter2. W-Inter is the mean of
    `nearest_angles(class_centers, sub_centers)`.

    Args:
        embeddings: Real `(images, dim)`, of any length.
        labels: Integers `(images,)`.
        class_centers: Optional real `(classes * sub_centers, dim)`, by class,
            which `labels` point into; of several sub-centres the nearest to
            the embedding centre counts.
        sub_centers: Centres a class. Defaults to `1`.

    Raises:
        ValueError: when shapes or labels do not fit.

    Reference:
    - [Deng et al., 2019, Table 3](https://arxiv.org/abs/1801.07698)
    """
    means, classes = class_means(embeddings, labels)
    embeddings = np.asarray(embeddings)
    place = np.searchsorted(classes, labels)
    w_ec = None
    if class_centers is not None:
        centers = check_embeddings(class_centers)
        known = len(centers) // sub_centers
        if not len(classes) or not 0 <= classes[0] <= classes[-1] < known:
            raise ValueError(
                f"`labels` must lie in [0, {known}), the classes of "
                f"`class_centers`. Received: {classes[:1]} to {classes[-1:]}."
            )
        to_centers = [
            _degrees(centers[classes * sub_centers + k], means)
            for k in range(sub_centers)
        ]
        w_ec = float(np.min(to_centers, axis=0).mean())
    inter = None
    if len(classes) > 1:
        inter = float(nearest_angles(means).mean())
    return AngleStatistics(
        intra=float(_degrees(embeddings, means[place]).mean()),
        inter=inter,
        w_ec=w_ec,
        classes=len(classes),
    )


def expected_nearest_angle(n: int, dim: int, limit: bool = False) -> float:
    """Returns the expected angle of a random direction to its nearest of n.

        integral from 0 to pi of (1 - F(angle))^(n - 1),
        F: share of the sphere within an angle of a point

    What W-Inter is of centres that know nothing: n independent uniform points
    on the unit sphere.

    Args:
        n: Points, at least 2.
        dim: Coordinates of each, at least 2.
        limit: Whether to give the formula of the paper's appendix instead,

                n^(-2/k) * gamma(1 + 1/k) * (gamma((k + 1) / 2) /
                    (2 * sqrt(pi) * k * gamma(k / 2)))^(-1/k),  k = dim - 1.

            It is the limit for many points of the smallest angle of *all*
            pairs, and takes the sphere to be flat: for 10,000 points in 128
            dimensions it gives 51 degrees, where such points are 71 degrees
            from their nearest.

    Returns:
        Degrees.

    Reference:
    - [Deng et al., 2019, appendix](https://arxiv.org/abs/1801.07698), after
      Brauchart et al., 2018

    Example:

    >>> round(keras_arcface.evaluation.expected_nearest_angle(10**4, 128), 1)
    70.6
    """
    if n < 2 or dim < 2:
        raise ValueError(
            f"n and dim must be at least 2. Received: n={n}, dim={dim}."
        )
    if limit:
        return _smallest_angle_limit(n, dim)
    angles = np.linspace(0.0, math.pi, 20001)
    density = np.sin(angles) ** (dim - 2)
    share = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    share = np.minimum(share / share[-1], 1 - 1e-16)
    none_nearer = np.exp((n - 1) * np.log1p(-share))
    return math.degrees(float(np.trapezoid(none_nearer, angles)))


def _smallest_angle_limit(n, dim):
    k = dim - 1
    log_constant = (
        math.lgamma(dim / 2)
        - math.log(2 * math.sqrt(math.pi) * k)
        - math.lgamma(k / 2)
    )
    log_angle = -2 / k * math.log(n) + math.lgamma(1 + 1 / k) - log_constant / k
    return math.degrees(math.exp(log_angle))


def _degrees(left, right):
    """Returns the angles between rows, float64, exact near 0 and 180 too."""
    left = left / row_lengths(left)[:, None]
    right = right / row_lengths(right)[:, None]
    return np.degrees(
        2
        * np.arctan2(
            np.linalg.norm(left - right, axis=1),
            np.linalg.norm(left + right, axis=1),
        )
    )


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
