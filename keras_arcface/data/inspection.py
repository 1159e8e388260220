"""What a folder of identities holds, broken pictures included."""

import collections
import dataclasses
import functools
import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_arcface.data.directory import EXTENSIONS
from keras_arcface.data.directory import PICTURE_ENDINGS
from keras_arcface.data.images import in_threads
from keras_arcface.data.images import open_picture
from keras_arcface.data.images import read_image
from keras_arcface.data.images import read_size
from keras_arcface.data.near_duplicates import HASH_BYTES
from keras_arcface.data.near_duplicates import ClosePairs
from keras_arcface.data.near_duplicates import close_pairs
from keras_arcface.data.near_duplicates import perceptual_hash
from keras_arcface.data.pack_index import is_tfrecord_folder
from keras_arcface.utils.budget import Budget
from keras_arcface.utils.console import progress
from keras_arcface.utils.text import printable
from keras_arcface.utils.walk import walk_each

# Of all threads together; a pixel takes about eight bytes on its way.
_PIXELS_AT_ONCE = 2**26
# Why files are passed over by `from_directory`, or stop it.
PASSED_OVER = {
    "beside": "files beside the identities' folders",
    "deeper": "pictures deeper than an identity's folder",
    "other_kind": "pictures of kinds that are not read",
    "not_a_picture": "other files",
    "again": "links to folders that were read already",
    "denied": "folders that cannot be listed",
    "special": "no regular files, or links to nothing",
}


@dataclasses.dataclass(frozen=True)
class Picture:
    """One file: what was found in it, or why it cannot be read."""

    path: str
    label: int
    bytes: int = 0
    sha256: str = ""
    format: str = ""
    mode: str = ""
    size: tuple[int, int] | None = None
    hash: np.ndarray | None = None
    error: str = ""


@dataclasses.dataclass(frozen=True)
class Inspection:
    """What a folder of identities holds.

    Args:
        root: The folder.
        class_names: Names of the identities, sorted; the index is the id.
        pictures: Every picture file of an identity, readable or not.
        passed_over: Paths by reason, see `PASSED_OVER`.
    """

    root: Path
    class_names: Sequence[str]
    pictures: Sequence[Picture]
    passed_over: dict[str, list[str]]

    @functools.cached_property
    def readable(self) -> list[Picture]:
        """The pictures that can be decoded."""
        return [picture for picture in self.pictures if not picture.error]

    @functools.cached_property
    def labels(self) -> np.ndarray:
        """Identities of the readable pictures, int64 (n,)."""
        return np.array([p.label for p in self.readable], np.int64)

    @property
    def counts(self) -> np.ndarray:
        """Readable pictures of each identity, (C,)."""
        return np.bincount(self.labels, minlength=len(self.class_names))

    def duplicates(self) -> list[list[Picture]]:
        """Returns the groups of files that are the same, byte by byte."""
        groups = collections.defaultdict(list)
        for picture in self.pictures:
            if picture.sha256:
                groups[picture.sha256].append(picture)
        return [group for group in groups.values() if len(group) > 1]

    @functools.cached_property
    def near_duplicates(self) -> list[tuple[Picture, Picture, int]]:
        """Pairs of two identities that look alike, and their bits.

        See `keras_arcface.data.near_duplicates`; the closest come first.
        """
        pairs, bits, _ = self._close
        return [
            (self.readable[first], self.readable[second], int(distance))
            for (first, second), distance in zip(pairs, bits, strict=True)
        ]

    @property
    def near_duplicates_left_out(self) -> int:
        """How many more such pairs there are than are listed."""
        return self._close.left_out

    @functools.cached_property
    def _close(self) -> ClosePairs:
        hashes = [picture.hash for picture in self.readable]
        table = np.array(hashes, np.uint8).reshape(len(hashes), HASH_BYTES)
        return close_pairs(table, self.labels)


def inspect_folder(root: str | os.PathLike) -> Inspection:
    """Looks at every file of a folder with one sub-folder per identity.

    Nothing stops it: what cannot be read is named in the result. Every picture
    is decoded whole, so that damage at its end shows too; of large ones, few
    at a time, in about half a gigabyte.

    Raises:
        FileNotFoundError: when there is nothing at `root`.
        ValueError: when it is no folder of pictures: a .rec or .csv file, or
            a folder of records.
    """
    root = Path(root)
    _check_is_of_pictures(root)
    names, found, passed_over = _sort_files(root)
    look = functools.partial(_look, root, Budget(_PIXELS_AT_ONCE))
    pictures = progress(in_threads(look, found), "Looking", len(found))
    return Inspection(root, names, list(pictures), passed_over)


def _check_is_of_pictures(root):
    if not root.exists():
        raise FileNotFoundError(f"There is no folder {printable(root)}.")
    if not root.is_dir():
        what = "a file"
    elif is_tfrecord_folder(root):
        what = "a folder that keras-arcface pack wrote"
    elif any(root.glob("*.rec")):
        what = "a folder with a .rec file"
    else:
        return
    raise ValueError(
        "Only a folder with one sub-folder of pictures per identity can be "
        f"inspected. Received: {printable(root)}, {what}. Of a .csv file or a "
        "pack, inspect the folder that its pictures are or were in. A .rec "
        "file is checked by keras-arcface pack: it decodes every picture and "
        "names one that is damaged."
    )


def _sort_files(root):
    passed_over = {reason: [] for reason in PASSED_OVER}
    # By the rule of `from_directory`: what looks like a folder is an identity,
    # also where two names lead to one folder.
    by_identity = {}
    for path, kind in walk_each(root):
        if kind == "folder":
            by_identity[path] = []
            continue
        reason = _reason(path, kind)
        if reason is None:
            by_identity[path.split("/")[0]].append(path)
        else:
            passed_over[reason].append(path)
    names = list(by_identity)
    found = [
        (label, path)
        for label, name in enumerate(names)
        for path in by_identity[name]
    ]
    return names, found, passed_over


def _reason(path, kind):
    """Returns why `from_directory` passes a file over, or `None`."""
    if kind != "file":
        return kind
    depth = path.count("/")
    if not path.lower().endswith(PICTURE_ENDINGS):
        return "beside" if depth == 0 else "not_a_picture"
    if depth != 1:
        return "beside" if depth == 0 else "deeper"
    return None if path.lower().endswith(EXTENSIONS) else "other_kind"


def _look(root, budget, item):
    label, path = item
    facts = {}
    try:
        with open(root / path, "rb") as file:
            facts["sha256"] = hashlib.file_digest(file, "sha256").hexdigest()
            facts["bytes"] = file.tell()
        height, width = read_size(root / path)
        with budget.hold(height * width):
            image = read_image(root / path)
            facts.update(size=image.shape[:2], hash=perceptual_hash(image))
            del image
        with open_picture(root / path) as picture:
            facts.update(format=str(picture.format), mode=picture.mode)
    except (ValueError, OSError, MemoryError) as error:
        message = printable(str(error) or type(error).__name__)
        return Picture(path, label, error=message, **facts)
    return Picture(path, label, **facts)
