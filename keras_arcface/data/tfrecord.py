"""TFRecords: framing, checksums, and the picture inside a record.

A record is its length (8 bytes), a masked CRC-32C of those, the bytes, and a
masked CRC-32C of them. The bytes are a `tf.train.Example`.
"""

import struct
import zlib
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from keras_arcface.data.crc32c import masked_crc32c
from keras_arcface.data.open_file import OpenFile
from keras_arcface.data.samples import Records

IMAGE = "image/encoded"
LABEL = "image/class/label"
CLASS_NAME = "image/class/text"
NAME = "image/filename"

_PREFIX = struct.Struct("<QI")
_CRC = struct.Struct("<I")
FRAME = _PREFIX.size + _CRC.size
"""Bytes that a record takes beside its content."""
_FIRST_READ = 16 * 1024


def read_frame(file: OpenFile, offset: int) -> bytes:
    """Returns the content of the record that starts at a byte.

    Raises:
        ValueError: naming file and byte, when there is no whole record there
            or its checksum says that it was damaged.
    """
    block = file.pread(_FIRST_READ, offset)
    length = _parse_prefix(block, file, offset)
    end = _PREFIX.size + length + _CRC.size
    if len(block) < end:
        block += file.pread(end - len(block), offset + len(block))
    content = block[_PREFIX.size : _PREFIX.size + length]
    (crc,) = _CRC.unpack_from(block, _PREFIX.size + length)
    if masked_crc32c(content) != crc:
        raise _damaged(file, offset, "has another checksum than it was given")
    return content


def scan_frames(file: OpenFile) -> Iterator[int]:
    """Yields where each record of a file starts; its content is not read."""
    offset = 0
    while offset < file.size:
        block = file.pread(_PREFIX.size, offset)
        length = _parse_prefix(block, file, offset)
        yield offset
        offset += FRAME + length


def parse_example(content: bytes, where: str):
    """Returns {feature: values} of a `tf.train.Example`."""
    import tensorflow as tf
    from google.protobuf.message import DecodeError

    try:
        return tf.train.Example.FromString(content).features.feature
    except DecodeError as error:
        raise ValueError(
            f"{where} is no tf.train.Example, of which a TFRecord of pictures "
            "is made."
        ) from error


class TFRecords(Records):
    """Pictures in TFRecord files, by where their own bytes lie.

    A picture is read with one call and compared with a checksum that zlib
    works out a hundred times faster than the CRC-32C of its record could be in
    Python; that one is compared where records are scanned.

    Args:
        offsets: Where each picture (not its record) starts, int64 (n,).
        lengths: Bytes of each picture, uint32 (n,).
        checksums: `zlib.crc32` of each, uint32 (n,).
    """

    kind = "picture"

    def __init__(
        self,
        files: Sequence[OpenFile],
        offsets: np.ndarray,
        file_of: np.ndarray,
        lengths: np.ndarray,
        checksums: np.ndarray,
    ):
        super().__init__(files, offsets, file_of)
        self.lengths, self.checksums = lengths, checksums

    def read(self, index: int) -> bytes:
        file, offset = self.place(index)
        content = file.pread(int(self.lengths[index]), offset)
        if zlib.crc32(content) != self.checksums[index]:
            raise ValueError(
                f"{self.name(index)} has another checksum than it was given. "
                "The file is damaged or cut short. Pack the data again."
            )
        return content


def find_picture(
    file: OpenFile, offset: int, image_key: str, label_key: str
) -> tuple[int, bytes, int]:
    """Returns (where the picture starts, its bytes, label) of a record."""
    where = f"{file.path}: the record at byte {offset}"
    frame = read_frame(file, offset)
    feature = parse_example(frame, where)
    found = []
    for key, kind in ((image_key, "bytes_list"), (label_key, "int64_list")):
        values = getattr(feature[key], kind).value if key in feature else ()
        if len(values) != 1:
            raise ValueError(
                f"{where} has no single {kind.removesuffix('_list')} in the "
                f"feature {key!r}. Its features: {', '.join(sorted(feature))}."
            )
        found.append(values[0])
    content, label = found
    return offset + picture_start(frame, content), content, label


def picture_start(example: bytes, content: bytes) -> int:
    """Returns where a picture lies in the record of its serialized example."""
    return _PREFIX.size + example.index(content)


def _parse_prefix(block: bytes, file: OpenFile, offset: int) -> int:
    if len(block) < _PREFIX.size:
        raise _damaged(file, offset, f"is past the end ({file.size} bytes)")
    length, crc = _PREFIX.unpack_from(block)
    if masked_crc32c(block[:8]) != crc:
        raise _damaged(file, offset, "has a damaged length")
    if offset + FRAME + length > file.size:
        raise _damaged(
            file, offset, f"claims {length} bytes, past the end of the file"
        )
    return length


def _damaged(file: OpenFile, offset: int, what: str) -> ValueError:
    return ValueError(
        f"{file.path}: the record at byte {offset} {what}. The file is "
        "damaged, cut short, or no TFRecord."
    )
