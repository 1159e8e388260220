"""Hostile pictures: each is read right, or stopped at by name, everywhere."""

import io
import os
import struct
import zlib

import drawing
import numpy as np
import pytest
import records
from PIL import Image
from PIL import ImageFile

from keras_arcface.data import decoding
from keras_arcface.data import from_directory
from keras_arcface.data import from_recordio
from keras_arcface.data import plain_errors
from keras_arcface.data import read_image
from keras_arcface.data.decoding import decode_batch
from keras_arcface.data.decoding import is_plain_jpeg
from keras_arcface.data.images import read_size
from keras_arcface.data.inspection import inspect_folder

SIZE = (32, 32)
PIXELS = drawing.picture(1, 1)


def encoded(kind="JPEG", pixels=PIXELS, mode=None, **options):
    file = io.BytesIO()
    image = Image.fromarray(pixels)
    image = image if mode is None else image.convert(mode)
    image.save(file, kind, **options)
    return file.getvalue()


def turned(orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(exif=exif, quality=95)


def bomb():
    """A PNG of 100 bytes whose header says 60,000 x 60,000."""

    def chunk(name, content):
        crc = zlib.crc32(name + content)
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", crc)
        )

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    data = chunk(b"IDAT", zlib.compress(bytes(99)))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + data


def jpeg_bomb():
    content = bytearray(encoded())
    at = content.index(b"\xff\xc0")
    content[at + 5 : at + 9] = struct.pack(">HH", 60_000, 60_000)
    return bytes(content)


