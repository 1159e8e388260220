"""Reads a CSV file that lists pictures and their identities."""

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_arcface.data.checks import image_size_pair
from keras_arcface.data.csv_rows import read_rows
from keras_arcface.data.description import ImageData
from keras_arcface.data.samples import FilePaths
from keras_arcface.data.size_checks import check_all_sizes


def from_csv(
    path: str | os.PathLike,
    images: str | os.PathLike | None = None,
    image_size: tuple[int, int] = (112, 112),
    *,
    resize: bool = False,
    check: bool = True,
) -> ImageData:
    """Describes the pictures that a CSV file lists.

    The file has a header with the columns `path` and `identity`; others are
    passed over. Identities are any text. Classes follow their sorted names, in
    numeric order where all are whole numbers; samples follow the lines.

    Args:
        path: The CSV file, UTF-8.
        images: Folder that the paths start from. Defaults to the file's own.
        image_size: (height, width) in pixels that the pictures have.
        resize: As in `from_directory`.
        check: Whether to open every picture's header now, in threads.

    Raises:
        FileNotFoundError: when the file, the folder or a picture is missing.
        ValueError: with file and line for a wrong line, or a picture in two
            lines; or naming the picture that is none or has another size.
    """
    size = image_size_pair(image_size)
    path = Path(path)
    folder = path.parent if images is None else Path(images)
    if not folder.is_dir():
        raise FileNotFoundError(f"No such folder of pictures: {folder}")
    paths, names, ids = _read(path, folder)
    _refuse_duplicates(path, paths)
    class_names, new_ids = _in_order(names)
    if check:
        check_all_sizes(paths, None if resize else size)
    return ImageData(
        samples=paths,
        labels=new_ids[ids],
        class_names=class_names,
        image_size=size,
        root=str(folder),
        resize=resize,
    )


def _read(path: Path, folder: Path) -> tuple[FilePaths, list[str], np.ndarray]:
    """Returns the paths, the identities as they first come, ids into them."""
    known, ids = {}, []

    def pictures():
        for where, row in read_rows(path, ("path", "identity")):
            name, identity = row["path"].strip(), row["identity"].strip()
            if not name or not identity:
                raise ValueError(f"{where}: path or identity is empty.")
            ids.append(known.setdefault(identity, len(known)))
            yield os.path.join(folder, name)

    paths = FilePaths(pictures())
    if not ids:
        raise ValueError(f"{path} lists no picture.")
    return paths, list(known), np.asarray(ids, np.int64)


def _refuse_duplicates(path: Path, paths: FilePaths) -> None:
    """Raises for a picture in two lines; compares 8 bytes of each first."""
    hashes = np.fromiter(map(hash, paths), np.int64, len(paths))
    order = np.argsort(hashes, kind="stable")
    for place in np.flatnonzero(np.diff(hashes[order]) == 0):
        first, second = order[place : place + 2]
        if paths[first] == paths[second]:
            raise ValueError(
                f"{path}: picture {second + 1} of the list, {paths[second]}, "
                f"is picture {first + 1} as well. Leave one of the lines."
            )


def _in_order(names: Sequence[str]) -> tuple[list[str], np.ndarray]:
    """Returns the names sorted, and the new id of each old one."""
    numbers = all(
        name.isascii()
        and name.isdecimal()
        and (name == "0" or not name.startswith("0"))
        for name in names
    )
    # By length, then by digits: `int` refuses numbers of 4,300 digits.
    order = sorted(
        range(len(names)),
        key=lambda i: (len(names[i]) if numbers else 0, names[i]),
    )
    new_ids = np.empty(len(names), np.int64)
    new_ids[order] = np.arange(len(names))
    return [names[index] for index in order], new_ids
