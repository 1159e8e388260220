"""TFRecords: one picture at an offset, checked by its checksum.

A record is its length (8 bytes), a masked CRC-32C of those, the bytes, and a
masked CRC-32C of them. The bytes are a `tf.train.Example`.
"""

import struct
from collections.abc import Iterator
from collections.abc import Sequence

import numpy as np

from keras_arcface.data.crc32c import masked_crc32c
from keras_arcface.data.samples import OpenFile
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
    # The length's own checksum says nothing that the content's does not.
    length = _parse_prefix(block, file, offset, check=False)
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
    """Pictures in TFRecord files.

    Args:
        labels: The label that each record is known to have, int64 (n,). One
            that has another when it is read is damaged, and named.
        image_key, label_key: Names of the features.
    """

    def __init__(
        self,
        files: Sequence[OpenFile],
        offsets: np.ndarray,
        file_of: np.ndarray,
        labels: np.ndarray,
        image_key: str = IMAGE,
        label_key: str = LABEL,
    ):
        super().__init__(files, offsets, file_of)
        self.labels = labels
        self.keys = (image_key, label_key)

    def read(self, index: int) -> bytes:
        file, offset = self.place(index)
        content, label = read_picture(file, offset, *self.keys)
        if label != self.labels[index]:
            raise _damaged(
                file,
                offset,
                f"has the label {label}, and the index says "
                f"{self.labels[index]}",
            )
        return content


def read_picture(
    file: OpenFile, offset: int, image_key: str, label_key: str
) -> tuple[bytes, int]:
    """Returns (encoded picture, label) of a record."""
    where = f"{file.path}: the record at byte {offset}"
    feature = parse_example(read_frame(file, offset), where)
    found = []
    for key, kind in ((image_key, "bytes_list"), (label_key, "int64_list")):
        values = getattr(feature[key], kind).value if key in feature else ()
        if len(values) != 1:
            raise ValueError(
                f"{where} has no single {kind.removesuffix('_list')} in the "
                f"feature {key!r}. Its features: {', '.join(sorted(feature))}."
            )
        found.append(values[0])
    return found[0], found[1]


def _parse_prefix(
    block: bytes, file: OpenFile, offset: int, check: bool = True
) -> int:
    if len(block) < _PREFIX.size:
        raise _damaged(file, offset, f"is past the end ({file.size} bytes)")
    length, crc = _PREFIX.unpack_from(block)
    if check and masked_crc32c(block[:8]) != crc:
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
