"""Cutting a face out so that eyes, nose and mouth lie where they should."""

import math

import numpy as np
from numpy.typing import ArrayLike
from PIL import Image

from keras_arcface.faces.geometry import LandmarkError
from keras_arcface.faces.geometry import similarity_transform
from keras_arcface.faces.geometry import template_for

_INTERPOLATIONS = {
    "nearest": Image.Resampling.NEAREST,
    "bilinear": Image.Resampling.BILINEAR,
    "bicubic": Image.Resampling.BICUBIC,
}
INTERPOLATIONS = tuple(_INTERPOLATIONS)
BORDERS = ("replicate", "black")
# Neighbours that bicubic interpolation asks for beyond a point.
_REACH = 3
# As many as Pillow lets a file have by default.
_MOST_PIXELS = 89_478_485


def align(
    image: np.ndarray,
    landmarks: ArrayLike,
    size: int = 112,
    interpolation: str = "bilinear",
    border: str = "replicate",
    antialias: bool = True,
) -> np.ndarray:
    """Returns the face, turned, scaled and shifted onto the ArcFace template.

    The five landmarks are carried onto the template by the least-squares
    similarity transform; 112x112 is what face presets were trained on.
    Landmarks count from the centre of the first pixel, as OpenCV and
    detectors do, and results are right to a fraction of a pixel.

    Args:
        image: uint8, RGB (height, width, 3) or grey (height, width).
        landmarks: (5, 2), or (n, 5, 2) for n faces of this image: (x, y) in
            pixels of image-left eye, image-right eye, nose, image-left and
            image-right corner of the mouth.
        size: Side of the crop in pixels.
        interpolation: `"bilinear"`, `"nearest"` or `"bicubic"`.
        border: What lies beyond the image: `"replicate"`, its outermost
            pixels; or `"black"`, as `cv2.warpAffine` has it by default.
        antialias: Whether a face that becomes smaller is averaged over all its
            pixels. `False` takes samples, as `cv2.warpAffine` does, which
            aliases. `"nearest"` never mixes pixels and takes samples always.

    Returns:
        uint8 (size, size, 3) or (size, size); with n faces, n of these.

    Raises:
        ValueError: when an argument is not as above.
        LandmarkError: (a `ValueError`) for landmarks that no face has, see
            `similarity_transform`, or that lie far outside of the image.

    Example:

    >>> from keras_arcface import faces
    >>> image = np.zeros((250, 250, 3), "uint8")
    >>> faces.align(image, faces.TEMPLATE * 2, size=112).shape
    (112, 112, 3)
    """
    _check(image, interpolation, border)
    matrices = similarity_transform(landmarks, template_for(size))
    if matrices.ndim > 3:
        raise ValueError(
            "landmarks must have the shape (5, 2) or (n, 5, 2). Received: "
            f"shape={np.shape(landmarks)}."
        )
    antialias = antialias and interpolation != "nearest"
    crops = [
        _warp(image, matrix, size, interpolation, border, antialias)
        for matrix in matrices.reshape(-1, 2, 3)
    ]
    if matrices.ndim == 2:
        return crops[0]
    empty = np.zeros((0, size, size, *image.shape[2:]), np.uint8)
    return np.stack(crops) if crops else empty


def _check(image, interpolation, border):
    good = isinstance(image, np.ndarray) and image.dtype == np.uint8
    good = good and (image.ndim == 2 or image.shape[2:] == (3,))
    if not good or 0 in image.shape:
        got = f"{getattr(image, 'dtype', type(image).__name__)} array"
        raise ValueError(
            "image must be a uint8 array, RGB (height, width, 3) or grey "
            f"(height, width). Received: {got} of shape {np.shape(image)}. "
            "keras_arcface.data.read_image(path) gives one."
        )
    for name, value, known in (
        ("interpolation", interpolation, INTERPOLATIONS),
        ("border", border, BORDERS),
    ):
        if value not in known:
            raise ValueError(
                f"{name} must be one of {', '.join(known)}. "
                f"Received: {name}={value!r}."
            )


def _warp(image, matrix, size, interpolation, border, antialias):
    scale = math.hypot(matrix[0, 0], matrix[1, 0])
    samples = max(1, math.ceil(1 / scale - 0.01)) if antialias else 1
    back = _inverse(matrix)
    region, origin = _region(image, back, size, border)
    # Where the centre of the first sample lies, and the steps from there on.
    first = np.full(2, (0.5 / samples) - 0.5)
    step = back[:, :2] / samples
    start = back[:, :2] @ first + back[:, 2] - origin
    # Pillow counts from the corner of a pixel and asks at its centre.
    offset = start + 0.5 - step @ [0.5, 0.5]
    way = np.column_stack([step, offset]).ravel().tolist()
    method = _INTERPOLATIONS[interpolation]
    channels = [
        _sample(region[(..., *channel)], way, size, samples, method)
        for channel in np.ndindex(region.shape[2:])
    ]
    return np.stack(channels, -1).reshape(size, size, *image.shape[2:])


def _sample(channel, way, size, samples, method):
    # In floats: in bytes, Pillow cuts fractions off, half a grey on average.
    warped = Image.fromarray(channel.astype(np.float32)).transform(
        (size * samples, size * samples), Image.Transform.AFFINE, way, method
    )
    if samples > 1:
        warped = warped.reduce(samples)
    return np.rint(warped).clip(0, 255).astype(np.uint8)


def _inverse(matrix):
    linear = np.linalg.inv(matrix[:, :2])
    return np.column_stack([linear, -linear @ matrix[:, 2]])


def _region(image, back, size, border):
    """Returns the part of the image that a crop needs, and where it starts.

    Beyond the image it is filled as `border` says, so that interpolation never
    meets an edge, and a small face in a large photograph costs little.
    """
    ends = np.array([[-0.5, -0.5], [size, -0.5], [-0.5, size], [size, size]])
    corners = ends @ back[:, :2].T + back[:, 2]
    low = np.floor(corners.min(axis=0)) - _REACH
    high = np.ceil(corners.max(axis=0)) + _REACH + 1
    height, width = image.shape[:2]
    outside = (high < 0).any() or (low > [width, height]).any()
    if outside or np.prod(high - low) > _MOST_PIXELS:
        raise LandmarkError(
            f"landmarks do not belong to this image of {width}x{height} pixels "
            f"(width x height): the crop would reach from {low.tolist()} to "
            f"{high.tolist()}. Are they in pixels of this very image?"
        )
    (left, top), (right, bottom) = low.astype(int), high.astype(int)
    rows, columns = np.arange(top, bottom), np.arange(left, right)
    region = image[
        rows.clip(0, height - 1)[:, None], columns.clip(0, width - 1)
    ]
    if border == "black":
        region[(rows < 0) | (rows >= height)] = 0
        region[:, (columns < 0) | (columns >= width)] = 0
    return region, low
