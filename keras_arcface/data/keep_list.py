"""Lists of pictures to keep: what cleaning writes and training reads."""

import csv
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_arcface.data.csv_rows import read_rows
from keras_arcface.data.description import ImageData
from keras_arcface.data.samples import FilePaths
from keras_arcface.utils.files import atomic_path

COLUMNS = ("path", "identity", "degrees", "sub_center", "dominant", "keep")
_ANSWERS = {"1": True, "0": False}


def relative_paths(data: ImageData) -> list[str]:
    """Returns the pictures' paths from the data's root, with `/`.

    Raises:
        ValueError: for pictures in memory or in records, without paths.
    """
    if not isinstance(data.samples, FilePaths) or data.root is None:
        raise ValueError(
            "A list of pictures needs pictures in a folder; these are in "
            "memory or in records. Read them with from_directory."
        )
    paths = map(Path, data.samples)
    root = Path(data.root)
    return [
        (
            path.relative_to(root) if path.is_relative_to(root) else path
        ).as_posix()
        for path in paths
    ]


def write_keep_list(
    path: str | os.PathLike, rows: Sequence[Sequence[object]]
) -> None:
    """Writes rows of `COLUMNS` as CSV, atomically."""
    with (
        atomic_path(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(rows)


def keep_listed(data: ImageData, path: str | os.PathLike) -> ImageData:
    """Returns the data without the pictures that a list drops.

    Pictures that the list does not name stay. Identities without a picture
    left are dropped; class ids are contiguous again.

    Args:
        data: Pictures in a folder.
        path: CSV with the columns `path` (from the folder, as
            `Ada/0001.jpg`) and `keep` (1 or 0); others are passed over.

    Raises:
        ValueError: as `read_keep_list`; or when the list names no picture of
            the data, or leaves fewer than two identities.
    """
    answers = read_keep_list(path)
    names = relative_paths(data)
    if not answers.keys() & set(names):
        raise ValueError(
            f"{path} names no picture in {data.root}. Its column `path` is "
            "relative to that folder, as Ada/0001.jpg."
        )
    return data.where(np.array([answers.get(name, True) for name in names]))


def read_keep_list(path: str | os.PathLike) -> dict[str, bool]:
    """Returns whether to keep each picture that a list names.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: with file and line for a wrong value, or for a picture that
            is to be both kept and dropped.
    """
    answers = {}
    for where, row in read_rows(path, ("path", "keep")):
        answer = _ANSWERS.get(row["keep"].strip())
        if answer is None:
            raise ValueError(
                f"{where}: keep must be 1 or 0. Received: {row['keep']!r}."
            )
        if answers.setdefault(row["path"], answer) != answer:
            raise ValueError(
                f"{where}: keep={int(answer)} for {row['path']!r}, and "
                f"{int(not answer)} in an earlier line. Leave one of them."
            )
    return answers
