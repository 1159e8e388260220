"""The ArcFace template, and the similarity that carries a face onto it."""

import numpy as np
from numpy.typing import ArrayLike

# Image-left eye, image-right eye, nose, image-left and image-right corner of
# the mouth, (x, y) in a 112x112 crop, 0 being the centre of the first pixel.
TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
TEMPLATE.setflags(write=False)
TEMPLATE_SIZE = 112

# Half a profile beyond the profile: a face turned away is no mirrored face.
_MIRRORED = 1.5
_LEAST_CORRELATION = 0.1
_LEAST_SPREAD = 1e-3


class LandmarkError(ValueError):
    """Landmarks that no face of this image can have."""


def template_for(size: int) -> np.ndarray:
    """Returns the template's five points in a crop of `size` x `size` pixels.

    The points of 112x112 times `size / 112`, as insightface does. (For
    multiples of 128 insightface has another, wider crop; this is not it.)
    """
    if isinstance(size, bool) or not isinstance(size, (int, np.integer)):
        size = 0
    if not 1 <= size <= 4096:
        raise ValueError(
            "size must be an integer of 1 to 4096 pixels, such as 112 or 224. "
            f"Received: size={size!r}."
        )
    return TEMPLATE * (size / TEMPLATE_SIZE)


def similarity_transform(
    landmarks: ArrayLike, template: ArrayLike = TEMPLATE
) -> np.ndarray:
    """Returns the similarity that carries landmarks onto a template.

    Of all rotations, scalings and shifts (never a reflection) the one with
    the least sum of squared distances:

        template ~ matrix[:, :2] @ landmark + matrix[:, 2]

    In the plane this solution of Umeyama's is a complex linear regression.

    Reference:
    - [Umeyama, 1991](https://doi.org/10.1109/34.88573)

    Args:
        landmarks: Points (..., n, 2), each (x, y) in pixels.
        template: Points (n, 2) that they correspond to, in the same order.

    Returns:
        float64 (..., 2, 3).

    Raises:
        ValueError: when shapes do not fit or points are not finite.
        LandmarkError: (a `ValueError`) when points are all (nearly) one point
            or no such arrangement at all; or when the mirror image fits much
            better: left and right, or x and y, are exchanged.

    Example:

    >>> from keras_arcface import faces
    >>> matrix = faces.similarity_transform(2 * faces.TEMPLATE + 10)
    >>> matrix.round(3) + 0.0
    array([[ 0.5,  0. , -5. ],
           [ 0. ,  0.5, -5. ]])
    """
    source, target = _points(landmarks, template)
    source_mean = source.mean(-1, keepdims=True)
    target_mean = target.mean()
    z, w = source - source_mean, target - target_mean
    spread = (np.abs(z) ** 2).sum(-1)
    _refuse_one_point(spread / z.shape[-1], landmarks)
    direct = (z.conj() * w).sum(-1)
    mirrored = (z * w).sum(-1)
    lengths = np.sqrt(spread * (np.abs(w) ** 2).sum())
    _refuse_mirrored(np.abs(direct), np.abs(mirrored), lengths, landmarks)
    factor = direct / spread
    shift = target_mean - factor * source_mean[..., 0]
    rows = [
        [factor.real, -factor.imag, shift.real],
        [factor.imag, factor.real, shift.imag],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


def _points(landmarks, template):
    """Returns both as complex numbers, x + iy."""
    source = np.asarray(landmarks, np.float64)
    target = np.asarray(template, np.float64)
    if target.ndim != 2 or target.shape[1] != 2 or len(target) < 2:
        raise ValueError(
            "template must be at least two points, shape (n, 2). Received: "
            f"shape={target.shape}."
        )
    if source.ndim < 2 or source.shape[-2:] != target.shape:
        raise ValueError(
            f"landmarks must have the shape (..., {len(target)}, 2): (x, y) of "
            "image-left eye, image-right eye, nose, image-left and image-right "
            f"corner of the mouth. Received: shape={source.shape}."
        )
    if not np.isfinite(source).all():
        raise ValueError(
            f"landmarks must be finite. Received: {source.tolist()}"
        )
    return source[..., 0] + 1j * source[..., 1], target[:, 0] + 1j * target[
        :, 1
    ]


def _refuse_one_point(mean_square, landmarks):
    if (mean_square < _LEAST_SPREAD).any():
        raise LandmarkError(
            "landmarks must be spread over a face, in pixels. These are one "
            f"point or nearly so. Received: {_first(landmarks, mean_square)}"
        )


def _refuse_mirrored(direct, mirrored, lengths, landmarks):
    if (mirrored > np.maximum(_MIRRORED * direct, 0.5 * lengths)).any():
        raise LandmarkError(
            "landmarks fit the template's mirror image better than the "
            "template: left and right, or x and y, are exchanged. `Left` is "
            "left in the picture. Received: "
            f"{_first(landmarks, direct - mirrored)}"
        )
    if (direct < _LEAST_CORRELATION * lengths).any():
        raise LandmarkError(
            "landmarks are not arranged as those of a face; are they in "
            "another order? Received: "
            f"{_first(landmarks, direct / lengths)}"
        )


def _first(landmarks, badness):
    """Returns the landmarks of the worst face, for a message."""
    points = np.asarray(landmarks, np.float64)
    faces = points.reshape(-1, *points.shape[-2:])
    return faces[np.argmin(badness)].round(2).tolist()