DEEP = np.linspace(0, 2**16 - 1, 32 * 32).reshape(SIZE).astype(np.uint16)
GOOD = {
    "jpeg": encoded(),
    "progressive": encoded(progressive=True),
    "4:4:4": encoded(subsampling=0),
    "4:2:0": encoded(subsampling=2),
    "grey": encoded(mode="L"),
    "cmyk": encoded(mode="CMYK"),
    "turned": turned(6),
    "upright": turned(1),
    "png": encoded("PNG"),
    "alpha": encoded("PNG", mode="RGBA"),
    "16 bit": encoded("PNG", DEEP),
    "webp": encoded("WEBP", lossless=True),
    "bmp": encoded("BMP"),
}
EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 32 32
%%EndComments
showpage
%%EOF
"""
BAD = {
    "eps": (EPS, "not a picture that Pillow can read.*expected one of JPEG"),
    "no bytes": (b"", r"not a picture.*\(0 bytes\)"),
    "text": (b"Not found\n", r"not a picture that Pillow can read \(10 by"),
    "half a header": (encoded()[:200], "Cannot decode|not a picture"),
    "half a jpeg": (encoded()[:-60], "Cannot decode.*truncated"),
    "half a png": (encoded("PNG")[:-600], "Cannot decode.*truncated"),
    "bomb": (bomb(), "60000x60000 pixels|decompression bomb"),
    "jpeg bomb": (jpeg_bomb(), "60000x60000 pixels|decompression bomb"),
    "other size": (encoded(pixels=PIXELS[:16]), "is 16x32.*expected 32x32"),
}


@pytest.mark.parametrize("name", GOOD)
def test_a_batch_decodes_as_pillow_does(tmp_path, name):
    path = tmp_path / f"{name.replace(':', '')}.jpg"
    path.write_bytes(GOOD[name])
    expected = read_image(path, SIZE)
    batch = [GOOD["jpeg"], GOOD[name], GOOD["png"]]
    found = decode_batch(batch, str, SIZE)
    np.testing.assert_array_equal(found[1], expected)
    alone = decode_batch([GOOD[name]] * 2, str, SIZE)
    np.testing.assert_array_equal(alone, [expected] * 2)


def test_pictures_are_what_they_should_be(tmp_path):
    def read(name):
        return decode_batch([GOOD[name]], str, SIZE)[0].astype(int)

    np.testing.assert_array_equal(read("png"), PIXELS)
    np.testing.assert_array_equal(read("alpha"), PIXELS)
    np.testing.assert_array_equal(read("webp"), PIXELS)
    np.testing.assert_array_equal(read("16 bit")[..., 1], DEEP >> 8)
    assert np.abs(read("turned") - np.rot90(PIXELS, 3)).mean() < 12
    assert np.abs(read("cmyk") - PIXELS).mean() < 12
    assert np.ptp(read("grey"), axis=-1).max() == 0


def test_only_plain_jpegs_go_the_fast_way():
    plain = {"jpeg", "progressive", "4:4:4", "4:2:0", "grey"}
    assert {n for n in GOOD if is_plain_jpeg(GOOD[n], SIZE)} == plain
    assert not is_plain_jpeg(GOOD["jpeg"], (32, 31))
    for size in range(0, len(GOOD["jpeg"]), 7):
        is_plain_jpeg(GOOD["jpeg"][:size], SIZE)  # Reads past no end.
    assert is_plain_jpeg(BAD["half a jpeg"][0], SIZE)


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_named(tmp_path, name):
    content, message = BAD[name]
    folder = tmp_path / "set"
    for identity in ("ada", "bob"):
        (folder / identity).mkdir(parents=True)
        (folder / identity / "1.jpg").write_bytes(GOOD["jpeg"])
    (folder / "bob" / "2.jpg").write_bytes(content)
    payloads = [
        records.payload(c, n) for n, c in enumerate([GOOD["jpeg"], content])
    ]
    rec = records.write(tmp_path / "rec", payloads)
    named = rf"(?=.*(2\.jpg|at byte \d+)).*({message})"
    with pytest.raises(ValueError, match=named):
        read_image(folder / "bob" / "2.jpg", SIZE)
    data = from_directory(folder, SIZE, check=False)
    with pytest.raises(ValueError, match=named):
        data.images()
    with pytest.raises(ValueError, match=named), plain_errors():
        list(data.batches(3))
    with pytest.raises(ValueError, match=named):
        from_recordio(rec, SIZE).images()


def test_a_picture_starts_no_program(tmp_path, monkeypatch):
    from PIL import EpsImagePlugin

    def start(*arguments):
        raise AssertionError("Ghostscript was to be started")

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", start)
    path = tmp_path / "ada" / "1.jpg"
    path.parent.mkdir()
    path.write_bytes(EPS)
    with Image.open(path) as picture:  # Pillow by itself would.
        with pytest.raises(AssertionError, match="Ghostscript"):
            picture.load()
    for read in (read_image, read_size):
        with pytest.raises(ValueError, match="1.jpg is not a picture"):
            read(path)
    (picture,) = inspect_folder(tmp_path).pictures
    assert "is not a picture that Pillow can read" in picture.error


@pytest.mark.parametrize("name", ["bomb", "jpeg bomb"])
def test_of_a_bomb_the_header_alone_is_read(tmp_path, monkeypatch, name):
    def decode(*arguments):
        raise AssertionError("pixels were to be decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    monkeypatch.setattr(decoding, "_decode_jpegs", decode)
    content, message = BAD[name]
    path = tmp_path / "1.jpg"
    path.write_bytes(content)
    for resize in (False, True):
        with pytest.raises(ValueError, match=f"1.jpg.*({message})"):
            read_image(path, SIZE, resize)
        with pytest.raises(ValueError, match=message):
            decode_batch([content] * 2, str, SIZE, resize)
    with pytest.raises(ValueError, match=message):
        read_size(path)


def test_a_bomb_is_refused_where_resizing_is_asked_for(tmp_path):
    (tmp_path / "bomb.png").write_bytes(bomb())
    with pytest.raises(ValueError, match="bomb.png.*60000|bomb.png.*bomb"):
        read_image(tmp_path / "bomb.png", SIZE, resize=True)


def test_names_in_any_script_and_in_none(tmp_path):
    names = ["李白", "Łukasz", "أحمد", "a b'c\"d", "nl\nname", "🙂"]
    names = [os.fsencode(name) for name in names] + [b"broken\xff\xfe"]
    for name in names:
        folder = os.path.join(os.fsencode(tmp_path), name)
        os.mkdir(folder)
        with open(os.path.join(folder, name + b".jpg"), "wb") as file:
            file.write(GOOD["jpeg"])
    data = from_directory(tmp_path, SIZE)
    found = [os.fsencode(name) for name in data.class_names]
    assert sorted(found) == sorted(names)
    assert data.images().shape == (7, *SIZE, 3)
    assert sum(len(labels) for _, labels in data.batches(2)) == 7
    data.save_classes(tmp_path / "classes.json")
    from keras_arcface.data import from_tfrecord
    from keras_arcface.data import pack

    pack(data, tmp_path / "pack")
    assert from_tfrecord(tmp_path / "pack").class_names == data.class_names


def test_links_that_lead_nowhere_are_said(tmp_path):
    folder = drawing.identities_folder(tmp_path / "set", 2, 2)
    (folder / "self").symlink_to("self")
    (folder / "up").symlink_to("..")
    with pytest.warns(UserWarning, match="1 links lead nowhere, such as self"):
        with pytest.raises(ValueError, match="up has no picture"):
            from_directory(folder, SIZE)
    (folder / "up").unlink()
    (folder / "self").unlink()
    (folder / "person_00" / "loop").symlink_to(folder)  # Not followed.
    (folder / "person_01" / "gone.jpg").symlink_to("nothing")
    with pytest.warns(UserWarning, match="person_01: 1 links .* gone.jpg"):
        assert len(from_directory(folder, SIZE)) == 4
