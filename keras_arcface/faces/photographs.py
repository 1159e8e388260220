"""From a photograph to an aligned crop."""

import dataclasses
import os

import numpy as np

from keras_arcface.data.images import read_image
from keras_arcface.faces.align import align
from keras_arcface.faces.detect import Face
from keras_arcface.faces.detect import choose
from keras_arcface.faces.detect import detect


class NoFaceError(ValueError):
    """There is no face in the picture, or none that the detector sees."""


@dataclasses.dataclass(frozen=True, eq=False)
class FaceCrop:
    """The aligned face of a photograph.

    Attributes:
        image: uint8 (size, size, 3), RGB.
        face: The face that was cut out.
        found: How many faces there were to choose from.
    """

    image: np.ndarray
    face: Face
    found: int


def crop_face(
    path: str | os.PathLike,
    size: int = 112,
    face: str = "largest",
    *,
    interpolation: str = "bilinear",
    pad: float = 0.25,
    min_score: float = 0.8,
) -> FaceCrop:
    """Reads a photograph, finds a face and aligns it.

    The EXIF orientation is applied before.

    Args:
        path: A picture file.
        size: Side of the crop in pixels.
        face: Of several, the `"largest"` or the most `"central"`.
        interpolation: See `align`.
        pad: See `detect`.
        min_score: See `detect`.

    Raises:
        NoFaceError: when no face is found.
        ValueError: when the file is no picture or is damaged.
        ImportError: when `mtcnn` is missing.
    """
    image = read_image(path)
    faces = detect(image, pad=pad, min_score=min_score)
    if not faces:
        raise NoFaceError(
            f"{path}: no face was found. It must be upright and larger than "
            "one in thirty of the picture; a lower min_score or another pad "
            "may help."
        )
    chosen = choose(faces, image.shape, face)
    crop = align(image, chosen.landmarks, size, interpolation)
    return FaceCrop(crop, chosen, len(faces))
