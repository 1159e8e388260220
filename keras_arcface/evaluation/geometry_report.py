"""The geometry of embeddings in one report: the paper's Table 3, and more."""

import dataclasses
import math

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.angles import nearest_angles
from keras_arcface.evaluation.class_angles import center_angles
from keras_arcface.evaluation.class_angles import check_centers
from keras_arcface.evaluation.class_angles import directed_means
from keras_arcface.evaluation.class_angles import own_mean_angles
from keras_arcface.evaluation.dimension import effective_dimension
from keras_arcface.evaluation.geometry_result import AngleDistribution
from keras_arcface.evaluation.geometry_result import GeometryReport
from keras_arcface.evaluation.geometry_result import report_warnings
from keras_arcface.evaluation.hubs import hubness
from keras_arcface.evaluation.labels import check_labels
from keras_arcface.evaluation.random_angles import expected_nearest_angle
from keras_arcface.evaluation.search import is_whole
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths


def geometry_report(
    embeddings: ArrayLike,
    labels: ArrayLike,
    centers: ArrayLike | None = None,
    sub_centers: int = 1,
    *,
    k: int = 10,
    most_cosines: int = 2**30,
    seed: int = 0,
) -> GeometryReport:
    """Judges how embeddings lie on the sphere, without any pairs.

    On training data, with the class centres of the head, Intra and Inter are
    Intra1 and Inter1 of the paper's Table 3; on identities that were not
    trained on, without centres, Intra2 and Inter2. Everything is computed
    block by block: 100,000 embeddings of 512 numbers and a million class
    centres take little beside their own memory.

    Args:
        embeddings: Real `(images, dim)`, of any length.
        labels: Integers `(images,)`.
        centers: Optional class centres, real `(classes * sub_centers, dim)`,
            by class, which `labels` point into.
        sub_centers: Centres a class; the nearest counts. Defaults to `1`.
        k: Neighbours of each embedding for hubness.
        most_cosines: The most cosines that each of the three searches for
            neighbours takes, which is what time goes to. Beyond 32,768
            embeddings or centres this is not enough for all: a random sample
            of the centres is then searched for among all of them, and hubness
            is that of a random sample of embeddings. The report says how many.
        seed: Of these samples.

    Raises:
        ValueError: when shapes or labels do not fit, an embedding has no
            direction, or the embeddings of a class cancel out.

    Reference:
    - [Deng et al., 2019, Table 3](https://arxiv.org/abs/1801.07698)

    Example:

    >>> report = keras_arcface.evaluation.geometry_report(
    ...     np.eye(4), [0, 0, 1, 1], k=1
    ... )
    >>> round(report.intra), round(report.inter)
    (45, 90)
    """
    embeddings = check_embeddings(embeddings)
    labels = check_labels(labels, len(embeddings))
    _check(embeddings, k, most_cosines)
    means, classes = directed_means(embeddings, labels)
    intra = own_mean_angles(embeddings, labels, means, classes)
    angles = {"intra": AngleDistribution.of_angles(intra)}
    if len(classes) > 1:
        angles["inter"] = _between(means, 1, most_cosines, seed)
    if centers is not None:
        centers = check_centers(centers, sub_centers, classes, embeddings)
        angles |= _to_centers(
            embeddings, labels, means, classes, centers, sub_centers
        )
        if len(centers) > sub_centers:
            angles["w_inter"] = _between(
                centers, sub_centers, most_cosines, seed
            )
    dimension = effective_dimension(embeddings)
    near = None
    if len(embeddings) >= k + 2:
        most = max(math.isqrt(most_cosines), k + 2)
        near = hubness(embeddings, labels, k, most, seed)
    report = GeometryReport(
        embeddings=len(embeddings),
        dim=embeddings.shape[1],
        classes=len(classes),
        **_lone(labels, intra),
        angles=angles,
        effective_dimension=dimension.centered,
        effective_dimension_uncentered=dimension.uncentered,
        hubness=near,
    )
    warnings = tuple(report_warnings(report))
    return dataclasses.replace(report, warnings=warnings)


def _between(vectors, group_size, most_cosines, seed):
    """Returns the angles of vectors to the nearest of another group."""
    most = max(1, most_cosines // len(vectors))
    others = len(vectors) - group_size
    return AngleDistribution.of_angles(
        nearest_angles(vectors, group_size, most, seed),
        random=expected_nearest_angle(others + 1, vectors.shape[1]),
    )


def _to_centers(embeddings, labels, means, classes, centers, sub_centers):
    """Returns the angles of embeddings and of their means to class centres."""
    row_lengths(centers)  # So that an error names the row of all.
    target = center_angles(
        embeddings, np.arange(len(embeddings)), centers, labels, sub_centers
    )
    w_ec = center_angles(
        means, np.arange(len(means)), centers, classes, sub_centers
    )
    return {
        "target": AngleDistribution.of_angles(target),
        "w_ec": AngleDistribution.of_angles(w_ec),
    }


def _lone(labels, intra):
    """Returns what classes of a single embedding do to Intra."""
    _, place, counts = np.unique(
        labels, return_inverse=True, return_counts=True
    )
    others = intra[counts[place] > 1]
    return {
        "lone_classes": int((counts == 1).sum()),
        "intra_without_lone": float(others.mean()) if others.size else None,
    }


def _check(embeddings, k, most_cosines):
    if embeddings.shape[1] < 2:
        raise ValueError(
            "`embeddings` must have two numbers or more each, to have an "
            f"angle. Received: shape {embeddings.shape}."
        )
    if not all(is_whole(n) and n > 0 for n in (k, most_cosines)):
        raise ValueError(
            "`k` and `most_cosines` must be positive integers. Received: "
            f"k={k!r}, most_cosines={most_cosines!r}."
        )
