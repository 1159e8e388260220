"""Which record is which: .idx files, headers, insightface's meta records."""

import mmap
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from keras_arcface.data.open_file import OpenFile
from keras_arcface.data.recordio import HEADER
from keras_arcface.data.recordio import MAGIC
from keras_arcface.data.recordio import read_record
from keras_arcface.data.recordio import scan
from keras_arcface.utils.console import progress

_BLOCK = 8192  # Records whose headers are looked at together.
_HEAD = 8 + HEADER.size + 4  # Prefix, header, first of several labels.
EXACT = 2**24  # From here on float32 leaves out integers.


def read_index(path: str | os.PathLike, size: int) -> dict[str, np.ndarray]:
    """Reads an .idx file: lines of `key<tab>offset`.

    Args:
        size: Bytes of the .rec file.

    Returns:
        `keys` and `offsets`, int64 (n,), in the file's order.

    Raises:
        ValueError: with the line that is no index line, names a key or an
            offset a second time, or points past the end of the .rec file.
    """
    text = Path(path).read_bytes().rstrip()
    lines = text.count(b"\n") + 1
    if not text or text.translate(None, b"0123456789\t\r\n "):
        raise _wrong_line(path, text)
    numbers = np.fromstring(text, np.int64, sep=" ")
    if numbers.size != 2 * lines:
        raise _wrong_line(path, text)
    keys, offsets = numbers[::2].copy(), numbers[1::2].copy()
    past = np.flatnonzero(offsets >= size)
    if past.size:
        raise ValueError(
            f"{path}, line {past[0] + 1}: offset {offsets[past[0]]} is past "
            f"the end of the .rec file, {size} bytes ({past.size} such). The "
            ".rec is cut short, or the .idx belongs to another. Without the "
            ".idx the .rec is scanned."
        )
    _refuse_twice(path, "key", keys)
    # Else a few bytes each could have one long record read again and again.
    _refuse_twice(path, "offset", offsets)
    return {"keys": keys, "offsets": offsets}


def _refuse_twice(
    path: str | os.PathLike, what: str, numbers: np.ndarray
) -> None:
    order = np.argsort(numbers, kind="stable")
    twice = np.flatnonzero(np.diff(numbers[order]) == 0)
    if twice.size:
        line = order[twice[0] + 1]
        raise ValueError(
            f"{path}, line {line + 1}: {what} {numbers[line]} a second time "
            f"({twice.size} such)."
        )


def scan_index(file: OpenFile) -> dict[str, np.ndarray]:
    """Finds the records of a .rec file without .idx, numbered in its order."""
    found = progress(scan(file), f"Scanning {file.path}")
    offsets = np.fromiter(found, np.int64)
    return {"keys": np.arange(len(offsets)), "offsets": offsets}


def read_labels(file: OpenFile, offsets: np.ndarray) -> np.ndarray:
    """Reads the label of every record from its header, float32 (n,).

    Raises:
        ValueError: naming the record that is none, or whose label is no class
            id: not an integer in 0..2**24-1, which float32 holds exactly.
    """
    labels = np.empty(len(offsets), np.float32)
    blocks = range(0, len(offsets), _BLOCK)
    for start in progress(blocks, "Reading labels", len(blocks)):
        part = offsets[start : start + _BLOCK]
        labels[start : start + len(part)] = _labels_at(file, part)
    wrong = np.flatnonzero(
        ~((labels >= 0) & (labels < EXACT) & (labels == np.floor(labels)))
    )
    if wrong.size:
        raise ValueError(
            f"{file.path}: the record at byte {offsets[wrong[0]]} has the "
            f"label {labels[wrong[0]]:g}, expected an integer in "
            f"0..{EXACT - 1} ({wrong.size} such)."
        )
    return labels


def _labels_at(file: OpenFile, offsets: np.ndarray) -> np.ndarray:
    """One look at many headers; what is odd is read by itself, and named."""
    heads = _heads(file, offsets)
    length = heads[:, 4:8].copy().view("<u4")[:, 0]
    flag = heads[:, 8:12].copy().view("<u4")[:, 0].astype(np.int64)
    labels = heads[:, 12:16].copy().view("<f4")[:, 0]
    several = flag > 0
    labels[several] = heads[several, 32:36].copy().view("<f4")[:, 0]
    # A length of 2**29 or more has a part flag: the header may be cut too.
    whole = (length < 1 << 29) & (length >= HEADER.size + 4 * flag)
    whole &= (heads[:, :4] == np.frombuffer(MAGIC, np.uint8)).all(axis=1)
    whole &= offsets + 8 + length <= file.size
    for index in np.flatnonzero(~whole):
        labels[index] = read_record(file, int(offsets[index])).label
    return labels


