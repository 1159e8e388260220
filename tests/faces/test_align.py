import csv

import numpy as np
import pytest
from PIL import Image

from keras_arcface.faces import TEMPLATE
from keras_arcface.faces import LandmarkError
from keras_arcface.faces import align


def ramp(height, width):
    """A picture whose red and green say where a pixel is."""
    rows, columns = np.mgrid[:height, :width]
    return np.dstack([columns, rows, 0 * rows]).astype(np.uint8)


def placed(image, landmarks, points, **options):
    """Returns what `align` shows at points of the template."""
    crop = align(image, landmarks, **options).astype(float)
    return np.array([crop[round(y), round(x), :2] for x, y in points])


def test_landmarks_on_the_template_change_nothing():
    image = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    for interpolation in ("nearest", "bilinear", "bicubic"):
        crop = align(image, TEMPLATE, interpolation=interpolation)
        np.testing.assert_array_equal(crop, image)
    np.testing.assert_array_equal(align(image[..., 0], TEMPLATE), image[..., 0])


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("scale", [0.5, 1.0, 1.7, 2.0])
def test_pixels_come_from_where_the_transform_says(scale, antialias):
    shift = np.array([10.0, 6.0])
    crop = align(ramp(240, 240), TEMPLATE * scale + shift, antialias=antialias)
    where = np.arange(112) * scale
    inner = slice(2, 110)
    np.testing.assert_allclose(
        crop[50, inner, 0], where[inner] + shift[0], atol=0.5
    )
    np.testing.assert_allclose(
        crop[inner, 50, 1], where[inner] + shift[1], atol=0.5
    )
    # Without a bias: on average far closer than a pixel.
    assert abs((crop[50, inner, 0] - where[inner] - shift[0]).mean()) < 0.3


def test_a_turned_face_is_upright_in_the_crop():
    image = ramp(200, 200)
    turned = np.column_stack([180 - TEMPLATE[:, 1], TEMPLATE[:, 0] + 20])
    crop = align(image, turned).astype(int)
    rows, columns = np.mgrid[:112, :112]
    assert np.abs(crop[..., 0] - (180 - rows)).max() <= 1
    assert np.abs(crop[..., 1] - (columns + 20)).max() <= 1


def test_224_is_the_template_twice_as_large():
    image = ramp(250, 250)
    crop = align(image, TEMPLATE * 2, size=224)
    np.testing.assert_array_equal(crop, image[:224, :224])


def test_a_shrinking_face_is_averaged_not_sampled():
    """A fine checkerboard turns grey; samples of it would be black or white."""
    rows, columns = np.mgrid[:900, :900]
    board = (255 * ((rows + columns) % 2)).astype(np.uint8)
    smooth = align(board, TEMPLATE * 7.5 + 20)
    assert np.abs(smooth.astype(int) - 127).max() < 3
    turned = TEMPLATE @ [[7.4, 0.9], [-0.9, 7.4]] + [120, 20]
    assert np.ptp(align(board, turned, antialias=False)) > 200
    assert set(np.unique(align(board, turned, 112, "nearest"))) == {0, 255}


def test_borders():
    image = np.full((60, 60, 3), 200, np.uint8)
    assert (align(image, TEMPLATE) == 200).all()
    black = align(image, TEMPLATE, border="black")
    assert (black[:59, :59] == 200).all() and (black[62:] == 0).all()


def test_many_faces_of_one_picture():
    image = ramp(250, 250)
    both = np.stack([TEMPLATE, TEMPLATE * 1.5 + 20])
    crops = align(image, both)
    assert crops.shape == (2, 112, 112, 3)
    np.testing.assert_array_equal(crops[1], align(image, both[1]))
    assert align(image, both[:0]).shape == (0, 112, 112, 3)


def test_a_small_face_in_a_large_picture_needs_little_memory():
    large = np.broadcast_to(np.uint8(7), (200_000, 200_000))
    assert (align(large, TEMPLATE + 150_000) == 7).all()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"size": 0}, "size"),
        ({"size": 112.0}, "size"),
        ({"interpolation": "cubic"}, "nearest, bilinear, bicubic"),
        ({"border": "wrap"}, "replicate, black"),
        ({"image": np.zeros((9, 9, 3))}, "uint8"),
        ({"image": np.zeros((9, 9, 4), "uint8")}, "RGB"),
        ({"landmarks": np.ones((1, 1, 5, 2)) * TEMPLATE}, r"\(n, 5, 2\)"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    arguments = {"image": ramp(112, 112), "landmarks": TEMPLATE, **options}
    with pytest.raises(ValueError, match=message):
        align(**arguments)


@pytest.mark.parametrize("landmarks", [TEMPLATE + 5000, TEMPLATE * 1000])
def test_landmarks_of_another_picture_are_refused(landmarks):
    with pytest.raises(LandmarkError, match="do not belong to this image"):
        align(ramp(112, 112), landmarks)


@pytest.fixture
def lfw(shared):
    """Yields pictures, landmarks and the crops that were made of them."""
    folder = shared / "data" / "lfw_raw"
    with open(folder / "landmarks.csv", newline="") as file:
        rows = list(csv.reader(file))[1:]
    triples = []
    for name, *numbers in rows:
        identity = name.rsplit("_", 1)[0]
        crop = shared / "data" / "lfw112" / "val" / identity / name
        landmarks = np.array(numbers, float).reshape(5, 2)
        triples.append(
            (
                Image.open(folder / name).convert("L"),
                landmarks,
                np.asarray(Image.open(crop).convert("L"), float),
            )
        )
    assert len(triples) == 240
    return triples


def test_lfw_aligns_to_the_given_crops(lfw):
    differences = np.array(
        [
            np.abs(align(np.asarray(raw), landmarks) - crop).mean()
            for raw, landmarks, crop in lfw
        ]
    )
    assert differences.mean() < 2
    assert (differences < 4).mean() > 0.95


def test_lfw_aligns_closely_when_done_as_the_crops_were(lfw):
    """From a half-size copy with 40 replicated pixels around it."""
    differences = []
    for raw, landmarks, crop in lfw:
        half = np.pad(np.asarray(raw.reduce(2)), 40, mode="edge")
        ours = align(half, landmarks / 2 + 40, border="black", antialias=False)
        differences.append(np.abs(ours - crop).mean())
    assert np.mean(differences) < 1.2 and max(differences) < 2
