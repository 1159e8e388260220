"""Augmentations by name: plain functions on a batch of float32 pictures.

Each takes `(images, seed)`: images float32 (batch, height, width, 3) in 0..255
and an int32 seed (2,); it draws with `tf.random.stateless_*`, so equal seeds
give equal pictures. Labels never pass through here.

- `flip`: half of the pictures mirrored; ArcFace's only one.
- `face`: `flip`, and AdaFace's three, each on a fifth of the pictures: crop,
  low resolution, colour. For photographs from the wild.
- `strong`: more of these, with blur, grey, a covered lower face and
  RandAugment. For few pictures, or masks.
- `shift`: small moves and changes of light, for glyphs.
"""

from typing import TYPE_CHECKING

from keras_arcface.data import augment_ops as ops
from keras_arcface.data.augment_parts import Augmentation
from keras_arcface.data.augment_parts import fold_in
from keras_arcface.data.augment_parts import in_turn
from keras_arcface.data.augment_parts import on_some
from keras_arcface.data.rand_augment import rand_augment

if TYPE_CHECKING:
    import tensorflow as tf


def flip(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Mirrors half of the pictures left to right, ArcFace's one augmentation.

    Not for letters or logos: a mirrored character is another character.
    """
    return on_some(ops.mirror, 0.5)(images, seed)


def face(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Mirrors half; crops, blurs by scaling and recolours a fifth each.

    The augmentations of AdaFace and their shares.

    Reference:
    - [Kim et al., 2022](https://arxiv.org/abs/2204.00964)
    """
    return in_turn(
        flip,
        ops.to_float,
        on_some(ops.crop, 0.2),
        on_some(ops.down_up, 0.2),
        on_some(ops.colour, 0.2),
        ops.clip,
    )(images, seed)


def strong(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Mirrors half, and changes most pictures in one way or several.

    Of the pictures, 20% are cropped, 30% scaled down and up, 20% blurred, 30%
    recoloured, 10% grey, 10% covered below; RandAugment on half of the batches.
    """
    import tensorflow as tf

    changed = in_turn(
        flip,
        ops.to_float,
        on_some(ops.crop, 0.2),
        on_some(ops.down_up, 0.3),
        on_some(ops.blur, 0.2),
        on_some(ops.colour, 0.3),
        on_some(ops.grey, 0.1),
        on_some(ops.lower_face, 0.1),
    )(images, seed)
    changed = tf.cond(
        tf.random.stateless_uniform((), fold_in(seed, 98)) < 0.5,
        lambda: rand_augment(changed, fold_in(seed, 99)),
        lambda: changed,
    )
    return ops.clip(changed, seed)


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


_PRESETS = {
    "none": None,
    "flip": flip,
    "face": face,
    "strong": strong,
    "shift": shift,
}

# They mirror while a pixel is one byte, which takes a fifth of the time.
_ON_BYTES = (flip, face, strong)

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
    import tensorflow as tf

    preset = _PRESETS[identifier]
    if preset is None:
        return None
    # Nothing in it is for AutoGraph to rewrite, which takes seconds.
    plain = tf.autograph.experimental.do_not_convert(preset)
    plain.takes_uint8 = preset in _ON_BYTES
    return plain


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
