"""Embeddings as TensorBoard's projector shows them."""

import math
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.text import printable

CONFIG = "projector_config.pbtxt"
# TensorBoard shows no sprite with a longer side.
_LONGEST = 8192
_TILE = 64


def write_projector(
    folder: str | os.PathLike,
    embeddings: np.ndarray,
    names: Sequence[str],
    images: np.ndarray | None = None,
    title: str = "embeddings",
) -> None:
    """Writes what TensorBoard's projector reads, into its log folder.

    `projector_config.pbtxt`, `vectors.tsv` (a line an embedding),
    `metadata.tsv` (a line a name: tabs and line breaks in it become escapes)
    and, with images, `sprite.png`: a square of tiles, in the same order.

    Args:
        folder: The folder that `tensorboard --logdir` is given, or one in it.
        embeddings: Float `(n, dim)`.
        names: `n`, for example of each one's identity.
        images: Optional uint8 `(n, height, width, 3)`.
        title: What the projector calls them.

    Raises:
        ValueError: when lengths differ, or there are more images than a
            sprite holds.
    """
    folder, embeddings = Path(folder), np.asarray(embeddings)
    count = len(embeddings)
    if len(names) != count or (images is not None and len(images) != count):
        raise ValueError(
            "embeddings, names and images must be equally many. Received: "
            f"{count} embeddings, {len(names)} names"
            + (f", {len(images)} images." if images is not None else ".")
        )
    vectors = "".join(
        "\t".join(f"{value:.6g}" for value in row) + "\n" for row in embeddings
    )
    _write(folder / "vectors.tsv", vectors)
    # One column has no header: TensorBoard would take it for a name.
    lines = "".join((printable(name) or "?") + "\n" for name in names)
    _write(folder / "metadata.tsv", lines)
    sprite = ""
    if images is not None:
        width, height = _write_sprite(folder / "sprite.png", images)
        sprite = (
            f'  sprite {{\n    image_path: "sprite.png"\n'
            f"    single_image_dim: {width}\n    single_image_dim: {height}\n"
            "  }\n"
        )
    _write(
        folder / CONFIG,
        f"embeddings {{\n  tensor_name: {_quoted(title)}\n"
        '  tensor_path: "vectors.tsv"\n  metadata_path: "metadata.tsv"\n'
        f"{sprite}}}\n",
    )


def _write(path, text):
    with atomic_path(path) as temporary:
        temporary.write_text(text, "utf-8")


def _quoted(text):
    text = printable(text)
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write_sprite(path, images):
    """Writes the square of tiles; returns (width, height) of a tile."""
    from PIL import Image

    across = math.ceil(math.sqrt(len(images)))
    largest = _LONGEST // across
    if largest < 8:
        raise ValueError(
            f"A sprite holds up to {(_LONGEST // 8) ** 2:,} images. Received: "
            f"{len(images):,}. Give fewer, or none."
        )
    longest = max(images.shape[1:3])
    scale = min(1.0, min(_TILE, largest) / longest)
    height, width = (max(1, round(side * scale)) for side in images.shape[1:3])
    sheet = Image.new("RGB", (across * width, across * height))
    for index, image in enumerate(images):
        tile = Image.fromarray(image).resize((width, height))
        row, column = divmod(index, across)
        sheet.paste(tile, (column * width, row * height))
    with atomic_path(path) as temporary:
        sheet.save(temporary)
    return width, height
