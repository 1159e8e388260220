"""Which characters the embedded glyph data set is made of, and their fonts."""

import functools
import itertools
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PIL import ImageFont

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

EM = 48
"""Font size in pixels at which a glyph is first drawn."""

MAX_CORRELATION = 0.9
"""Two kept characters correlate at most so much, in any font faces."""

_FAMILIES = ("DejaVuSans", "DejaVuSerif", "DejaVuSansMono")
_STYLES = {
    "DejaVuSans": ("", "-Bold", "-Oblique", "-BoldOblique"),
    "DejaVuSerif": ("", "-Bold", "-Italic", "-BoldItalic"),
    "DejaVuSansMono": ("", "-Bold", "-Oblique", "-BoldOblique"),
}
_THUMBNAIL = 24  # Side of the pictures that are compared, in pixels.


def font_files() -> list[Path]:
    """Returns the twelve DejaVu faces that ship inside matplotlib.

    Raises:
        FileNotFoundError: when matplotlib was installed without its fonts.
    """
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    files = [
        folder / f"{family}{style}.ttf"
        for family in _FAMILIES
        for style in _STYLES[family]
    ]
    for file in files:
        if not file.is_file():
            raise FileNotFoundError(
                f"The glyph data set draws with the fonts inside matplotlib, "
                f"and {file} is missing. Reinstall it: "
                "pip install --force-reinstall matplotlib"
            )
    return files


def fonts() -> "list[FreeTypeFont]":
    """Returns the twelve faces opened at `EM` pixels."""
    basic = ImageFont.Layout.BASIC  # The same with and without libraqm.
    return [
        ImageFont.truetype(str(file), EM, layout_engine=basic)
        for file in font_files()
    ]


def ink(character: str, font: "FreeTypeFont") -> Image.Image | None:
    """Draws one character, cropped to its ink: `L`, 255 is ink.

    Returns:
        The picture, or `None` where there is next to nothing to see (spaces,
        combining marks' carriers, dots smaller than a sixth of the em).
    """
    mask = font.getmask(character, mode="L")
    if 0 in mask.size:
        return None
    picture = Image.frombytes("L", mask.size, bytes(mask))
    box = picture.getbbox()
    if box is None or max(box[2] - box[0], box[3] - box[1]) < EM // 6:
        return None
    return picture.crop(box)


@functools.cache
def distinct_characters() -> tuple[str, ...]:
    """Returns the characters that can be told apart by their looks alone.

    Of the 2,383 characters that all twelve faces draw, marks, spaces and
    control characters go first. Then, of any two whose pictures correlate
    above `MAX_CORRELATION`, the one with the higher code point goes, whichever
    faces the two are drawn in: Latin A, Greek Alpha and Cyrillic A are one
    shape and cannot be three identities. Pictures are centred and brought to
    one size before they are compared, so `c` and `C` count as one too. About
    925 remain.

    Takes some seconds on the first call; later calls return the same tuple.
    """
    characters = _shared_characters()
    for font in fonts():  # Face by face first: the last step is quadratic.
        characters = _without_lookalikes(characters, [font])
    return tuple(_without_lookalikes(characters, fonts()))


def correlations(
    characters: Sequence[str], faces: "Sequence[FreeTypeFont]"
) -> np.ndarray:
    """Returns how alike characters can look: (n, n), -1..1.

    The correlation of two pictures, one of each character, in those two of the
    faces that make them most alike. A character without ink correlates 0 with
    everything, itself included.
    """
    drawn = [_thumbnails(characters, face) for face in faces]
    alike = np.full((len(characters),) * 2, -1.0, np.float32)
    for one, two in itertools.combinations_with_replacement(drawn, 2):
        product = one @ two.T
        np.maximum(alike, product, out=alike)
        np.maximum(alike, product.T, out=alike)
    return alike


def _shared_characters() -> list[str]:
    from matplotlib.ft2font import FT2Font

    charmaps = [set(FT2Font(str(file)).get_charmap()) for file in font_files()]
    shared = [chr(code) for code in sorted(set.intersection(*charmaps))]
    # Letters, numbers, symbols and punctuation: not marks, spaces, controls.
    return [c for c in shared if unicodedata.category(c)[0] in "LNSP"]


def _without_lookalikes(
    characters: list[str], faces: "list[FreeTypeFont]"
) -> list[str]:
    alike = correlations(characters, faces)
    keep = alike.diagonal() > 0  # False where there is no ink.
    for index in range(len(characters)):
        if keep[index]:
            keep[index + 1 :] &= alike[index, index + 1 :] <= MAX_CORRELATION
    return [c for c, kept in zip(characters, keep, strict=True) if kept]


def _thumbnails(characters: Sequence[str], face: "FreeTypeFont") -> np.ndarray:
    """Returns a zero-mean unit vector for each character, float32 (n, d)."""
    drawn = np.stack([_thumbnail(ink(c, face)) for c in characters])
    pixels = drawn.reshape(len(drawn), -1).astype(np.float32)
    pixels -= pixels.mean(axis=1, keepdims=True)
    pixels /= np.maximum(np.linalg.norm(pixels, axis=1, keepdims=True), 1e-6)
    return pixels


def _thumbnail(picture: Image.Image | None) -> np.ndarray:
    """Returns the ink centred and brought to one size, uint8."""
    canvas = Image.new("L", (_THUMBNAIL, _THUMBNAIL))
    if picture is not None:
        factor = (_THUMBNAIL - 2) / max(picture.size)
        size = [max(1, round(side * factor)) for side in picture.size]
        small = picture.resize(size, Image.Resampling.BILINEAR)
        canvas.paste(small, [(_THUMBNAIL - side) // 2 for side in size])
    return np.asarray(canvas)
