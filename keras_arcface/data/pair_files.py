"""Verification pairs from a CSV file of picture names."""

import os
import re
from pathlib import Path

import numpy as np

from keras_arcface.data.csv_rows import read_rows
from keras_arcface.data.directory import EXTENSIONS
from keras_arcface.data.pairs import Pairs

_COLUMNS = ("fold", "left", "right", "is_same")
_ANSWERS = {"1": True, "true": True, "0": False, "false": False}
_NUMBER = re.compile(r"_\d+$")


def read_pairs_csv(path: str | os.PathLike, folder: str | os.PathLike) -> Pairs:
    """Reads verification pairs whose pictures lie in a folder.

    The file has a header with the columns `fold`, `left`, `right`, `is_same`
    (1 or 0). `left` and `right` name pictures: `Ada/0001.jpg`, or without the
    suffix, or `Ada_Lovelace_0001` for `Ada_Lovelace/Ada_Lovelace_0001.jpg`, or
    any file name (without suffix) that is unique in the folder's tree.

    A picture's identity (`Pairs.subject`) is the sub-folder that it lies in,
    or for pictures directly in `folder` the name without its trailing `_0001`.
    Two optional columns, `left_subject` and `right_subject`, say otherwise.

    Args:
        path: The CSV file.
        folder: Where the pictures are.

    Returns:
        `Pairs` with each picture once in `paths`.

    Raises:
        FileNotFoundError: when the file, the folder or a picture is missing.
        ValueError: with file and line, when a column is missing, a value is
            wrong, a name fits several pictures, or a pair's answer contradicts
            the identities.
    """
    path = Path(path)
    finder = PictureFinder(Path(folder))
    numbers, subjects = {}, {}
    rows = []
    for where, row in read_rows(path, _COLUMNS, skipinitialspace=True):
        sides = []
        for side in ("left", "right"):
            picture = finder.find(row[side], where)
            subject = row.get(f"{side}_subject") or finder.subject(picture)
            index = numbers.setdefault(str(picture), len(numbers))
            if subjects.setdefault(index, subject) != subject:
                raise ValueError(
                    f"{where}: {row[side]!r} is {subject!r} here and "
                    f"{subjects[index]!r} in an earlier line."
                )
            sides.append(index)
        is_same = _answer(row, [subjects[index] for index in sides], where)
        rows.append((*sides, is_same, _fold(row["fold"], where)))
    if not rows:
        raise ValueError(f"{path} has no pairs.")
    left, right, is_same, fold = np.array(rows, np.int64).T
    names = [subjects[index] for index in range(len(numbers))]
    _, subject = np.unique(names, return_inverse=True)
    return Pairs(
        left=left,
        right=right,
        is_same=is_same.astype(bool),
        fold=fold,
        subject=subject.astype(np.int64),
        paths=list(numbers),
    )


def _answer(row: dict[str, str], subjects: list[str], where: str) -> bool:
    is_same = _ANSWERS.get(row["is_same"].strip().lower())
    if is_same is None:
        raise ValueError(
            f"{where}: is_same must be 1 or 0. Received: {row['is_same']!r}"
        )
    if is_same != (subjects[0] == subjects[1]):
        raise ValueError(
            f"{where}: is_same={int(is_same)}, but {row['left']!r} shows "
            f"{subjects[0]!r} and {row['right']!r} shows {subjects[1]!r}, by "
            "folder or name. Correct the line, or name the identities in the "
            "columns left_subject and right_subject."
        )
    return is_same


def _fold(text: str, where: str) -> int:
    if not text.strip().isdecimal() or len(text.strip()) > 9:
        raise ValueError(
            f"{where}: fold must be an integer from 0. Received: {text!r}"
        )
    return int(text)


class PictureFinder:
    """Finds pictures by name in a folder; searches the whole tree last."""

    def __init__(self, folder: Path):
        if not folder.is_dir():
            raise FileNotFoundError(f"No such folder of pictures: {folder}")
        self.folder = folder
        self._tree = None

    def find(self, name: str, where: str) -> Path:
        name = name.strip()
        identity = self.folder / _NUMBER.sub("", name)
        for base in (self.folder / name, identity / name):
            found = _with_suffix(base)
            if not found and base.is_file():
                found = [base]
            if found:
                return _only(found, name, where)
        return _only(self._by_stem().get(name, []), name, where, self.folder)

    def subject(self, picture: Path) -> str:
        parent = picture.parent
        if parent != self.folder:
            return str(parent)
        return _NUMBER.sub("", picture.stem)

    def _by_stem(self) -> dict[str, list[Path]]:
        if self._tree is None:
            self._tree = {}
            for file in sorted(self.folder.rglob("*")):
                if file.suffix.lower() in EXTENSIONS and file.is_file():
                    self._tree.setdefault(file.stem, []).append(file)
        return self._tree


def _with_suffix(base: Path) -> list[Path]:
    files = [base.with_name(base.name + suffix) for suffix in EXTENSIONS]
    return [file for file in files if file.is_file()]


def _only(
    found: list[Path], name: str, where: str, folder: Path | None = None
) -> Path:
    if not found:
        raise FileNotFoundError(
            f"{where}: no picture {name!r} in {folder}, where the pictures of "
            "this list are looked for."
        )
    if len(found) > 1:
        raise ValueError(
            f"{where}: {name!r} fits several pictures: "
            f"{', '.join(map(str, found[:3]))}. Write the path with its suffix."
        )
    return found[0]
