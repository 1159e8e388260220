"""What became of every picture of a folder: a CSV file and a summary."""

import collections
import csv
import dataclasses
import operator
import os
from collections.abc import Iterable
from pathlib import Path

from keras_arcface.data.csv_rows import read_rows
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.text import printable

REPORT = "report.csv"
# Each way a picture can end, in the order of the summary.
STATUSES = {
    "aligned": "aligned, one face",
    "several": "aligned, several faces to choose from",
    "kept": "kept from before, not looked at again",
    "no_face": "no face found",
    "bad_landmarks": "a face that cannot be aligned",
    "unreadable": "not readable as pictures",
    "unwritable": "crops that cannot be written",
    "folder_again": "links to folders that were read already",
    "denied": "folders that cannot be listed",
    "special": "no regular files, or links to nothing",
    "not_a_picture": "other files, passed over",
    "unclaimed": "files among the crops that no photograph accounts for",
}
WITH_CROP = ("aligned", "several", "kept")
_NUMBERS = ("faces", "score", "left", "top", "right", "bottom")
COLUMNS = ("path", "status", "crop", *_NUMBERS, "bytes", "time", "message")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one file. Paths are relative, with `/`, printable.

    `bytes` and `time` (of its last change, in nanoseconds) are the
    photograph's when its crop was made. What lies among the crops and comes of
    no photograph has no `path`.
    """

    path: str
    status: str
    crop: str = ""
    faces: str = ""
    score: str = ""
    left: str = ""
    top: str = ""
    right: str = ""
    bottom: str = ""
    bytes: str = ""
    time: str = ""
    message: str = ""


@dataclasses.dataclass(frozen=True)
class FolderReport:
    """What became of every file of a folder.

    Args:
        outcomes: One a file, in the order of the walk.
        path: The CSV file that holds them.
    """

    outcomes: tuple[Outcome, ...]
    path: Path

    def of(self, *statuses: str) -> list[Outcome]:
        """Returns the outcomes of these kinds."""
        return [o for o in self.outcomes if o.status in statuses]

    def summary(self, names: int = 10) -> str:
        """Returns some lines: how many of each kind, and which."""
        counts = collections.Counter(o.status for o in self.outcomes)
        lines = []
        for status, text in STATUSES.items():
            if not counts[status]:
                continue
            lines.append(f"{counts[status]:>7,}  {text}")
            if status not in ("aligned", "kept"):
                lines += self._names(status, counts[status], names)
        return "\n".join(lines)

    def _names(self, status, count, names):
        lines = [
            f"           {o.path or o.crop}" for o in self.of(status)[:names]
        ]
        if count > names:
            rest = count - names
            lines.append(f"           and {rest:,} more: see {self.path}")
        return lines


def write_report(path: str | os.PathLike, outcomes: Iterable[Outcome]) -> None:
    """Writes outcomes as CSV, atomically."""
    with (
        atomic_path(path) as temporary,
        open(temporary, "w", encoding="utf-8", newline="") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        # A report of a million rows is written every minute: no dicts here.
        writer.writerows(map(operator.attrgetter(*COLUMNS), outcomes))


def read_report(path: str | os.PathLike) -> dict[str, Outcome]:
    """Returns the outcomes of an earlier report by the picture's path.

    Raises:
        ValueError: when the file is no such report.
    """
    return {
        row["path"]: Outcome(**{name: row[name] for name in COLUMNS})
        for _, row in read_rows(path, COLUMNS)
        if row["path"]
    }


def printable_path(path: str | os.PathLike) -> str:
    """Returns a relative path as reports name it."""
    return printable(os.fspath(path).replace(os.sep, "/"))