def _heads(file: OpenFile, offsets: np.ndarray) -> np.ndarray:
    """Returns the first bytes of records, uint8 (n, 36); zeros past the end."""
    with open(file.path, "rb") as opened:
        with mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as view:
            content = np.frombuffer(view, np.uint8)
            at = offsets[:, None] + np.arange(_HEAD)
            heads = content[np.minimum(at, file.size - 1)]
            del content  # Else the map cannot be closed.
    heads[at >= file.size] = 0
    return heads


def meta_of(
    file: OpenFile, index: dict[str, np.ndarray]
) -> tuple[int, int] | None:
    """Returns what insightface's meta record says, or `None` without one.

    It is record 0, has no picture and two labels: the key after the last
    picture and the key after the last identity. Float32 rounds them from
    2**24 on; the records themselves say then where the pictures end.
    """
    found = np.flatnonzero(index["keys"] == 0)
    if not found.size:
        return None
    record = read_record(file, int(index["offsets"][found[0]]))
    if record.flag != 2 or record.content:
        return None
    first, last = record.labels.tolist()
    most = len(index["keys"]) + (64 if last > EXACT else 0)
    if not 1 < first <= last <= most or first % 1 or last % 1:
        raise ValueError(
            f"{file.path}: its meta record says {first:g}, {last:g}, expected "
            "the keys after the last picture and after the last identity, of "
            f"{len(index['keys'])} records. The file is damaged, or it or its "
            ".idx is cut short."
        )
    if last <= EXACT:
        return int(first), int(last)
    return _first_without_picture(file, index, int(first)), len(index["keys"])


def _first_without_picture(file, index, about: int) -> int:
    near = np.arange(max(1, about - 32), about + 33)
    near = near[np.isin(near, index["keys"])]
    for key, offset in zip(near, offsets_of(index, near, file), strict=True):
        if not read_record(file, int(offset)).content:
            return int(key)
    raise ValueError(
        f"{file.path}: its meta record says that the pictures end about record "
        f"{about}, and no record without a picture is there."
    )


def offsets_of(
    index: dict[str, np.ndarray], keys: np.ndarray, file: OpenFile
) -> np.ndarray:
    """Returns where the records of `keys` start.

    Raises:
        ValueError: naming the first key that the index lacks.
    """
    order = np.argsort(index["keys"], kind="stable")
    at = np.searchsorted(index["keys"][order], keys)
    found = order[np.minimum(at, len(order) - 1)]
    missing = np.flatnonzero(index["keys"][found] != keys)
    if missing.size:
        raise ValueError(
            f"{file.path}: its meta record promises record {keys[missing[0]]}, "
            f"and there is none ({missing.size} of {len(keys)} such). The file "
            "or its .idx is cut short."
        )
    return index["offsets"][found]


def identity_ranges(
    file: OpenFile, offsets: np.ndarray
) -> Iterator[tuple[int, int]]:
    """Yields the [first, last) picture keys of insightface's identities."""
    for offset in offsets.tolist():
        record = read_record(file, offset)
        near = (record.labels[:2] >= 1) & (record.labels[:2] < 2**31)
        if record.flag < 2 or not near.all():  # Not infinite either.
            raise ValueError(
                f"{file.path}: the record at byte {offset} is no identity: "
                "expected two labels, the first picture's key and the key "
                "after the last. The file is damaged."
            )
        yield int(record.labels[0]), int(record.labels[1])


def _wrong_line(path, text: bytes) -> ValueError:
    for number, line in enumerate(text.split(b"\n"), start=1):
        parts = line.split()
        if line.strip() == b"" and number > text.count(b"\n"):
            break
        if len(parts) != 2 or not all(part.isdigit() for part in parts):
            return ValueError(
                f"{path}, line {number}: expected key<tab>offset, two "
                f"integers. Received: {line[:80]!r}"
            )
    return ValueError(f"{path} is empty.")
