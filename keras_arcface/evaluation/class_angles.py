"""Angles within and between classes, by their embedding centres."""

import dataclasses

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.angles import nearest_angles
from keras_arcface.evaluation.angles import row_angles
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths

# Embeddings brought to unit length at a time, in float64.
_CHUNK = 4096
# A mean of unit embeddings that is shorter has no direction but rounding.
_SHORTEST_MEAN = 1e-7


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
    lengths = row_lengths(embeddings)
    means = np.zeros((len(classes), embeddings.shape[1]))
    # Class by class, so that each chunk is summed in runs of equal labels.
    order = np.argsort(place, kind="stable")
    for start in range(0, len(order), _CHUNK):
        some = order[start : start + _CHUNK]
        unit = embeddings[some] / lengths[some, None]
        here, first = np.unique(place[some], return_index=True)
        means[here] += np.add.reduceat(unit, first, axis=0)
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
    `nearest_angles(class_centers, sub_centers)`. `geometry_report` gives all
    of it and more.

    Args:
        embeddings: Real `(images, dim)`, of any length.
        labels: Integers `(images,)`.
        class_centers: Optional real `(classes * sub_centers, dim)`, by class,
            which `labels` point into; of several sub-centres the nearest to
            the embedding centre counts.
        sub_centers: Centres a class. Defaults to `1`.

    Raises:
        ValueError: when shapes or labels do not fit, or the embeddings of a
            class cancel out.

    Reference:
    - [Deng et al., 2019, Table 3](https://arxiv.org/abs/1801.07698)
    """
    embeddings = check_embeddings(embeddings)
    means, classes = directed_means(embeddings, labels)
    w_ec = inter = None
    if class_centers is not None:
        centers = check_centers(class_centers, sub_centers, classes, embeddings)
        w_ec = float(
            center_angles(
                means, np.arange(len(classes)), centers, classes, sub_centers
            ).mean()
        )
    if len(classes) > 1:
        inter = float(nearest_angles(means).mean())
    return AngleStatistics(
        intra=float(own_mean_angles(embeddings, labels, means, classes).mean()),
        inter=inter,
        w_ec=w_ec,
        classes=len(classes),
    )


def directed_means(
    embeddings: ArrayLike, labels: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Does `class_means`, and refuses classes whose mean has no direction."""
    means, classes = class_means(embeddings, labels)
    if not len(classes):
        raise ValueError(
            "There is no embedding to judge: `embeddings` has none."
        )
    short = np.flatnonzero(row_norms(means) < _SHORTEST_MEAN)
    if short.size:
        raise ValueError(
            f"The embeddings of class {classes[short[0]]} cancel out: their "
            f"mean has no direction ({short.size} such classes in all)."
        )
    return means, classes


def row_norms(vectors: np.ndarray) -> np.ndarray:
    """Returns the length of every row, zero too, in float64."""
    return np.sqrt(np.einsum("nd,nd->n", vectors, vectors, dtype=np.float64))


def own_mean_angles(embeddings, labels, means, classes) -> np.ndarray:
    """Returns each embedding's angle to its embedding centre, degrees."""
    place = np.searchsorted(classes, labels)
    return row_angles(embeddings, np.arange(len(embeddings)), means, place)


def check_centers(
    class_centers: ArrayLike,
    sub_centers: int,
    classes: np.ndarray,
    embeddings: np.ndarray,
) -> np.ndarray:
    """Returns class centres that the classes point into.

    Raises:
        ValueError: when shapes do not fit or a class has no centre.
    """
    centers = check_embeddings(class_centers)
    if sub_centers < 1 or len(centers) % sub_centers:
        raise ValueError(
            "`class_centers` must be sub_centers rows a class. Received: "
            f"{len(centers)} rows, sub_centers={sub_centers}."
        )
    known = len(centers) // sub_centers
    if not 0 <= classes[0] <= classes[-1] < known:
        raise ValueError(
            f"`labels` must lie in [0, {known}), the classes of "
            f"`class_centers`. Received: {classes[:1]} to {classes[-1:]}."
        )
    if centers.shape[1] != embeddings.shape[1]:
        raise ValueError(
            "`class_centers` and `embeddings` must have the same dim. "
            f"Received: {centers.shape[1]} and {embeddings.shape[1]}."
        )
    return centers


def center_angles(
    vectors: np.ndarray,
    rows: np.ndarray,
    centers: np.ndarray,
    classes: np.ndarray,
    sub_centers: int,
) -> np.ndarray:
    """Returns the angles of `vectors[rows]` to the centres of their classes.

    Of several sub-centres the nearest counts. Degrees, `(rows,)`.
    """
    first = np.asarray(classes, np.int64) * sub_centers  # uint8 would wrap.
    to_centers = [
        row_angles(vectors, rows, centers, first + k)
        for k in range(sub_centers)
    ]
    return np.min(to_centers, axis=0)
