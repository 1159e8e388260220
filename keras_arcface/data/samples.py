"""Where encoded pictures lie: in files of their own, or in records of one.

`ImageData` asks its samples for three things: the encoded bytes of sample i, a
name for messages, and a selection. Nothing is opened before it is read, and a
million samples are a few NumPy arrays.
"""

import abc
import os
from collections.abc import Iterable
from collections.abc import Sequence

import numpy as np

from keras_arcface.data.open_file import OpenFile


class Samples(abc.ABC):
    """Encoded pictures by index. Reading is safe from several threads."""

    @abc.abstractmethod
    def __len__(self) -> int: ...

    @abc.abstractmethod
    def read(self, index: int) -> bytes:
        """Returns the encoded picture of sample `index`."""

    @abc.abstractmethod
    def name(self, index: int) -> str:
        """Returns what messages call sample `index`."""

    def sources(self) -> Iterable[str]:
        """Returns the paths of all files that the samples are read from."""
        return ()

    @abc.abstractmethod
    def take(self, indices: np.ndarray) -> "Samples":
        """Returns the samples at integer `indices`, in that order."""


class FilePaths(Samples, Sequence):
    """Picture files: a sequence of paths in one block of memory.

    A list of as many `str` takes two to three times the memory.

    Args:
        paths: The paths, in any script; undecodable bytes of a name are kept
            as Python keeps them (surrogate escapes).
    """

    def __init__(self, paths: Iterable[str] = ()):
        text, ends = bytearray(), [0]
        for path in paths:
            text += os.fsencode(path)
            ends.append(len(text))
        self._set(bytes(text), np.asarray(ends, np.int64))

    def _set(self, text: bytes, ends: np.ndarray) -> None:
        self._text, self._starts, self._ends = text, ends[:-1], ends[1:]

    def __len__(self) -> int:
        return len(self._ends)

    def __getitem__(self, index):
        if isinstance(index, slice):
            return self.take(np.arange(len(self))[index])
        start, end = self._starts[index], self._ends[index]
        return os.fsdecode(self._text[start:end])

    def __eq__(self, other) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    __hash__ = None

    def __reduce__(self):
        return FilePaths, (list(self),)  # Not those it was taken from.

    def read(self, index: int) -> bytes:
        path = self[index]
        try:
            with open(path, "rb") as file:
                return file.read()
        except FileNotFoundError as error:
            raise FileNotFoundError(f"No such picture: {path}") from error

    def name(self, index: int) -> str:
        return self[index]

    def sources(self) -> Iterable[str]:
        return self

    def take(self, indices: np.ndarray) -> "FilePaths":
        taken = FilePaths()
        taken._text = self._text
        taken._starts, taken._ends = self._starts[indices], self._ends[indices]
        return taken


class Records(Samples):
    """Pictures inside record files: a file number and an offset each.

    Subclasses say how a record is read at its offset.

    Args:
        files: The record files.
        offsets: Where each record starts, int64 (n,).
        file_of: Which file each is in, int32 (n,). Defaults to the first.
    """

    kind = "record"

    def __init__(
        self,
        files: Sequence[OpenFile],
        offsets: np.ndarray,
        file_of: np.ndarray | None = None,
    ):
        self.files = list(files)
        self.offsets = offsets
        self.file_of = file_of

    def __len__(self) -> int:
        return len(self.offsets)

    def place(self, index: int) -> tuple[OpenFile, int]:
        """Returns (file, offset) of sample `index`."""
        number = 0 if self.file_of is None else self.file_of[index]
        return self.files[number], int(self.offsets[index])

    def name(self, index: int) -> str:
        file, offset = self.place(index)
        return f"{file.path}, {self.kind} at byte {offset}"

    def sources(self) -> Iterable[str]:
        numbers = [0] if self.file_of is None else np.unique(self.file_of)
        return [self.files[number].path for number in numbers]

    def take(self, indices: np.ndarray) -> "Records":
        taken = object.__new__(type(self))
        taken.__dict__.update(self.__dict__)
        for key, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(taken, key, value[indices])
        return taken


def as_samples(samples: Samples | Sequence[str]) -> Samples:
    """Returns `Samples` as they are, and a sequence of paths as `FilePaths`."""
    return samples if isinstance(samples, Samples) else FilePaths(samples)
