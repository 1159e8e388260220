"""Pictures on their way into an exported graph."""

import numpy as np


def as_images(images: np.ndarray) -> np.ndarray:
    """Returns `images` as an array; refuses what is not RGB pixels 0..255."""
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] != 3 or not len(images):
        raise ValueError(
            "images must have shape (batch, height, width, 3) and hold at "
            f"least one picture. Received shape: {images.shape}."
        )
    if images.dtype.kind not in "uif":
        raise ValueError(
            "images must be numbers, RGB pixels in [0, 255]. Received dtype: "
            f"{images.dtype}."
        )
    low, high = images.min(), images.max()
    if not (low >= 0 and high <= 255):
        raise ValueError(
            "images must be RGB pixels in [0, 255]; scaling is a layer inside "
            f"the model. Received values from {low} to {high}."
        )
    return images


def is_whole(images: np.ndarray) -> bool:
    """Whether every pixel is a whole number, so that uint8 holds it."""
    return images.dtype == np.uint8 or bool(np.all(images == np.rint(images)))


def cast(images: np.ndarray, dtype: str | np.dtype) -> np.ndarray:
    """Casts pixels to what a graph takes; never rounds behind one's back."""
    if np.dtype(dtype) == np.uint8 and not is_whole(images):
        raise ValueError(
            "This export takes uint8 pixels. Received pixels that are not "
            "whole numbers; round them first: np.rint(images).astype('uint8')."
        )
    return images.astype(dtype, copy=False)
