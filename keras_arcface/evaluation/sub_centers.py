"""Which pictures lie far from the dominant centre of their class."""

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class SubCenters:
    """How the pictures of each class share its sub-centres.

    Attributes:
        nearest: Int `(pictures,)`, the sub-centre nearest to each picture.
        dominant: Int `(classes,)`, the sub-centre most pictures are nearest
            to; -1 for a class without a picture.
        counts: Int `(classes, sub_centers)`, pictures at each sub-centre.
        degrees: Float `(pictures,)`, the angle of each picture to the dominant
            sub-centre of its class.
    """

    nearest: np.ndarray
    dominant: np.ndarray
    counts: np.ndarray
    degrees: np.ndarray

    def clean(self, angle: float = 75.0) -> np.ndarray:
        """Returns a mask `(pictures,)` of those within `angle` degrees."""
        check_angle(angle)
        return self.degrees <= angle


def check_angle(angle: float) -> None:
    """Refuses a limit that is no angle between two vectors."""
    if not 0 < angle <= 180:
        raise ValueError(
            f"angle must be in (0, 180] degrees. Received: angle={angle:g}."
        )


def assign_sub_centers(
    embeddings: np.ndarray,
    labels: np.ndarray,
    class_centers: np.ndarray,
    sub_centers: int,
) -> SubCenters:
    """Finds the dominant sub-centre of each class, and how far pictures are.

    Wrongly labelled pictures gather at sub-centres of their own, or lie far
    from the dominant one; the paper drops those beyond 75 degrees and trains
    again with one centre a class.

    Args:
        embeddings: Float `(pictures, dim)`, of any length.
        labels: Int `(pictures,)`, class ids.
        class_centers: Float `(classes * sub_centers, dim)`, class-major, as
            an `ArcMarginLayer` keeps them.
        sub_centers: Int, sub-centres a class.

    Raises:
        ValueError: when the shapes do not fit.

    Reference:
    - Deng et al., 2020, "Sub-center ArcFace: Boosting Face Recognition by
      Large-scale Noisy Web Faces", ECCV
    """
    embeddings = np.asarray(embeddings, "float64")
    centers = np.asarray(class_centers, "float64")
    labels = np.asarray(labels)
    _check(embeddings, labels, centers, sub_centers)
    centers = _unit(centers).reshape(-1, sub_centers, centers.shape[-1])
    rows, embeddings = np.arange(len(labels)), _unit(embeddings)
    cosine = np.stack(
        [
            np.sum(embeddings * centers[labels, k], axis=1)
            for k in range(sub_centers)
        ],
        axis=1,
    )
    nearest = cosine.argmax(axis=1)
    counts = np.zeros((len(centers), sub_centers), "int64")
    np.add.at(counts, (labels, nearest), 1)
    dominant = np.where(counts.sum(axis=1) > 0, counts.argmax(axis=1), -1)
    to_dominant = np.clip(cosine[rows, dominant[labels]], -1.0, 1.0)
    return SubCenters(
        nearest, dominant, counts, np.degrees(np.arccos(to_dominant))
    )


def _check(embeddings, labels, centers, sub_centers):
    if embeddings.ndim != 2 or centers.shape[1:] != embeddings.shape[1:]:
        raise ValueError(
            "embeddings (pictures, dim) and class_centers (classes * "
            "sub_centers, dim) must have the same dim. Received: shapes "
            f"{embeddings.shape} and {centers.shape}."
        )
    if sub_centers < 1 or len(centers) % sub_centers:
        raise ValueError(
            f"{len(centers)} class centres are no multiple of sub_centers="
            f"{sub_centers}."
        )
    classes = len(centers) // sub_centers
    if labels.shape != embeddings.shape[:1] or labels.dtype.kind not in "iu":
        raise ValueError(
            "labels must be one integer class id an embedding. Received: "
            f"shape={labels.shape}, dtype={labels.dtype}."
        )
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"labels must lie in [0, {classes}). Received: labels from "
            f"{labels.min()} to {labels.max()}."
        )


def _unit(vectors):
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return vectors / np.where(length > 0, length, 1.0)
