"""Verification sets in insightface's .bin format."""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_arcface.data.bin_pickle import read_pickle
from keras_arcface.data.bin_values import ALLOWED
from keras_arcface.data.bin_values import Array
from keras_arcface.data.bin_values import Refused
from keras_arcface.data.bin_values import Span
from keras_arcface.data.bin_values import describe
from keras_arcface.data.open_file import OpenFile
from keras_arcface.data.pairs import Pairs
from keras_arcface.data.samples import Samples
from keras_arcface.evaluation import lfw_folds
from keras_arcface.utils.files import atomic_path

# No aligned face comes near; whatever is larger was not meant to be read.
MAX_PICTURE_BYTES = 2**26
FOLDS = 10


class BinPictures(Samples):
    """The pictures of a .bin file, by where they lie in it."""

    def __init__(self, path: str | os.PathLike, spans: Sequence[Span | Array]):
        self.file = OpenFile(path)
        self.spans = list(spans)
        self.places = np.arange(len(self.spans))

    def __len__(self) -> int:
        return len(self.spans)

    def read(self, index: int) -> bytes:
        value = self.spans[index]
        span = value.data if isinstance(value, Array) else value
        if not 0 < span.length <= MAX_PICTURE_BYTES:
            raise ValueError(
                f"{self.name(index)} has {span.length:,} bytes; a picture has "
                f"1 to {MAX_PICTURE_BYTES:,}."
            )
        raw = self.file.pread(span.length, span.start)
        if len(raw) < span.length:
            raise ValueError(f"{self.name(index)}: the file was cut short.")
        try:
            content = span.decode(raw)
        except Refused as error:
            raise ValueError(f"{self.name(index)} {error}") from error
        if isinstance(value, Array) and len(content) != value.count:
            raise ValueError(
                f"{self.name(index)} is an array of {value.count:,} bytes "
                f"that holds {len(content):,}."
            )
        return content

    def name(self, index: int) -> str:
        place = int(self.places[index])
        side = ("left", "right")[place % 2]
        return f"{self.file.path}, pair {place // 2} (from 0), {side} picture"

    def sources(self) -> Sequence[str]:
        return [self.file.path]

    def take(self, indices: np.ndarray) -> "BinPictures":
        taken = object.__new__(BinPictures)
        taken.file = self.file
        taken.spans = [self.spans[i] for i in indices]
        taken.places = self.places[indices]
        return taken


