"""Augmentations by name: plain functions on a batch of float32 pictures.

Each takes `(images, seed)`: images float32 (batch, height, width, 3) in 0..255
and an int32 seed (2,); it draws with `tf.random.stateless_*`, so equal seeds
give equal pictures. Labels never pass through here.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import tensorflow as tf

Augmentation = Callable[["tf.Tensor", "tf.Tensor"], "tf.Tensor"]


def flip(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Mirrors half of the pictures left to right, ArcFace's one augmentation.

    Not for letters or logos: a mirrored character is another character.
    """
    import tensorflow as tf

    chance = tf.random.stateless_uniform((tf.shape(images)[0],), seed)
    chosen = tf.where(chance < 0.5)
    # Several times faster than tf.where over both versions of every picture.
    mirrored = tf.reverse(tf.gather_nd(images, chosen), axis=[2])
    return tf.tensor_scatter_nd_update(images, chosen, mirrored)


def shift(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Moves, scales and relights a little: safe for glyphs.

    Translation up to 1/16 of the side (2 pixels of 32) and scale 0.92 to 1.08,
    bilinear, the border repeated; contrast 0.85 to 1.15 about the picture's
    mean and brightness +-20 of 255; clipped to 0..255.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]
    draws = tf.random.stateless_uniform((5, count), seed, -1.0, 1.0)
    moved = _zoom_and_move(images, draws[0] * 0.08, draws[1:3] / 16)
    contrast = tf.reshape(1.0 + 0.15 * draws[3], (-1, 1, 1, 1))
    brightness = tf.reshape(20.0 * draws[4], (-1, 1, 1, 1))
    mean = tf.reduce_mean(moved, axis=(1, 2, 3), keepdims=True)
    relit = (moved - mean) * contrast + mean + brightness
    return tf.clip_by_value(relit, 0.0, 255.0)


_PRESETS = {"none": None, "flip": flip, "shift": shift}

AUGMENTATIONS = tuple(_PRESETS)
"""Names that `get_augmentation` knows."""


def get_augmentation(
    identifier: str | Augmentation | None,
) -> Augmentation | None:
    """Returns the augmentation of that name; functions and `None` pass.

    Raises:
        ValueError: for a name that is not in `AUGMENTATIONS`.
    """
    if identifier is None or callable(identifier):
        return identifier
    if identifier not in _PRESETS:
        raise ValueError(
            f"augment must be one of {', '.join(AUGMENTATIONS)}, None, or a "
            "function (images float32 (b, h, w, 3), seed int32 (2,)) -> "
            f"images. Received: augment={identifier!r}"
        )
    return _PRESETS[identifier]


def _zoom_and_move(
    images: "tf.Tensor", zoom: "tf.Tensor", move: "tf.Tensor"
) -> "tf.Tensor":
    """Zooms about the middle by 1 + `zoom` (b,), moves by `move` (2, b) sides.

    The op maps every pixel of the result to where it came from, by the rows
    (a0, a1, a2, b0, b1, b2, 0, 0) of a homography.
    """
    import tensorflow as tf

    height, width = tf.unstack(tf.cast(tf.shape(images)[1:3], tf.float32))
    inverse = 1.0 / (1.0 + zoom)
    zero = tf.zeros_like(inverse)
    from_x = (width - 1.0) / 2 * (1.0 - inverse) - move[0] * width
    from_y = (height - 1.0) / 2 * (1.0 - inverse) - move[1] * height
    rows = [inverse, zero, from_x, zero, inverse, from_y, zero, zero]
    moved = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.stack(rows, axis=1),
        output_shape=tf.shape(images)[1:3],
        fill_value=0.0,
        interpolation="BILINEAR",
        fill_mode="NEAREST",
    )
    return tf.ensure_shape(moved, images.shape)
