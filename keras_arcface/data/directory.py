"""Reads a folder with one sub-folder of pictures per identity."""

import os
import warnings
from pathlib import Path

import numpy as np

from keras_arcface.data.checks import image_size_pair
from keras_arcface.data.description import ImageData
from keras_arcface.data.samples import FilePaths
from keras_arcface.data.size_checks import check_all_sizes

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
    counts = []

    def pictures():
        for identity in identities:
            found = _pictures(identity, root)
            counts.append(len(found))
            yield from found

    paths = FilePaths(pictures())
    if check:
        check_all_sizes(paths, None if resize else size)
    return ImageData(
        samples=paths,
        labels=np.repeat(np.arange(len(identities)), counts),
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
    entries = _entries(root)
    folders = [Path(entry.path) for entry in entries if entry.is_dir()]
    if not folders:
        raise ValueError(
            f"{root} has no sub-folders. {_LAYOUT.format(folder=root)}"
        )
    return sorted(folders, key=lambda folder: folder.name)


def _pictures(identity: Path, root: Path) -> list[str]:
    entries = _entries(identity)
    pictures = [
        entry.path
        for entry in entries
        if entry.is_file() and entry.name.lower().endswith(EXTENSIONS)
    ]
    others = [e.name for e in entries if e.name.lower().endswith(_UNREAD)]
    _mention(
        identity,
        others,
        "pictures are left out",
        f"Convert them to one of {', '.join(EXTENSIONS)}.",
    )
    if not pictures:
        raise ValueError(
            f"The identity folder {identity} has no picture "
            f"({', '.join(EXTENSIONS)}). Remove it or fill it. "
            f"{_LAYOUT.format(folder=root)}"
        )
    return sorted(pictures)


def _entries(folder: Path) -> list[os.DirEntry]:
    """Returns what is visible in a folder, without links that lead nowhere."""
    entries = [e for e in os.scandir(folder) if not e.name.startswith(".")]
    whole, broken = [], []
    for entry in entries:
        # A link to itself leads nowhere too, and raises where it is followed.
        lost = entry.is_symlink() and not os.path.exists(entry.path)
        (broken if lost else whole).append(entry)
    names = [entry.name for entry in broken]
    _mention(folder, names, "links lead nowhere", "Mend or remove them.")
    return whole


def _mention(folder: Path, names: list[str], what: str, remedy: str) -> None:
    """Says what is left out: nothing is dropped in silence."""
    if names:
        warnings.warn(
            f"{folder}: {len(names)} {what}, such as {names[0]}. {remedy}",
            stacklevel=2,
        )
