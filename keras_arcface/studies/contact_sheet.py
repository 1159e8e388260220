"""A page of pictures: what the data look like, and what looks wrong."""

import os
from collections.abc import Sequence

import numpy as np
from PIL import Image
from PIL import ImageDraw
from PIL import ImageFont
from PIL import ImageOps

from keras_arcface.data.images import read_image
from keras_arcface.data.inspection import Inspection
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.text import printable

_TILE, _GAP, _LINE = 112, 8, 18
_INK, _PAPER = "#222222", "#FFFFFF"


def contact_sheet(
    inspection: Inspection,
    path: str | os.PathLike,
    suspects: Sequence[tuple[str, str, str]] = (),
    identities: int = 12,
    pictures: int = 8,
    seed: int = 0,
) -> None:
    """Draws some pictures of some identities, then suspicious pairs.

    Args:
        inspection: What the folder holds.
        path: .png file to write, atomically.
        suspects: (path, other path, what is said of them), from the folder.
        identities: How many rows, drawn at random.
        pictures: How many in a row.
        seed: Of the choice.
    """
    rows = _identity_rows(inspection, identities, pictures, seed)
    rows += [(text, [one, two]) for one, two, text in suspects]
    height = _GAP + len(rows) * (_LINE + _TILE + _GAP)
    width = _GAP + pictures * (_TILE + _GAP)
    sheet = Image.new("RGB", (width, max(height, _TILE)), _PAPER)
    pen, font = ImageDraw.Draw(sheet), _font()
    for index, (title, paths) in enumerate(rows):
        top = _GAP + index * (_LINE + _TILE + _GAP)
        pen.text((_GAP, top), printable(title)[:120], _INK, font)
        for column, name in enumerate(paths):
            tile = _tile(inspection.root / name)
            sheet.paste(tile, (_GAP + column * (_TILE + _GAP), top + _LINE))
    with atomic_path(path) as temporary:
        sheet.save(temporary)


def _identity_rows(inspection, identities, pictures, seed):
    rng = np.random.default_rng(seed)
    labels, counts = inspection.labels, inspection.counts
    present = np.flatnonzero(counts)
    rows = []
    for label in np.sort(rng.permutation(present)[:identities]):
        chosen = rng.permutation(np.flatnonzero(labels == label))[:pictures]
        name = inspection.class_names[label]
        rows.append(
            (
                f"{name} ({counts[label]})",
                [inspection.readable[i].path for i in np.sort(chosen)],
            )
        )
    return rows


def _tile(path):
    picture = Image.fromarray(read_image(path))
    return ImageOps.pad(picture, (_TILE, _TILE), color="#EEEEEE")


def _font():
    # Of matplotlib, which has more scripts than Pillow's own.
    from matplotlib import font_manager

    return ImageFont.truetype(font_manager.findfont("DejaVu Sans"), 12)
