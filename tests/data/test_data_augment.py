"""Augmentations: what they change, and that equal seeds repeat them."""

import numpy as np
import pytest
import tensorflow as tf

from keras_arcface.data import AUGMENTATIONS
from keras_arcface.data import augment_ops as ops
from keras_arcface.data import get_augmentation
from keras_arcface.data.augment import flip
from keras_arcface.data.augment import shift
from keras_arcface.data.augment_parts import on_some
from keras_arcface.data.rand_augment import rand_augment


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


@pytest.mark.parametrize("name", ["flip", "face", "strong", "shift"])
@pytest.mark.parametrize("value", [0, 255])
def test_black_and_white_stay_in_range(name, value):
    augment = tf.function(get_augmentation(name))
    images = tf.fill((64, 112, 112, 3), np.uint8(value))
    if not getattr(get_augmentation(name), "takes_uint8", False):
        images = tf.cast(images, tf.float32)
    for seed in range(3):
        changed = tf.cast(augment(images, tf.constant([seed, 3])), tf.float32)
        assert 0 <= tf.reduce_min(changed) <= tf.reduce_max(changed) <= 255


def changed_by(before, after):
    """Which pictures an augmentation changed."""
    return (np.asarray(before) != np.asarray(after)).any(axis=(1, 2, 3))


@pytest.mark.parametrize("name", ["flip", "face", "strong", "shift"])
def test_equal_seeds_give_equal_pictures(images, name):
    augment = tf.function(get_augmentation(name))
    seeds = [tf.constant([3, s]) for s in (4, 4, 5)]
    first, again, other = (augment(images, seed) for seed in seeds)
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)
    assert first.shape == images.shape and first.dtype == tf.float32
    assert tf.reduce_min(first) >= 0 and tf.reduce_max(first) <= 255


@pytest.mark.parametrize(
    "change", [ops.crop, ops.down_up, ops.blur, ops.colour, ops.lower_face]
)
def test_every_picture_is_changed_otherwise(images, change):
    same = tf.repeat(images[:1], 64, axis=0)
    changed = change(same, (1, 2)).numpy()
    assert changed.shape == same.shape
    assert len(np.unique(changed.reshape(64, -1), axis=0)) > 4
    np.testing.assert_array_equal(changed, change(same, (1, 2)))
    nothing = change(images[:0], (1, 2))  # A share of none of the pictures.
    assert nothing.shape == (0, 32, 32, 3)


def test_crop_keeps_pictures_in_place(images):
    cropped = ops.crop(images, (1, 2)).numpy()
    inside = (cropped == images.numpy()).all(axis=-1)
    assert (cropped[~inside] == 0).all()
    share = inside.mean(axis=(1, 2))
    assert 0.15 < share.min() < 0.4 < 0.8 < share.max() <= 1
    for mask in inside:  # A rectangle: its rows and columns say all.
        rows, columns = mask.any(axis=1), mask.any(axis=0)
        assert mask.sum() == rows.sum() * columns.sum()


def test_down_up_takes_detail_away_and_leaves_the_mean(images):
    low = ops.down_up(images, (1, 2)).numpy()
    detail = np.abs(np.diff(low, axis=2)).mean(axis=(1, 2, 3))
    before = np.abs(np.diff(images.numpy(), axis=2)).mean(axis=(1, 2, 3))
    assert (detail < before).all() and (detail / before).min() < 0.7
    means = low.mean(axis=(1, 2)) - images.numpy().mean(axis=(1, 2))
    assert np.abs(means).max() < 12


def test_blur_is_gaussian():
    dot = np.zeros((64, 21, 21, 3), np.float32)
    dot[:, 10, 10] = 255.0
    spread = ops.blur(dot, (1, 2)).numpy()[..., 0] / 255
    np.testing.assert_allclose(spread.sum(axis=(1, 2)), 1, rtol=1e-4)
    at = np.arange(21.0) - 10
    sigma = np.sqrt((spread.sum(axis=1) * at**2).sum(axis=1))
    assert sigma.min() < 0.6 and 1.7 < sigma.max() <= 2.0
    expected = np.exp(-(at**2) / (2 * sigma.max() ** 2))
    found = spread[sigma.argmax()][10]
    np.testing.assert_allclose(found / found.max(), expected, atol=0.02)
    flat = np.full((2, 9, 9, 3), 77, np.float32)  # Edges do not darken.
    np.testing.assert_allclose(ops.blur(flat, (0, 0)), flat, rtol=1e-5)


def test_grey_is_the_luminance(images):
    grey = ops.grey(images, (1, 2)).numpy()
    expected = images.numpy() @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey, expected[..., None] + [0, 0, 0], rtol=1e-5)


def test_a_mask_covers_the_lower_face(images):
    masked = ops.lower_face(images, (1, 2)).numpy()
    np.testing.assert_array_equal(masked[:, :17], images.numpy()[:, :17])
    assert (np.ptp(masked[:, 23:], axis=(1, 2)) == 0).all()
    rows = (masked != images.numpy()).any(axis=(2, 3)).sum(axis=1)
    assert rows.min() < 11 and rows.max() > 13


def test_shares_of_the_pictures_are_changed(images):
    for share in (0.0, 0.2, 1.0):
        changed = on_some(ops.lower_face, share)(images, (1, 2))
        found = changed_by(images, changed).mean()
        assert abs(found - share) < (0.15 if share == 0.2 else 1e-9)


def test_rand_augment_is_a_function_of_its_seed(images):
    few = images[:4]
    augment = tf.function(rand_augment, autograph=False)
    seen = [augment(few, tf.constant([0, n])).numpy() for n in range(6)]
    again = tf.function(rand_augment, autograph=False)(few, tf.constant([0, 5]))
    np.testing.assert_array_equal(seen[5], again)
    assert len({picture.tobytes() for picture in seen}) == 6
    assert all((p >= 0).all() and (p <= 255).all() for p in seen)


def test_names():
    assert AUGMENTATIONS == ("none", "flip", "face", "strong", "shift")
    assert get_augmentation("none") is None
    assert get_augmentation(None) is None
    assert get_augmentation(flip) is flip
