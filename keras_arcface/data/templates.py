"""IJB-B and IJB-C: templates of several pictures, compared in pairs."""

import dataclasses
import os
from pathlib import Path

import numpy as np

from keras_arcface.data.integer_columns import read_integer_columns

_FILES = {
    "media": "*_face_tid_mid.txt",
    "pairs": "*_template_pair_label.txt",
    "points": "*_name_5pts_score.txt",
}
_SLICE = 2**20


@dataclasses.dataclass(frozen=True, eq=False)
class TemplateSet:
    """What is compared: templates, each of pictures from one or more media.

    Attributes:
        names: File names of the n pictures.
        template: Template that each picture belongs to, int32 (n,).
        media: Photograph or video that it was taken from, int32 (n,).
        landmarks: Five points (x, y) in pixels, float32 (n, 5, 2): eyes, nose,
            corners of the mouth, left ones of the picture first.
        score: The face detector's score, float32 (n,).
        left, right: The two templates of each pair, int32 (p,), numbers as
            they are in `template`.
        is_same: Whether both show one identity, bool (p,).
    """

    names: list[str]
    template: np.ndarray
    media: np.ndarray
    landmarks: np.ndarray
    score: np.ndarray
    left: np.ndarray
    right: np.ndarray
    is_same: np.ndarray

    def __post_init__(self):
        pictures = ("template", "media", "landmarks", "score")
        _same_length(self, pictures, len(self.names), "names")
        _same_length(self, ("left", "right"), len(self.is_same), "is_same")
        known = np.unique(self.template)
        for side in ("left", "right"):
            _refuse_unknown(getattr(self, side), known, side)

    def __len__(self) -> int:
        return len(self.is_same)

    def describe(self) -> str:
        """Returns one line: how many pictures, templates, pairs."""
        return (
            f"{len(self.names):,} pictures in "
            f"{len(np.unique(self.template)):,} templates, {len(self):,} pairs "
            f"({int(self.is_same.sum()):,} genuine)"
        )


def read_ijb(folder: str | os.PathLike) -> TemplateSet:
    """Reads the three lists of IJB-B or IJB-C as insightface hands them out.

    - `ijbb_face_tid_mid.txt`: name, template, media
    - `ijbb_template_pair_label.txt`: template, template, 1 or 0
    - `ijbb_name_5pts_score.txt`: name, ten coordinates, score

    15 million pairs are read in seconds, in the memory of the result (9 bytes
    a pair) and 4 bytes a pair more while reading.

    Args:
        folder: That of the lists, or one whose sub-folder `meta` holds them.

    Raises:
        FileNotFoundError: naming the list that is missing.
        ValueError: with file and line, for a line that is not as above or does
            not name the picture of the same line in the other list; for a
            pair of a template without pictures.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"No such folder: {folder}")
    files = {kind: find_list(folder, name) for kind, name in _FILES.items()}
    names, numbers = _rows(files["media"], (np.int32,) * 2)
    others, points = _rows(files["points"], (np.float32,) * 11)
    _refuse_other_order(names, others, files)
    left, right, label = read_integer_columns(files["pairs"], 3)
    wrong = np.flatnonzero(label > 1)
    if wrong.size:
        raise ValueError(
            f"{files['pairs']}, line {wrong[0] + 1}: the label must be 1 or 0. "
            f"Received: {label[wrong[0]]}"
        )
    return TemplateSet(
        names=names,
        template=numbers[:, 0],
        media=numbers[:, 1],
        landmarks=points[:, :10].reshape(-1, 5, 2),
        score=points[:, 10],
        left=left,
        right=right,
        is_same=label.astype(bool),
    )


def find_list(folder: Path, pattern: str) -> Path:
    """Returns the one list of that name in a folder or its `meta`."""
    found = [*folder.glob(pattern), *(folder / "meta").glob(pattern)]
    if not found:
        raise FileNotFoundError(f"There is no {pattern} in {folder} or meta/.")
    if len(found) > 1:
        raise ValueError(
            f"{folder} holds several lists {pattern}: {found[0].name} and "
            f"{found[1].name}. Give a folder with one set."
        )
    return found[0]


def _rows(path: Path, types: tuple) -> tuple[list[str], np.ndarray]:
    """Returns the names and the numbers (n, len(types)) after them."""
    names, rows = [], []
    kind = int if types[0] is np.int32 else float
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        for number, line in enumerate(file, start=1):
            name, *words = line.split() or [""]
            try:
                if not name or len(words) != len(types):
                    raise ValueError
                rows.append(np.array([kind(word) for word in words], types[0]))
            except (ValueError, OverflowError) as error:
                raise ValueError(
                    f"{path}, line {number}: expected a name and {len(types)} "
                    f"numbers. Received: {line[:80]!r}"
                ) from error
            names.append(name)
    if not names:
        raise ValueError(f"{path} has no lines.")
    values = np.stack(rows)
    wrong = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if wrong.size:
        raise ValueError(
            f"{path}, line {wrong[0] + 1}: a number is not finite."
        )
    return names, values


def _refuse_other_order(names, others, files) -> None:
    if names == others:
        return
    both = enumerate(zip(names, others, strict=False), start=1)
    shorter = min(len(names), len(others)) + 1
    line = next((n for n, (a, b) in both if a != b), shorter)
    raise ValueError(
        f"{files['points']} and {files['media']} must name the same pictures "
        f"in the same order; they differ from line {line} on."
    )


def _same_length(self, fields, count: int, like: str) -> None:
    for field in fields:
        if len(getattr(self, field)) != count:
            raise ValueError(
                f"{field} must be as long as {like}, {count}. Received: "
                f"{len(getattr(self, field))}"
            )


def _refuse_unknown(numbers, known, side: str) -> None:
    # In slices: the masks of 15 million pairs at once are most of the memory.
    for start in range(0, len(numbers), _SLICE):
        part = numbers[start : start + _SLICE]
        unknown = np.flatnonzero(~np.isin(part, known))
        if unknown.size:
            raise ValueError(
                f"{side} template {part[unknown[0]]} of pair "
                f"{start + unknown[0]} (from 0) has no picture."
            )
