"""MXNet's RecordIO: one record at an offset, and where all records start.

A record is `magic, length word, payload, zeros to a multiple of 4`, little
endian. The length word has a part flag in its upper 3 bits: 0 whole, 1 first,
2 middle, 3 last. A payload that holds the magic at a multiple of 4 was cut
there, and the magic belongs back between the parts. The payload is a header
(`IfQQ`: flag, label, id, id2), `flag` float32 labels, and a picture.
"""

import dataclasses
import struct
from collections.abc import Iterator

import numpy as np

from keras_arcface.data.open_file import OpenFile
from keras_arcface.data.samples import Records

MAGIC = b"\x0a\x23\xd7\xce"
HEADER = struct.Struct("<IfQQ")
_PREFIX = struct.Struct("<4sI")
_LENGTH_BITS = 29
_FIRST_READ = 16 * 1024  # Most aligned faces come whole with one call.
# A picture holds the magic about once in 2**32 words; more is no picture.
MOST_PARTS = 1024
_WHOLE, _FIRST, _MIDDLE, _LAST = range(4)


@dataclasses.dataclass(frozen=True)
class Record:
    """What a record holds.

    Attributes:
        flag: 0 for one label in the header, else how many follow it.
        labels: float32 (max(flag, 1),), as the file has them.
        id: The number that its writer gave it.
        content: The encoded picture; empty in records about others.
    """

    flag: int
    labels: np.ndarray
    id: int
    content: bytes

    @property
    def label(self) -> float:
        """The class id: the only label, or the first of several."""
        return float(self.labels[0])


def read_record(file: OpenFile, offset: int) -> Record:
    """Reads the record that starts at a byte of a .rec file.

    Raises:
        ValueError: naming file and byte, when there is no whole record.
    """
    return unpack(read_payload(file, offset), file, offset)


def read_payload(file: OpenFile, offset: int) -> bytes:
    """Returns the bytes of a record, its parts joined.

    It never asks for more than the file has, whatever the lengths claim.
    """
    part, flag, after = _read_part(file, offset)
    if flag == _WHOLE:
        return part
    if flag != _FIRST:
        raise _damaged(file, offset, "begins in the middle of a record")
    parts = [part]
    while flag != _LAST:
        if len(parts) == MOST_PARTS:
            raise _damaged(file, offset, f"has more than {MOST_PARTS} parts")
        part, flag, after = _read_part(file, after)
        if flag not in (_MIDDLE, _LAST):
            raise _damaged(file, offset, "has a first part and no last one")
        parts.append(part)
    return MAGIC.join(parts)


def unpack(payload: bytes, file: OpenFile, offset: int) -> Record:
    """Splits a payload into header, labels and picture."""
    if len(payload) < HEADER.size:
        raise _damaged(
            file, offset, f"has {len(payload)} bytes, fewer than its header"
        )
    flag, label, number, _ = HEADER.unpack_from(payload)
    start = HEADER.size + 4 * flag
    if start > len(payload):
        raise _damaged(
            file, offset, f"claims {flag} labels in {len(payload)} bytes"
        )
    if flag:
        labels = np.frombuffer(payload, "<f4", flag, HEADER.size)
    else:
        labels = np.array([label], np.float32)
    return Record(flag, labels, number, payload[start:])


def scan(file: OpenFile) -> Iterator[int]:
    """Yields where each record of a .rec file starts, without an index.

    Raises:
        ValueError: naming the byte where the file stops being RecordIO.
    """
    offset, inside = 0, False
    while offset < file.size:
        flag, length = _read_prefix(file, offset)
        if inside != (flag in (_MIDDLE, _LAST)):
            raise _damaged(file, offset, "is a part out of order")
        if not inside:
            yield offset
        inside = flag in (_FIRST, _MIDDLE)
        offset += _PREFIX.size + length + -length % 4
    if inside:
        raise _damaged(file, file.size, "is missing: the last part of one")


class RecordIO(Records):
    """Pictures in one .rec file.

    Args:
        labels: The label that each record is known to have, float32 (n,). One
            that has another when it is read is damaged, and named.
    """

    def __init__(self, file: OpenFile, offsets: np.ndarray, labels: np.ndarray):
        super().__init__([file], offsets)
        self.labels = labels

    def read(self, index: int) -> bytes:
        file, offset = self.place(index)
        record = read_record(file, offset)
        if record.label != self.labels[index]:
            raise _damaged(
                file,
                offset,
                f"has the label {record.label:g}, and its index or identity "
                f"says {self.labels[index]:g}",
            )
        return record.content


def _read_prefix(file: OpenFile, offset: int) -> tuple[int, int]:
    return _parse_prefix(file.pread(_PREFIX.size, offset), file, offset)


def _read_part(file: OpenFile, offset: int) -> tuple[bytes, int, int]:
    """Returns (bytes, part flag, offset of what follows)."""
    block = file.pread(_FIRST_READ, offset)
    flag, length = _parse_prefix(block, file, offset)
    start = offset + _PREFIX.size
    part = block[_PREFIX.size : _PREFIX.size + length]
    if len(part) < length:
        part += file.pread(length - len(part), start + len(part))
    if len(part) < length:
        raise _damaged(file, offset, "is cut short")
    return part, flag, start + length + -length % 4


def _parse_prefix(block: bytes, file: OpenFile, offset: int) -> tuple[int, int]:
    if len(block) < _PREFIX.size:
        raise _damaged(file, offset, f"is past the end ({file.size} bytes)")
    magic, word = _PREFIX.unpack_from(block)
    if magic != MAGIC:
        raise _damaged(file, offset, f"does not start with {MAGIC.hex()}")
    flag, length = word >> _LENGTH_BITS, word & (1 << _LENGTH_BITS) - 1
    if flag > _LAST:
        raise _damaged(file, offset, f"has the part flag {flag}")
    if offset + _PREFIX.size + length > file.size:
        raise _damaged(
            file, offset, f"claims {length} bytes, past the end of the file"
        )
    return flag, length


def _damaged(file: OpenFile, offset: int, what: str) -> ValueError:
    return ValueError(
        f"{file.path}: the record at byte {offset} {what}. The file is "
        "damaged or cut short, or its .idx belongs to another."
    )