def read_bin(path: str | os.PathLike) -> tuple[BinPictures, Pairs]:
    """Reads insightface's .bin: a pickle of (2 p pictures, p booleans).

    Nothing in the file is executed, and pictures stay in it until they are
    decoded. Pickles of all protocols and of Python 2 are read, with pictures
    as bytes or as numpy arrays. Pictures of equal bytes are one picture.

    The format names no identities (`Pairs.subject` is `None`) and no folds:
    those are ten consecutive blocks, as insightface takes them. Where a block
    would lack a kind of pair, both kinds are dealt alike (`lfw_folds`), to
    fewer folds where there are under ten pairs of a kind.

    Returns:
        The distinct pictures, and pairs of them.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming file and place, for a pickle that is damaged or
            holds anything but bytes, numpy uint8 arrays, booleans, lists and
            tuples; when the numbers do not fit, or a picture has no bytes or
            over 64 MiB.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    content = read_pickle(path)
    if not isinstance(content, tuple | list) or len(content) != 2:
        raise _other(path, f"{describe(content)} in place of the two lists")
    spans = _pictures(content[0], path)
    is_same = _answers(content[1], path)
    if not len(is_same) or len(spans) != 2 * len(is_same):
        raise ValueError(
            f"{path} holds {len(spans):,} pictures for {len(is_same):,} pairs; "
            "two for each are needed, and a pair at least."
        )
    first, indices = _distinct(BinPictures(path, spans))
    left, right = indices.reshape(-1, 2).T
    pairs = Pairs(left, right, is_same, position_folds(is_same), subject=None)
    return first, pairs


def write_bin(
    path: str | os.PathLike,
    pictures: Sequence[bytes | str | os.PathLike],
    is_same: Sequence[bool],
) -> None:
    """Writes insightface's .bin, atomically and one picture at a time.

    The file is a pickle of protocol 3, of bytes and booleans alone; every
    Python 3 and all of insightface's tools read it.

    Args:
        path: The file to write.
        pictures: 2 p encoded pictures (JPEG, PNG), as bytes or as files; the
            k-th pair is `pictures[2 * k]` and `pictures[2 * k + 1]`.
        is_same: Whether each pair shows one identity, (p,).

    Raises:
        ValueError: when the numbers do not fit or a picture has no bytes.
    """
    if not len(is_same) or len(pictures) != 2 * len(is_same):
        raise ValueError(
            "pictures must hold two for each of is_same. Received: "
            f"{len(pictures):,} pictures and {len(is_same):,} pairs."
        )
    with atomic_path(path) as temporary, open(temporary, "wb") as file:
        file.write(b"\x80\x03](")  # Protocol 3, a list, a mark.
        for number, picture in enumerate(pictures):
            if not isinstance(picture, bytes):
                picture = Path(picture).read_bytes()
            if not picture:
                raise ValueError(f"pictures[{number}] has no bytes.")
            file.write(b"B" + len(picture).to_bytes(4, "little") + picture)
        file.write(b"e](")  # Into the list; another, another mark.
        file.write(b"".join(b"\x88" if x else b"\x89" for x in is_same))
        file.write(b"e\x86.")  # Into the list; both in a tuple; the end.


def position_folds(is_same: np.ndarray) -> np.ndarray:
    """Returns the fold of each pair by its position, see `read_bin`."""
    blocks = np.empty(len(is_same), np.int64)
    for fold, part in enumerate(np.array_split(blocks, FOLDS)):
        part[:] = fold
    genuine = np.bincount(blocks, weights=is_same, minlength=FOLDS)
    impostor = np.bincount(blocks, weights=~is_same, minlength=FOLDS)
    if genuine.all() and impostor.all():
        return blocks
    fewest = min(int(is_same.sum()), int((~is_same).sum()))
    if fewest < 2:
        return np.zeros_like(blocks)
    return lfw_folds(is_same, min(FOLDS, fewest))


def _pictures(values: object, path: Path) -> list[Span | Array]:
    if not isinstance(values, list | tuple):
        raise _other(path, f"{describe(values)} in place of the pictures")
    for place, value in enumerate(values):
        is_array = isinstance(value, Array) and value.type == "uint8"
        is_bytes = isinstance(value, Span) and not value.is_text
        if not is_array and not is_bytes:
            raise _other(path, f"{describe(value)} as picture {place}")
    return list(values)


def _answers(values: object, path: Path) -> np.ndarray:
    if isinstance(values, Array) and values.type == "bool":
        raw = np.frombuffer(BinPictures(path, [values]).read(0), np.uint8)
        if raw.max() > 1:
            raise _other(path, "a numpy bool that is neither 0 nor 1")
        return raw.astype(bool)
    if not isinstance(values, list | tuple):
        raise _other(path, f"{describe(values)} in place of the booleans")
    for place, value in enumerate(values):
        if not isinstance(value, bool):
            raise _other(path, f"{describe(value)} as the answer {place}")
    return np.array(values, bool)


def _other(path: Path, what: str) -> ValueError:
    return ValueError(
        f"{path} holds {what}. A .bin set is (2 p encoded pictures, p "
        f"booleans), of {ALLOWED}."
    )


def _distinct(pictures: BinPictures) -> tuple[BinPictures, np.ndarray]:
    """Returns the pictures without repetition, and which one each was.

    Reads every picture once, so that a damaged one is found here.
    """
    numbers, first = {}, []
    known, indices = {}, np.empty(len(pictures), np.int64)
    for place, value in enumerate(pictures.spans):
        # A pickle may name one string a million times, each time by a call of
        # its own; it is read once. The strings of a file do not overlap.
        span = value.data if isinstance(value, Array) else value
        count = value.count if isinstance(value, Array) else span.length
        key = (span.kind, span.start, span.length, count)
        if key not in known:
            content = pictures.read(place)
            digest = hashlib.sha256(content).digest()
            if digest not in numbers:
                numbers[digest] = len(first)
                first.append(place)
            known[key] = numbers[digest]
        indices[place] = known[key]
    return pictures.take(np.array(first)), indices
