"""The embedded data set: true labels, fixed splits, equal seeds."""

import numpy as np
import pytest
from PIL import Image

from keras_arcface.data import glyphs
from keras_arcface.data import pairs_from_labels
from keras_arcface.data.glyph_characters import EM
from keras_arcface.data.glyph_characters import MAX_CORRELATION
from keras_arcface.data.glyph_characters import correlations
from keras_arcface.data.glyph_characters import distinct_characters
from keras_arcface.data.glyph_characters import fonts
from keras_arcface.data.glyph_characters import ink


def test_enough_characters_and_disjoint_splits():
    train = glyphs.split_characters("train")
    test = glyphs.split_characters("test")
    assert len(train) >= 600 and len(test) == 300
    assert set(train).isdisjoint(test)
    assert set(train) | set(test) == set(distinct_characters())


def test_no_two_characters_look_alike():
    characters = distinct_characters()
    faces = fonts()
    assert len(faces) == 12
    # The upright faces here; the function itself has compared all twelve.
    alike = correlations(characters, [faces[0], faces[4], faces[8]])
    np.testing.assert_allclose(alike.diagonal(), 1, atol=1e-5)
    np.fill_diagonal(alike, -1)
    assert alike.max() <= MAX_CORRELATION + 1e-5


@pytest.mark.parametrize("group", ["AΑА", "cCсС", "oOοо0", "-–—−", "Xx"])
def test_one_shape_is_one_identity(group):
    assert len(set(group) & set(distinct_characters())) <= 1


def test_every_character_has_ink_in_every_face():
    for font in fonts():
        for character in distinct_characters():
            assert max(ink(character, font).size) >= EM // 6


@pytest.mark.parametrize("nothing", [" ", "\u00a0", "."])
def test_what_cannot_be_seen(nothing):
    assert ink(nothing, fonts()[0]) is None


def test_load():
    data = glyphs.load("test", identities=5, pictures_per_identity=3)
    assert data.samples.shape == (15, 32, 32, 3)
    assert data.samples.dtype == np.uint8
    assert data.counts.tolist() == [3] * 5
    expected = [f"U+{ord(c):04X} {c}" for c in glyphs.split_characters("test")]
    assert data.class_names == expected[:5]


def test_equal_seeds_draw_equal_pixels():
    def pixels(**arguments):
        return glyphs.load("train", identities=4, **arguments).samples

    first = pixels(seed=3)
    np.testing.assert_array_equal(first, pixels(seed=3))
    assert not np.array_equal(first, pixels(seed=4))
    more = glyphs.load("train", seed=3, identities=6).samples
    np.testing.assert_array_equal(first, more[: len(first)])


def test_pictures_show_their_character():
    """The label's own drawing is the nearest to most of its pictures."""
    data = glyphs.load("test", identities=40, image_size=48)
    shown = np.stack([_silhouette(image) for image in data.samples])
    drawn = np.stack(
        [_fitted(ink(name[-1], fonts()[4])) for name in data.class_names]
    )
    best = (_unit(shown) @ _unit(drawn).T).argmax(axis=1)
    assert (best == data.labels).mean() > 0.7  # Chance: 0.025.


def _silhouette(image):
    """The ink of a picture, cropped: how far pixels are from the border's."""
    border = np.concatenate([image[0], image[-1]]).mean(axis=0)
    distance = np.abs(image - border).mean(axis=-1)
    distance = np.clip(distance * 255 / distance.max(), 0, 255)
    picture = Image.fromarray(distance.astype(np.uint8))
    return _fitted(picture.crop(picture.point(lambda x: x // 128).getbbox()))


def _fitted(mask, side=24):
    canvas = Image.new("L", (side, side))
    size = [max(1, round(x * side / max(mask.size))) for x in mask.size]
    canvas.paste(mask.resize(size), [(side - x) // 2 for x in size])
    return np.asarray(canvas, float)


def _unit(images):
    flat = images.reshape(len(images), -1)
    flat = flat - flat.mean(axis=1, keepdims=True)
    return flat / np.linalg.norm(flat, axis=1, keepdims=True)


def test_pairs_of_the_test_split():
    labels = np.repeat(np.arange(glyphs.TEST_IDENTITIES), 12)
    pairs = pairs_from_labels(labels)
    assert len(pairs) == 6000 and pairs.folds == 10


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"split": "val"}, "split must be 'train' or 'test'"),
        ({"split": "test", "identities": 301}, r"must be in 1\.\.300"),
        ({"split": "test", "pictures_per_identity": 0}, "at least 1"),
        ({"split": "test", "image_size": 8}, "at least 16 pixels"),
    ],
)
def test_wrong_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        glyphs.load(**arguments)
