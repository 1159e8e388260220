"""Finding faces and their five landmarks with MTCNN."""

import contextlib
import dataclasses
import functools
import importlib.resources
from collections.abc import Iterator
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from keras_arcface.utils.optional import require

CHOICES = ("largest", "central")


@dataclasses.dataclass(frozen=True, eq=False)
class Face:
    """A face in a picture.

    Attributes:
        box: float64 (4,): left, top, right, bottom, in pixels; may reach
            beyond the picture.
        landmarks: float64 (5, 2): (x, y) in pixels of image-left eye,
            image-right eye, nose, image-left and image-right corner of the
            mouth.
        score: Of the detector, 0 to 1.
    """

    box: np.ndarray
    landmarks: np.ndarray
    score: float

    @property
    def area(self) -> float:
        """Square pixels of the box."""
        left, top, right, bottom = self.box
        return float(max(right - left, 0) * max(bottom - top, 0))


def detect(
    image: np.ndarray,
    *,
    min_score: float = 0.8,
    pad: float = 0.25,
    longest_side: int = 640,
) -> list[Face]:
    """Returns the faces in a picture, the largest first.

    Runs the three networks of the package `mtcnn` on the CPU. Needs TensorFlow
    as the backend of Keras.

    Reference:
    - [Zhang et al., 2016](https://arxiv.org/abs/1604.02878)

    Args:
        image: uint8 (height, width, 3), RGB, upright.
        min_score: Least score of a face, in [0, 1).
        pad: Share of the longer side that is added on each side before
            detecting, by repeating the outermost pixels: faces that fill the
            picture are not found otherwise. In [0, 2].
        longest_side: A larger picture, padding included, is shrunk to so many
            pixels first. Faces of less than 20 of these are not found. Time
            and memory grow with its square.

    Raises:
        ValueError: when an argument is not as above, or Keras runs on another
            backend.
        ImportError: when `mtcnn` is missing, with the pip command.
    """
    _check(image, min_score, pad, longest_side)
    detector = _detector()
    margin = round(pad * max(image.shape[:2]))
    small, back = _shrunk(image, margin, longest_side)
    rows = detector.detect_faces(
        small,
        fit_to_image=False,
        box_format="xyxy",
        output_type="numpy",
        threshold_onet=min_score,
    )
    faces = [
        _face(row, back)
        for row in rows
        if len(row) == 16 and np.isfinite(row).all()
    ]
    return sorted(faces, key=lambda face: (-face.area, -face.score))


def choose(faces: Sequence[Face], shape: Sequence[int], which: str) -> Face:
    """Returns one of several faces: `"largest"`, or the most `"central"`.

    Args:
        faces: At least one.
        shape: Of the picture, (height, width, ...).
        which: One of the two.
    """
    check_choice(which)
    if which == "largest":
        return max(faces, key=lambda face: face.area)
    middle = np.array([shape[1] - 1, shape[0] - 1]) / 2
    return min(
        faces,
        key=lambda face: np.hypot(
            *((face.box[:2] + face.box[2:]) / 2 - middle)
        ),
    )


def check_choice(which: str) -> None:
    """Raises where `which` is no way to choose a face."""
    if which not in CHOICES:
        raise ValueError(
            f"face must be one of {', '.join(CHOICES)}. "
            f"Received: face={which!r}."
        )


def check_detector() -> None:
    """Raises now, rather than at the first picture, if none can be had."""
    require("mtcnn", "detect")
    import keras

    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            "Detecting faces needs TensorFlow as the backend of Keras. "
            f"Received: {keras.backend.backend()}. Set "
            "KERAS_BACKEND=tensorflow, or align with landmarks of your own."
        )


def _check(image, min_score, pad, longest_side):
    good = isinstance(image, np.ndarray) and image.dtype == np.uint8
    if not (good and image.ndim == 3 and image.shape[2] == 3 and image.size):
        got = f"{getattr(image, 'dtype', type(image).__name__)} array"
        raise ValueError(
            "image must be a uint8 RGB array (height, width, 3). Received: "
            f"{got} of shape {np.shape(image)}. "
            "keras_arcface.data.read_image(path) gives one."
        )
    if not 0 <= min_score < 1:
        raise ValueError(
            f"min_score must be in [0, 1). Received: min_score={min_score!r}."
        )
    if not 0 <= pad <= 2:
        raise ValueError(
            "pad must be a share of the longer side, in [0, 2]. "
            f"Received: pad={pad!r}."
        )
    if not 40 <= longest_side <= 4096:
        raise ValueError(
            "longest_side must be 40 to 4096 pixels. "
            f"Received: longest_side={longest_side!r}."
        )


def _shrunk(image, margin, longest_side):
    """Returns the picture to detect in, and the way back.

    Shrinking comes before padding, so that a large photograph is not copied.
    """
    size = np.array(image.shape[1::-1])
    scale = min(1.0, longest_side / (size.max() + 2 * margin))
    small_size = np.maximum(1, np.round(size * scale)).astype(int)
    if scale < 1:
        picture = Image.fromarray(image)
        resized = picture.resize(tuple(small_size), Image.Resampling.BILINEAR)
        image = np.asarray(resized)
    around = round(margin * scale)
    padded = np.pad(image, [(around, around)] * 2 + [(0, 0)], mode="edge")
    return padded, _Back(size / small_size, around)


@dataclasses.dataclass(frozen=True)
class _Back:
    """The way from the shrunk and padded picture to the original."""

    factor: np.ndarray
    around: int

    def __call__(self, points):
        return (points - self.around + 0.5) * self.factor - 0.5


def _face(row, back):
    return Face(
        box=back(row[1:5].reshape(2, 2)).ravel(),
        landmarks=back(row[6:16].reshape(2, 5).T),
        score=float(row[5]),
    )


@functools.cache
def _detector() -> Any:
    check_detector()
    from mtcnn import MTCNN
    from mtcnn.stages import StageONet
    from mtcnn.stages import StagePNet
    from mtcnn.stages import StageRNet

    # By its own name alone, mtcnn would first look for the file in the current
    # folder, and unpickle whatever lies there among the photographs.
    weights = importlib.resources.files("mtcnn") / "assets" / "weights"
    stages = [(StagePNet, "pnet"), (StageRNet, "rnet"), (StageONet, "onet")]
    with _float32():
        return MTCNN(
            stages=[
                stage(weights=str(weights / f"{name}.lz4"))
                for stage, name in stages
            ]
        )


@contextlib.contextmanager
def _float32() -> Iterator[None]:
    """The detector's layers are made in float32 under every policy."""
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("float32")
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)
