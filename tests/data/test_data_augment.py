"""Augmentations: what they change, and that equal seeds repeat them."""

import numpy as np
import pytest
import tensorflow as tf

from keras_arcface.data import AUGMENTATIONS
from keras_arcface.data import get_augmentation
from keras_arcface.data.augment import flip
from keras_arcface.data.augment import shift


@pytest.fixture
def images():
    rng = np.random.default_rng(0)
    coarse = rng.uniform(60, 200, (64, 8, 8, 3)).astype(np.float32)
    return tf.image.resize(coarse, (32, 32))


def test_flip_mirrors_about_half_and_touches_nothing_else(images):
    flipped = flip(images, (1, 2)).numpy()
    mirrored = images.numpy()[:, :, ::-1]
    is_mirrored = (flipped == mirrored).all(axis=(1, 2, 3))
    is_kept = (flipped == images.numpy()).all(axis=(1, 2, 3))
    assert (is_mirrored ^ is_kept).all()
    assert 16 < is_mirrored.sum() < 48


def test_shift_changes_little_and_each_picture_otherwise(images):
    moved = shift(images, (1, 2)).numpy()
    assert moved.shape == images.shape and moved.dtype == np.float32
    assert moved.min() >= 0 and moved.max() <= 255
    same = shift(tf.repeat(images[:1], 64, axis=0), (1, 2)).numpy()
    assert len(np.unique(same[:, 16, 16, 0])) == 64


def test_shift_moves_and_zooms_within_its_bounds():
    x, y = np.meshgrid(np.arange(32.0), np.arange(32.0))
    ramp = np.stack([x, y, x], axis=-1)[None].astype(np.float32) * 2 + 90
    moved = shift(tf.repeat(ramp, 256, axis=0), (0, 1)).numpy()
    middle = moved[:, 12:20, 12:20]
    slope = np.diff(middle[..., 0], axis=2).mean(axis=(1, 2)) / 2
    # Slope = contrast / zoom: 0.85 / 1.08 to 1.15 / 0.92.
    assert 0.78 < slope.min() < 0.9 and 1.1 < slope.max() < 1.26
    # The middle moves by up to 2 pixels along x against y.
    drift = (middle[..., 0] - middle[..., 1]).mean(axis=(1, 2)) / 2
    assert 1.5 < np.abs(drift).max() < 2 * 2 * 1.26


@pytest.mark.parametrize("name", ["flip", "shift"])
def test_equal_seeds_give_equal_pictures(images, name):
    augment = get_augmentation(name)
    first, again, other = (augment(images, (3, s)) for s in (4, 4, 5))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_names():
    assert AUGMENTATIONS == ("none", "flip", "shift")
    assert get_augmentation("none") is None
    assert get_augmentation(None) is None
    assert get_augmentation(flip) is flip
