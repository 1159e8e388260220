"""The fields of a pickle's file, each read in bounded memory."""

import os
import struct
from typing import BinaryIO

from keras_arcface.data.bin_values import Refused
from keras_arcface.data.bin_values import Span

_LONGEST_LINE = 512


class Source:
    """A file that is read field by field, and never past its end."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.size = os.fstat(file.fileno()).st_size

    def take(self, count: int) -> bytes:
        """Returns the next bytes, all of them."""
        data = self.file.read(count)
        if len(data) < count:
            raise Refused("ends too early; it was cut short")
        return data

    def line(self) -> bytes:
        """Returns a short line without its end."""
        line = self.file.readline(_LONGEST_LINE)
        if not line.endswith(b"\n"):
            raise Refused("has a line without an end")
        return line[:-1].rstrip(b"\r")

    def number(self, number_format: str) -> int:
        """Returns one number in the notation of `struct`."""
        size = struct.calcsize(number_format)
        return struct.unpack(number_format, self.take(size))[0]

    def span(self, kind: str, length_format: str) -> Span:
        """Passes over a string whose length stands before it."""
        length, start = self.number(length_format), self.file.tell()
        left = self.size - start
        if not 0 <= length <= left:
            raise Refused(
                f"claims a string of {length:,} bytes, where {left:,} are left"
            )
        self.file.seek(start + length)
        return Span(kind, start, length)

    def span_of_line(self, kind: str) -> Span:
        """Passes over a string that a line's end closes."""
        start = self.file.tell()
        while not (part := self.file.readline(2**16)).endswith(b"\n"):
            if not part:
                raise Refused("ends too early; it was cut short")
        return Span(kind, start, self.file.tell() - start - 1)

    def read(self, span: Span) -> bytes:
        """Returns what a short span stands for; the place in the file stays."""
        here = self.file.tell()
        self.file.seek(span.start)
        raw = self.take(span.length)
        self.file.seek(here)
        return span.decode(raw)


def as_integer(line: bytes) -> int:
    """Returns the integer that a line spells, `L` at its end or not."""
    digits = line.removesuffix(b"L")
    bare = digits.removeprefix(b"-")
    if not bare.isdigit() or len(bare) > 20:
        raise Refused("has a number that is none")
    return int(digits)
