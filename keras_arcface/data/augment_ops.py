"""What presets of `augment` are made of: each one change of a batch.

All take float32 images (batch, height, width, 3) in 0..255 and an int32 seed
(2,), change some of the pictures and return the shape they were given. They
draw with `tf.random.stateless_*`: equal seeds give equal pictures.
"""

from typing import TYPE_CHECKING

from keras_arcface.data.augment_parts import change_where
from keras_arcface.data.augment_parts import fold_in

if TYPE_CHECKING:
    import tensorflow as tf


def mirror(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Mirrors left to right."""
    import tensorflow as tf

    # Rows of pixels, a tensor of three axes, are what TensorFlow reverses fast.
    rows = tf.reshape(images, (-1, images.shape[2], images.shape[3]))
    return tf.reshape(tf.reverse(rows, axis=[1]), tf.shape(images))


def to_float(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Turns bytes into what the others take."""
    import tensorflow as tf

    return tf.cast(images, tf.float32)


def clip(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Clips to 0..255, which resizing leaves by a rounding error."""
    import tensorflow as tf

    return tf.clip_by_value(images, 0.0, 255.0)


def crop(
    images: "tf.Tensor", seed: "tf.Tensor", least: float = 0.2
) -> "tf.Tensor":
    """Blackens all but a random rectangle, as AdaFace does at 112x112.

    The rectangle has `least` to all of the picture's area and an aspect ratio
    of 3/4 to 4/3; what is in it stays where it is, and is not enlarged: an
    aligned face stays aligned.
    """
    import tensorflow as tf

    height, width = _sides(images)
    draws = _draws(seed, 4, images)
    area = least + (1.0 - least) * draws[0]
    ratio = tf.exp(tf.math.log(4.0 / 3.0) * (2.0 * draws[1] - 1.0))
    tall = tf.minimum(tf.sqrt(area / ratio), 1.0)
    wide = tf.minimum(tf.sqrt(area * ratio), 1.0)
    inside = _between(draws[2] * (1.0 - tall), tall, height)[:, :, None]
    inside &= _between(draws[3] * (1.0 - wide), wide, width)[:, None, :]
    return tf.where(inside[..., None], images, 0.0)


def down_up(
    images: "tf.Tensor",
    seed: "tf.Tensor",
    smallest: float = 0.2,
    levels: int = 5,
) -> "tf.Tensor":
    """Scales pictures down and up again: AdaFace's low resolution.

    Each batch draws one way down (area or bilinear), and each picture one of
    `levels` scales from `smallest` towards 1, all equally likely.
    """
    import tensorflow as tf

    height, width = images.shape[1:3]
    draws = _draws(seed, 1, images)[0]
    level = tf.cast(draws * levels, tf.int32)
    by_area = tf.random.stateless_uniform((), fold_in(seed, 1)) < 0.5

    def down(chosen, size):
        return tf.cond(
            by_area,
            lambda: tf.image.resize(chosen, size, "area"),
            lambda: tf.image.resize(chosen, size, "bilinear"),
        )

    for number in range(levels):
        scale = smallest + (1.0 - smallest) * number / levels
        small = (max(1, round(height * scale)), max(1, round(width * scale)))
        images = change_where(
            lambda chosen: tf.image.resize(
                down(chosen, small), (height, width), "bilinear"
            ),
            images,
            level == number,
        )
    return images


def blur(
    images: "tf.Tensor", seed: "tf.Tensor", largest: float = 2.0
) -> "tf.Tensor":
    """Blurs with a Gaussian of 0.3 to `largest` pixels, one for each picture.

    The border is repeated, so that edges do not darken.
    """
    import tensorflow as tf

    reach = int(3 * largest)
    sigma = 0.3 + (largest - 0.3) * _draws(seed, 1, images)[0]
    at = tf.range(-reach, reach + 1, dtype=tf.float32)
    weights = tf.exp(-(at**2) / (2.0 * sigma[:, None] ** 2))
    weights /= tf.reduce_sum(weights, axis=1, keepdims=True)
    height, width = _sides(images)
    for axis, size in ((1, height), (2, width)):
        total = tf.zeros_like(images)
        for number in range(2 * reach + 1):
            place = tf.range(size) + (number - reach)
            place = tf.clip_by_value(place, 0, size - 1)
            weight = _per_picture(weights[:, number])
            total += weight * tf.gather(images, place, axis=axis)
        images = total
    return images


def colour(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Changes brightness, contrast and saturation by a factor of 0.5 to 1.5.

    AdaFace's photometric ranges, in this order, clipped to 0..255 after each.
    """
    import tensorflow as tf

    factors = 0.5 + _draws(seed, 3, images)
    images = tf.clip_by_value(images * _per_picture(factors[0]), 0.0, 255.0)
    mean = tf.reduce_mean(_to_grey(images), axis=(1, 2, 3), keepdims=True)
    images = _blend(images, mean, factors[1])
    return _blend(images, _to_grey(images), factors[2])


def grey(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Takes the colour away."""
    import tensorflow as tf

    return tf.repeat(_to_grey(images), 3, axis=-1)


def lower_face(images: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Covers the lower 30 to 45% with one colour each, as a mask does."""
    import tensorflow as tf

    height, _ = _sides(images)
    draws = _draws(seed, 4, images)
    share = 0.30 + 0.15 * draws[0]
    covered = _between(1.0 - share, share, height)[:, :, None, None]
    paint = 255.0 * tf.transpose(draws[1:])[:, None, None, :]
    return tf.where(covered, paint, images)


def _draws(seed, kinds, images):
    """Returns uniform draws in [0, 1), (kinds, batch)."""
    import tensorflow as tf

    count = tf.shape(images)[0]
    return tf.random.stateless_uniform((kinds, count), seed)


def _sides(images):
    import tensorflow as tf

    return tf.unstack(tf.shape(images)[1:3])


def _between(start, length, size):
    """Which of `size` pixels lie in [start, start + length), (batch, size)."""
    import tensorflow as tf

    at = (tf.range(size, dtype=tf.float32) + 0.5) / tf.cast(size, tf.float32)
    at = at[None, :] - start[:, None]
    return (at >= 0.0) & (at < length[:, None])


def _per_picture(values):
    import tensorflow as tf

    return tf.reshape(values, (-1, 1, 1, 1))


def _to_grey(images):
    """Luminance as in ITU-R 601, (batch, height, width, 1)."""
    import tensorflow as tf

    weights = tf.constant([0.299, 0.587, 0.114])
    return tf.reduce_sum(images * weights, axis=-1, keepdims=True)


def _blend(images, other, factor):
    import tensorflow as tf

    mixed = other + (images - other) * _per_picture(factor)
    return tf.clip_by_value(mixed, 0.0, 255.0)
