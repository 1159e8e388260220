"""The ledger: what was done, line after line, none of which can be changed.

A line is JSON. It names the protocol by hash and the run that wrote it, and
holds the hash of the line before it, so that a line that was edited, taken
out, moved or brought in from elsewhere shows. How many lines there are stands
in a second file: without it, lines could be cut off at the end.
"""

import datetime
import json
import os
from collections.abc import Iterator
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from keras_arcface.studies.compare.protocol import canonical
from keras_arcface.studies.compare.protocol import sha256_of
from keras_arcface.utils.files import write_json

FILE = "ledger.jsonl"
HEAD = "ledger.head"
SESSION = "session"
_OWN = ("number", "protocol", "run", "kind", "time", "previous", "hash")
_MOST_SAID = 5


class LedgerError(ValueError):
    """A ledger that is not what a comparison wrote."""


class Ledger:
    """Lines of one comparison, to read and to add to.

    Half a line that a kill left at the end is dropped.

    Args:
        folder: Where `ledger.jsonl` is or is to be.
        protocol_hash: Of the comparison.
        run: Id of the process that adds lines.

    Raises:
        LedgerError: naming the lines, when anything about it is not right.
    """

    def __init__(self, folder: str | os.PathLike, protocol_hash: str, run: str):
        self._folder = Path(folder)
        self._protocol, self._run = protocol_hash, run
        self.rows = read(folder, protocol_hash)
        _drop_half_line(self._folder / FILE)
        if self.rows:
            self._write_head()  # A kill may have come before it.

    @property
    def head(self) -> str:
        """Hash of the last line, or of the protocol where there is none."""
        return self.rows[-1]["hash"] if self.rows else self._protocol

    def append(self, kind: str, **values: Any) -> dict[str, Any]:
        """Adds a line and returns it, after it is on the disk.

        Raises:
            ValueError: for a value that JSON cannot hold, such as NaN.
        """
        now = datetime.datetime.now(datetime.UTC)
        row = {
            "number": len(self.rows) + 1,
            "protocol": self._protocol,
            "run": self._run,
            "kind": kind,
            "time": now.isoformat(timespec="seconds"),
            **values,
            "previous": self.head,
        }
        line = canonical({**row, "hash": sha256_of(row)})
        with open(self._folder / FILE, "ab") as file:
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # What is read again is what was written: tuples are lists there.
        self.rows.append(json.loads(line))
        self._write_head()
        return self.rows[-1]

    def _write_head(self):
        head = {"lines": len(self.rows), "hash": self.head}
        write_json(self._folder / HEAD, head)


def read(folder: str | os.PathLike, protocol_hash: str) -> list[dict[str, Any]]:
    """Returns the lines of a ledger; none where there is no ledger.

    Raises:
        LedgerError: naming the lines, when anything about it is not right.
    """
    lines = _whole_lines(Path(folder) / FILE)
    head = _read_head(Path(folder) / HEAD)
    rows = [_parse(line) for line in lines]
    problems = [*_problems(rows, protocol_hash), *_cut_off(rows, head)]
    if problems:
        more = len(problems) - _MOST_SAID
        said = problems[:_MOST_SAID] + (
            [f"and {more} more"] if more > 0 else []
        )
        raise LedgerError(
            f"{Path(folder) / FILE} is not what a comparison wrote: "
            f"{'; '.join(said)}. Nothing of it can be reported. Compare again "
            "in a new folder (--from takes its protocol.json)."
        )
    return rows


def _whole_lines(path: Path) -> list[bytes]:
    if not path.exists():
        return []
    return path.read_bytes().split(b"\n")[:-1]


def _drop_half_line(path: Path) -> None:
    if not path.exists():
        return
    whole = path.read_bytes().rfind(b"\n") + 1
    if whole < path.stat().st_size:
        os.truncate(path, whole)


def _read_head(path: Path) -> dict[str, Any]:
    if not path.exists():
        return {"lines": 0, "hash": None}
    try:
        head = json.loads(path.read_text("utf-8"))
        return {"lines": int(head["lines"]), "hash": str(head["hash"])}
    except (ValueError, KeyError, TypeError) as error:
        raise LedgerError(
            f"{path} is no head of a ledger: {error!r}."
        ) from error


def _parse(line: bytes) -> dict[str, Any] | None:
    """Returns the line's values; None for what no comparison wrote."""
    try:
        row = json.loads(line, parse_constant=_refuse_constant)
    except ValueError:
        return None
    whole = isinstance(row, dict) and all(name in row for name in _OWN)
    words = ("protocol", "run", "kind", "hash")
    if whole and all(isinstance(row[name], str) for name in words):
        return row
    return None


def _refuse_constant(word: str) -> None:
    raise ValueError(f"{word} is no JSON")


def _problems(
    rows: Sequence[dict[str, Any] | None], protocol_hash: str
) -> Iterator[str]:
    previous, runs = protocol_hash, set()
    for number, row in enumerate(rows, start=1):
        if row is None:
            yield f"line {number} is no line of a ledger"
            previous = None
            continue
        if row["kind"] == SESSION:
            runs.add(row["run"])
        for problem in _problems_of(row, number, protocol_hash, previous, runs):
            yield f"line {number} {problem}"
        previous = row["hash"]


def _problems_of(row, number, protocol_hash, previous, runs) -> Iterator[str]:
    content = {name: value for name, value in row.items() if name != "hash"}
    if row["protocol"] != protocol_hash:
        yield f"is of another protocol ({str(row['protocol'])[:12]})"
    if row["run"] not in runs:
        yield "has no run id of this ledger: a number that was copied here"
    if row["hash"] != sha256_of(content):
        yield "was edited"
    if row["previous"] != previous or row["number"] != number:
        yield "does not follow the line before it: lines are missing or moved"


def _cut_off(rows, head) -> Iterator[str]:
    written = head["lines"]
    if len(rows) < written:
        yield f"{written - len(rows)} lines were cut off at its end"
    elif len(rows) > written + 1:
        yield f"its last {len(rows) - written} lines were not counted"
    elif written and rows[written - 1] is not None:
        if rows[written - 1]["hash"] != head["hash"]:
            yield "its end is not the one that was written"
