"""Reads a folder with one sub-folder of pictures per identity."""

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_arcface.data.checks import image_size_pair
from keras_arcface.data.description import ImageData
from keras_arcface.data.images import in_threads
from keras_arcface.data.images import read_size
from keras_arcface.data.images import wrong_size
from keras_arcface.utils.console import progress

EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
# Pictures, but of kinds that no reader here decodes.
_UNREAD = (".tif", ".tiff", ".gif", ".heic", ".avif", ".jfif")
# What a picture may be called; which of them can be read is another matter.
PICTURE_ENDINGS = EXTENSIONS + _UNREAD

_LAYOUT = """Expected one sub-folder per identity:
    {folder}/
        Ada_Lovelace/
            0001.jpg
            0002.jpg
        Alan_Turing/
            0001.jpg"""


def from_directory(
    folder: str | os.PathLike,
    image_size: tuple[int, int] = (112, 112),
    *,
    resize: bool = False,
    check: bool = True,
) -> ImageData:
    """Describes a folder of pictures: one sub-folder per identity.

    Class ids follow the sorted names of the sub-folders. Pictures are the
    files ending in .jpg, .jpeg, .png, .bmp or .webp, in any case of letters;
    other files, hidden files and hidden folders are passed over, and so is
    what lies beside the identity folders or deeper than they do.

    Args:
        folder: The folder of identity folders.
        image_size: (height, width) in pixels that the pictures have.
        resize: Whether pictures of another size are resized (bilinear,
            antialiased, aspect ratio not kept). By default they are an error.
        check: Whether to open every file's header now, in threads, so that a
            wrong file stops the run here and not hours later.

    Raises:
        FileNotFoundError: when `folder` is not a folder.
        ValueError: naming the folder without identities or the identity
            without pictures, or the file that is not a picture or has another
            size.
    """
    size = image_size_pair(image_size)
    root = Path(folder)
    identities = _visible_folders(root)
    paths, labels = [], []
    for label, identity in enumerate(identities):
        pictures = _pictures(identity, root)
        paths.extend(pictures)
        labels.extend([label] * len(pictures))
    if check:
        _check_headers(paths, None if resize else size)
    return ImageData(
        samples=paths,
        labels=np.asarray(labels, np.int64),
        class_names=[identity.name for identity in identities],
        image_size=size,
        root=str(root),
        resize=resize,
    )


def _visible_folders(root: Path) -> list[Path]:
    if not root.is_dir():
        raise FileNotFoundError(
            f"No such folder: {root}. {_LAYOUT.format(folder=root)}"
        )
    folders = [
        Path(entry.path)
        for entry in os.scandir(root)
        if entry.is_dir() and not entry.name.startswith(".")
    ]
    if not folders:
        raise ValueError(
            f"{root} has no sub-folders. {_LAYOUT.format(folder=root)}"
        )
    return sorted(folders, key=lambda folder: folder.name)


def _pictures(identity: Path, root: Path) -> list[str]:
    pictures = [
        entry.path
        for entry in os.scandir(identity)
        if entry.is_file()
        and not entry.name.startswith(".")
        and entry.name.lower().endswith(EXTENSIONS)
    ]
    _mention_others(identity)
    if not pictures:
        raise ValueError(
            f"The identity folder {identity} has no picture "
            f"({', '.join(EXTENSIONS)}). Remove it or fill it. "
            f"{_LAYOUT.format(folder=root)}"
        )
    return sorted(pictures)


def _mention_others(identity: Path) -> None:
    """Says which pictures are left out: nothing is dropped in silence."""
    others = [
        entry.name
        for entry in os.scandir(identity)
        if entry.name.lower().endswith(_UNREAD)
    ]
    if others:
        warnings.warn(
            f"{identity}: {len(others)} pictures are left out, such as "
            f"{others[0]}. Convert them to one of {', '.join(EXTENSIONS)}.",
            stacklevel=2,
        )


def _check_headers(
    paths: Sequence[str], expected: tuple[int, int] | None
) -> None:
    sizes = zip(paths, in_threads(read_size, paths), strict=True)
    for path, size in progress(sizes, "Checking pictures", len(paths)):
        if expected is not None and size != expected:
            raise wrong_size(path, size, expected)
