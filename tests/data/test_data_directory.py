"""Folders of pictures: what is read, what is refused, by which name."""

from pathlib import Path

import drawing
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from keras_arcface.data import from_directory
from keras_arcface.data import read_image

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "lfw112"


def picture(value=0, height=8, width=8, mode="RGB"):
    ramp = np.linspace(value, value + 100, height * width * 3)
    pixels = ramp.reshape(height, width, 3).astype(np.uint8)
    return Image.fromarray(pixels).convert(mode)


@pytest.fixture
def folder(tmp_path):
    """Identities `ada` (jpg, PNG), `bob` (bmp), `cyd` (webp, gray jpeg)."""
    files = ["ada/2.jpg", "ada/1.PNG", "bob/x.bmp", "cyd/x.webp", "cyd/y.jpeg"]
    for number, name in enumerate(files):
        path = tmp_path / "set" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = "L" if name.endswith("jpeg") else "RGB"
        picture(number * 20, mode=mode).save(path)
    return tmp_path / "set"


def test_layout(folder):
    (folder / ".hidden").mkdir()
    (folder / "ada" / ".3.jpg").write_bytes(b"")
    (folder / "ada" / "notes.txt").write_text("no picture")
    (folder / "README.md").write_text("no identity")
    data = from_directory(folder, (8, 8))
    assert data.class_names == ["ada", "bob", "cyd"]
    assert data.labels.tolist() == [0, 0, 1, 2, 2]
    names = [Path(path).name for path in data.samples]
    assert names == ["1.PNG", "2.jpg", "x.bmp", "x.webp", "y.jpeg"]
    assert data.root == str(folder)


def test_every_format_decodes_alike_everywhere(folder):
    data = from_directory(folder, (8, 8))
    images = data.images()
    assert images.shape == (5, 8, 8, 3) and images.dtype == np.uint8
    for path, image in zip(data.samples, images, strict=True):
        np.testing.assert_array_equal(image, read_image(path))
    (batch, _), *_ = data.batches(5, shuffle=False)
    np.testing.assert_array_equal(batch, images)
    np.testing.assert_array_equal(data.in_memory().samples, images)
    gray = images[4].astype(int)
    assert np.ptp(gray, axis=-1).max() == 0


def test_lossless_pixels(tmp_path):
    for suffix in (".png", ".bmp"):
        path = tmp_path / f"x{suffix}"
        picture(30).save(path)
        np.testing.assert_array_equal(read_image(path), picture(30))


def test_other_size_is_an_error_and_resizes_on_request(folder):
    picture(0, 12, 10).save(folder / "bob" / "y.png")
    with pytest.raises(ValueError, match=r"y\.png is 12x10.*--resize"):
        from_directory(folder, (8, 8))
    data = from_directory(folder, (8, 8), resize=True)
    assert data.images().shape == (6, 8, 8, 3)
    unchecked = from_directory(folder, (8, 8), check=False)
    with pytest.raises(ValueError, match=r"y\.png is 12x10"):
        unchecked.images()
    with pytest.raises(tf.errors.OpError, match=r"y\.png is 12x10"):
        list(unchecked.batches(2))


def test_resize_is_antialiased(tmp_path):
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    Image.fromarray(stripes).save(tmp_path / "x.png")
    small = read_image(tmp_path / "x.png", (8, 8), resize=True)
    assert 100 < small.min() and small.max() < 155


def test_exif_orientation(tmp_path):
    path = tmp_path / "ada" / "turned.jpg"
    path.parent.mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6  # Stored lying on its side.
    picture(0, 8, 16).save(path, exif=exif, quality=95)
    assert read_image(path).shape == (16, 8, 3)
    assert len(from_directory(tmp_path, (16, 8))) == 1


def test_sixteen_bit_png_is_not_clipped(tmp_path):
    pixels = np.full((4, 4), 0x8000, np.uint16)
    Image.fromarray(pixels).save(tmp_path / "deep.png")
    assert (read_image(tmp_path / "deep.png") == 0x80).all()


def test_palette_with_transparency(tmp_path):
    image = picture().convert("P")
    image.save(tmp_path / "x.png", transparency=b"\x00\x10")
    assert read_image(tmp_path / "x.png").shape == (8, 8, 3)


def test_no_sub_folders(tmp_path):
    picture().save(tmp_path / "1.jpg")
    with pytest.raises(ValueError, match="no sub-folders.*(?s:.*)Ada_Lovelace"):
        from_directory(tmp_path)
    with pytest.raises(FileNotFoundError, match="No such folder.*missing"):
        from_directory(tmp_path / "missing")


def test_identity_without_pictures(folder):
    (folder / "eve").mkdir()
    with pytest.raises(
        ValueError, match="identity folder .*eve has no picture"
    ):
        from_directory(folder, (8, 8))


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>"])
def test_no_picture_under_a_pictures_name(folder, content):
    (folder / "bob" / "fake.jpg").write_bytes(content)
    with pytest.raises(ValueError, match=r"fake\.jpg is not a picture"):
        from_directory(folder, (8, 8))


def test_damage_behind_the_header_names_the_file(folder):
    path = folder / "bob" / "cut.jpg"
    picture(0, 64, 64).save(path, quality=95)
    path.write_bytes(path.read_bytes()[:1000])
    data = from_directory(folder, (8, 8), resize=True)
    with pytest.raises(ValueError, match=r"Cannot decode.*cut\.jpg.*truncated"):
        data.images()
    with pytest.raises(tf.errors.OpError, match=r"Cannot decode.*cut\.jpg"):
        list(data.batches(3, shuffle=False))


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_decompression_bomb(tmp_path, monkeypatch):
    picture(0, 10, 10).save(tmp_path / "bomb.png")
    for limit in (80, 20):  # Pillow itself warns at the one, raises at both.
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
        with pytest.raises(ValueError, match=r"bomb\.png.*(?i:bomb)"):
            read_image(tmp_path / "bomb.png")


def test_missing_picture(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"No such picture.*x\.png"):
        read_image(tmp_path / "x.png")
    with pytest.raises(ValueError, match="needs an image_size"):
        read_image(tmp_path / "x.png", resize=True)


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs {SHARED.name} faces")
def test_real_faces():
    data = from_directory(SHARED / "train")
    assert (len(data), data.num_classes) == (6383, 2571)
    train, held_out = data.split_identities(0.1)
    assert set(train.class_names).isdisjoint(held_out.class_names)
    images, labels = next(iter(train.batches(32, augment="flip")))
    assert images.shape == (32, 112, 112, 3) and labels.shape == (32,)
    assert 40 < float(tf.reduce_mean(images)) < 210


def test_pictures_of_other_kinds_are_not_dropped_in_silence(tmp_path):
    folder = drawing.identities_folder(tmp_path / "set", 2, 2)
    (folder / "person_00" / "scan.TIFF").write_bytes(b"")
    with pytest.warns(UserWarning, match="1 pictures are left out.*scan.TIFF"):
        assert len(from_directory(folder, (32, 32))) == 4
