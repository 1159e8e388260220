"""A small open-set data set that is drawn on the spot: characters in fonts.

An identity is a character, its pictures differ in font face, slant, size,
place, blur, colours and noise. Nothing is downloaded: the twelve DejaVu faces
ship inside matplotlib. Seconds to make, and hard enough to tell losses apart.
"""

import hashlib

import numpy as np
from PIL import Image
from PIL import ImageFilter

from keras_arcface.data import glyph_characters
from keras_arcface.data.description import ImageData

TEST_IDENTITIES = 300
"""Characters set apart for testing, whatever the seed."""

_PICTURES = {"train": 24, "test": 12}
_IDENTITIES = {"train": 600, "test": TEST_IDENTITIES}


def load(
    split: str,
    *,
    seed: int = 0,
    image_size: int = 32,
    pictures_per_identity: int | None = None,
    identities: int | None = None,
) -> ImageData:
    """Draws the glyph data set, in memory.

    The characters of `"train"` and `"test"` are disjoint and no two of all of
    them look alike (see `distinct_characters`). Which characters belong to
    which split never changes; the seed decides only how they are drawn, so a
    model trained with one seed may be tested with another.

    Mirroring is no augmentation here (a mirrored character is another one):
    train with `augment="shift"`.

    Args:
        split: `"train"` or `"test"`.
        seed: Of the pictures. Equal arguments give equal pixels, given the
            same versions of Pillow and matplotlib.
        image_size: Side of the square pictures in pixels, from 16.
        pictures_per_identity: Defaults to 24 (train), 12 (test).
        identities: How many characters, the first of the split. Defaults to
            600 (train), 300 (test).

    Returns:
        `ImageData` with uint8 RGB pictures (n, image_size, image_size, 3),
        sorted by class; class names such as `"U+0041 A"`.

    Raises:
        ValueError: for another split, or more identities than there are.
    """
    if split not in _IDENTITIES:
        raise ValueError(
            f"split must be 'train' or 'test'. Received: split={split!r}"
        )
    characters = split_characters(split)
    count = _IDENTITIES[split] if identities is None else identities
    pictures = (
        _PICTURES[split]
        if pictures_per_identity is None
        else pictures_per_identity
    )
    _check(split, image_size, pictures, count, len(characters))
    characters = characters[:count]
    images = _draw_all(characters, split, seed, image_size, pictures)
    return ImageData(
        samples=images,
        labels=np.repeat(np.arange(count), pictures),
        class_names=[f"U+{ord(c):04X} {c}" for c in characters],
        root=f"glyphs {split}",
    )


def split_characters(split: str) -> tuple[str, ...]:
    """Returns the characters of a split, in their fixed order."""
    # Mixed by hash and not by a seed: a character more or less (another version
    # of a font library) then moves no other one from test to train.
    mixed = sorted(
        glyph_characters.distinct_characters(),
        key=lambda character: hashlib.sha256(character.encode()).digest(),
    )
    first, last = 0, TEST_IDENTITIES
    if split == "train":
        first, last = TEST_IDENTITIES, len(mixed)
    return tuple(mixed[first:last])


def _check(
    split: str, image_size: int, pictures: int, count: int, available: int
) -> None:
    if not 1 <= count <= available:
        raise ValueError(
            f"identities must be in 1..{available} for split={split!r}. "
            f"Received: identities={count}"
        )
    if pictures < 1:
        raise ValueError(
            "pictures_per_identity must be at least 1. "
            f"Received: pictures_per_identity={pictures}"
        )
    if image_size < 16:
        raise ValueError(
            "image_size must be at least 16 pixels, else characters cannot be "
            f"told apart. Received: image_size={image_size}"
        )


def _draw_all(
    characters: tuple[str, ...],
    split: str,
    seed: int,
    side: int,
    pictures: int,
) -> np.ndarray:
    fonts = glyph_characters.fonts()
    images = np.empty((len(characters), pictures, side, side, 3), np.uint8)
    for index, character in enumerate(characters):
        # A character's pictures do not depend on which others are drawn.
        key = [seed, split == "test", ord(character)]
        rng = np.random.default_rng(key)
        masks = [glyph_characters.ink(character, font) for font in fonts]
        faces = rng.integers(len(fonts), size=pictures)
        coverage = np.stack([_place(masks[f], side, rng) for f in faces])
        images[index] = _colour(coverage, rng)
    return images.reshape(-1, side, side, 3)


def _place(
    mask: Image.Image, side: int, rng: np.random.Generator
) -> np.ndarray:
    """Sets one glyph into a picture: coverage by ink, uint8 (side, side).

    Longer side 0.5 to 0.72 of the picture; stretched by up to 8%, sheared by
    up to 0.1, turned by up to 8 degrees, moved by up to 6% of the side;
    Gaussian blur up to 0.025 of the side.
    """
    big = 2 * side  # Drawn at twice the size, then averaged: no jagged edges.
    size = big * rng.uniform(0.5, 0.72) / max(mask.size)
    angle = np.deg2rad(rng.uniform(-8, 8))
    stretch = np.diag(size * rng.uniform(0.92, 1.08, 2))
    shear = np.array([[1, rng.uniform(-0.1, 0.1)], [0, 1]])
    turn = np.array(
        [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    )
    back = np.linalg.inv(turn @ shear @ stretch)  # Picture -> mask.
    middle = big / 2 + big * rng.uniform(-0.06, 0.06, 2)
    offset = np.array(mask.size) / 2 - back @ middle
    rows = np.column_stack([back, offset]).ravel()
    placed = mask.transform(
        (big, big),
        Image.Transform.AFFINE,
        tuple(rows),
        Image.Resampling.BILINEAR,
    ).reduce(2)
    blur = ImageFilter.GaussianBlur(side * rng.uniform(0, 0.025))
    return np.asarray(placed.filter(blur))


def _colour(coverage: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Gives pictures (n, side, side) paper, ink and noise: uint8 RGB.

    Dark on light as often as light on dark; the two differ by 90 to 230 of
    255. Each has a tint of up to 20; noise has a deviation of up to 12.
    """
    count = len(coverage)
    difference = rng.uniform(90, 230, (count, 1))
    dark = rng.uniform(0, 255 - difference)
    tones = np.stack([dark, dark + difference])  # (2, n, 1)
    tones = np.where(rng.random((count, 1)) < 0.5, tones, tones[::-1])
    tones = tones + rng.uniform(-20, 20, (2, count, 3))
    ink, paper = tones[:, :, None, None, :].astype(np.float32)
    pixels = paper + (ink - paper) * (coverage[..., None] / np.float32(255))
    deviation = rng.uniform(0, 12, (count, 1, 1, 1)).astype(np.float32)
    pixels += deviation * rng.standard_normal(pixels.shape, np.float32)
    return np.clip(pixels, 0, 255).round().astype(np.uint8)
