"""Files that a folder of pictures should not hold, but does."""

import os
import struct
import zlib

import numpy as np
from PIL import Image


def bomb(path, side=60_000):
    """Writes a small PNG that declares side x side pixels."""

    def chunk(kind, body):
        crc = zlib.crc32(kind + body)
        return (
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", crc)
        )

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def broken_files(folder, rgb):
    """Writes files that are no pictures or broken ones; returns the names."""
    bomb(folder / "bomb.png")
    (folder / "empty.jpg").touch()
    (folder / "text.jpg").write_text("no picture")
    Image.fromarray(rgb).save(folder / "cut.jpg")
    whole = (folder / "cut.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    return {"bomb.png", "empty.jpg", "text.jpg", "cut.jpg"}


def odd_pictures(folder, rgb):
    """Writes `rgb` in unusual but readable ways; returns the names."""
    picture = Image.fromarray(rgb)
    picture.convert("CMYK").save(folder / "cmyk.jpg", quality=95)
    alpha = np.dstack([rgb, np.full(rgb.shape[:2], 9, np.uint8)])
    Image.fromarray(alpha).save(folder / "alpha.png")
    grey = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    Image.fromarray(grey).save(folder / "deep.png")
    turned = picture.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6  # To be shown turned by 90 degrees clockwise.
    turned.save(folder / "turned.jpg", exif=exif, quality=95)
    return {"cmyk.jpg", "alpha.png", "deep.png", "turned.jpg"}


def odd_names(folder, rgb):
    """Writes `rgb` under names in any script; returns the names."""
    names = ["名前.png", "line\nbreak.png", "\x1b[31mred.png", "$x$.png"]
    for name in names:
        Image.fromarray(rgb).save(folder / name)
    broken = os.fsdecode(b"latin-\xe9.png")
    Image.fromarray(rgb).save(folder / broken)
    return {*names, broken}


def odd_entries(folder):
    """Makes a loop of links, a link to nothing and a pipe."""
    (folder / "loop").symlink_to(folder, target_is_directory=True)
    (folder / "gone.jpg").symlink_to(folder / "nowhere.jpg")
    os.mkfifo(folder / "pipe.jpg")
