"""LFW's lists of pairs: pairs.txt, pairsDevTrain.txt, pairsDevTest.txt."""

import os
from pathlib import Path

import numpy as np

from keras_arcface.data.pair_files import PictureFinder
from keras_arcface.data.pairs import Pairs
from keras_arcface.evaluation import lfw_folds

FOLDS = 10


def read_lfw_pairs(path: str | os.PathLike, folder: str | os.PathLike) -> Pairs:
    """Reads LFW's pairs of names and numbers, with pictures in a folder.

    The first line says `folds n` (pairs.txt: `10 300`) or `n` alone (view 1).
    Each fold has n lines `Name 1 4` for two pictures of one person, then n
    lines `Name 1 Other 2`. Picture 4 of `Name` is `Name/Name_0004`, with any
    suffix of a picture, or that name anywhere in the folder. Columns are
    separated by tabs, or by blanks where a line has no tab.

    Args:
        path: The list.
        folder: Where the pictures are.

    Returns:
        `Pairs` with each picture once in `paths`. View 1 has no folds; its
        pairs are dealt to ten consecutive ones (`lfw_folds`).

    Raises:
        FileNotFoundError: when the list, the folder or a picture is missing.
        ValueError: with file and line, when a line is not as above, or their
            number is not what the first line says.
    """
    path = Path(path)
    lines = _lines(path)
    folds, each = _header(lines, path)
    finder = PictureFinder(Path(folder))
    pictures, subjects, rows = {}, {}, []
    for number, line in enumerate(lines[1:]):
        where = f"{path}, line {number + 2}"
        is_same = number % (2 * each) < each
        indices = []
        for name, picture in _sides(line, is_same, where):
            file = str(finder.find(f"{name}_{picture:04d}", where))
            subject = subjects.setdefault(name, len(subjects))
            indices.append(
                pictures.setdefault(file, (len(pictures), subject))[0]
            )
        rows.append((*indices, is_same))
    left, right, is_same = np.array(rows, np.int64).T
    is_same = is_same.astype(bool)
    fold = np.arange(len(rows)) // (2 * each)
    if folds == 1:
        fold = lfw_folds(is_same, min(FOLDS, each)) if each > 1 else fold
    subject = np.array([s for _, s in pictures.values()], np.int64)
    return Pairs(left, right, is_same, fold, subject, list(pictures))


def _lines(path: Path) -> list[str]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}") from error
    return text.rstrip().split("\n")


def _header(lines: list[str], path: Path) -> tuple[int, int]:
    """Returns (folds, pairs of one kind in a fold)."""
    words = lines[0].split()
    good = len(words) in (1, 2) and all(
        word.isdecimal() and 0 < len(word) < 8 and int(word) for word in words
    )
    if not good:
        raise ValueError(
            f"{path}, line 1: expected the number of folds and of pairs of "
            "each kind in a fold ('10 300'), or that of pairs alone ('500'). "
            f"Received: {lines[0][:80]!r}"
        )
    folds, each = (1, *map(int, words))[-2:]
    if len(lines) - 1 != 2 * folds * each:
        raise ValueError(
            f"{path}, line 1 announces {folds} x ({each} + {each}) = "
            f"{2 * folds * each} pairs, and {len(lines) - 1} lines follow."
        )
    return folds, each


def _sides(line: str, is_same: bool, where: str) -> list[tuple[str, int]]:
    words = [
        word.strip() for word in line.split("\t" if "\t" in line else None)
    ]
    numbers = (1, 2) if is_same else (1, 3)
    good = len(words) == (3 if is_same else 4) and all(
        words[i].isdecimal() and len(words[i]) < 8 for i in numbers
    )
    if not good:
        expected = "Name 1 4" if is_same else "Name 1 Other 2"
        raise ValueError(
            f"{where}: expected {expected!r}, for "
            f"{'one person' if is_same else 'two people'} by the place in the "
            f"list. Received: {line[:80]!r}"
        )
    first, second = (int(words[i]) for i in numbers)
    other = words[0] if is_same else words[2]
    if not is_same and other == words[0]:
        raise ValueError(f"{where}: {other!r} is no pair of two people.")
    return [(words[0], first), (other, second)]
