"""The file of a gallery: an uncompressed zip of plain arrays and JSON.

templates.npy   unit rows, float32, `(identities, dim)`
lengths.npy     lengths of their sums, float64; weights.npy, pictures.npy
names.json      the names, in the order of the rows
gallery.json    format, size, model, calibrations, and the SHA-256 of all others

`numpy.load` opens it too. Reading executes nothing and takes no more memory
than the file has bytes, whatever it claims.
"""

import contextlib
import errno
import hashlib
import json
import struct
import zipfile
from collections.abc import Iterator
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

FACTS = "gallery.json"
FORMAT = "keras_arcface gallery"
VERSION = 1
CHUNK_BYTES = 1 << 22
_DAMAGE = (
    zipfile.BadZipFile,
    struct.error,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    EOFError,
    OverflowError,
    RuntimeError,
)


def write_archive(
    path: Path,
    arrays: Mapping[str, np.ndarray],
    lists: Mapping[str, list],
    facts: Mapping[str, Any],
) -> None:
    """Writes a new file; the same values give the same bytes.

    Args:
        path: The file. Not atomic: give a temporary one.
        arrays: By member name, C-contiguous; written without a copy.
        lists: By member name, values for JSON.
        facts: More entries of gallery.json.
    """
    digests = {}
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            chunks = _array_chunks(array)
            digests[name] = _write(archive, name, chunks)
        for name, values in lists.items():
            digests[name] = _write(archive, name, [_json_bytes(values)])
        head = {"format": FORMAT, "format_version": VERSION}
        text = _json_bytes({**head, **facts, "sha256": digests})
        _write(archive, FACTS, [text])


def _write(archive, name, chunks):
    digest = hashlib.sha256()
    # Without a date: `ZipInfo` has one of its own.
    with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as member:
        for chunk in chunks:
            digest.update(chunk)
            member.write(chunk)
    return digest.hexdigest()


def _array_chunks(array):
    yield _npy_header(array.shape, array.dtype)
    data = array.reshape(-1).view(np.uint8)
    for start in range(0, data.size, CHUNK_BYTES):
        yield memoryview(data[start : start + CHUNK_BYTES])


def _npy_header(shape, dtype):
    """Returns the start of a .npy file, always the same bytes."""
    text = str(
        {
            "descr": np.dtype(dtype).str,
            "fortran_order": False,
            "shape": tuple(int(side) for side in shape),
        }
    )
    padded = text + " " * (-(len(text) + 11) % 64) + "\n"
    return (
        b"\x93NUMPY\x01\x00" + struct.pack("<H", len(padded)) + padded.encode()
    )


def _json_bytes(value):
    return json.dumps(value, allow_nan=False).encode("ascii")


class Archive:
    """A file that is being read, each member checked against its SHA-256.

    Args:
        path: For messages.
        archive: The opened zip file.
        expected: What is in it beside gallery.json.

    Attributes:
        facts: What gallery.json says.
    """

    def __init__(
        self, path: Path, archive: zipfile.ZipFile, expected: Sequence[str]
    ):
        self._archive = archive
        self._members = _members(archive, path.stat().st_size)
        self.facts = self._json(FACTS)
        if self.fact("format", str) != FORMAT:
            raise ValueError("it is another kind of file")
        if self.fact("format_version", int) != VERSION:
            raise ValueError(
                f"its format is version {self.facts['format_version']}, and "
                f"this keras_arcface reads version {VERSION}"
            )
        self._digests = self.fact("sha256", dict)
        names = {*expected, FACTS}
        if not names == {*self._digests, FACTS} == set(self._members):
            raise ValueError(f"its members are {sorted(self._members)[:9]}")

    def fact(self, name: str, *kinds: type) -> Any:
        """Returns an entry of gallery.json; refuses one of another type."""
        if not isinstance(self.facts, dict) or name not in self.facts:
            raise ValueError(f"{FACTS} lacks {name!r}")
        value = self.facts[name]
        if type(value) not in kinds:
            raise ValueError(f"{FACTS} has {name!r} of {str(value)[:40]!r}")
        return value

    def json_list(self, name: str) -> list:
        """Returns a list that was written under this name."""
        values = self._json(name)
        if not isinstance(values, list):
            raise ValueError(f"{name} holds no list")
        return values

    def array(self, name: str, shape: tuple, dtype: type) -> np.ndarray:
        """Returns an array of known shape and dtype."""
        header = _npy_header(shape, dtype)
        size = int(np.prod(shape, dtype=object)) * np.dtype(dtype).itemsize
        if self._members[name].file_size != len(header) + size:
            raise ValueError(f"{name} has another size than {shape}")
        array = np.empty(shape, dtype)
        data, digest = array.reshape(-1).view(np.uint8), hashlib.sha256(header)
        with self._archive.open(name) as member:
            if member.read(len(header)) != header:
                raise ValueError(f"{name} is no array {shape}")
            for start in range(0, size, CHUNK_BYTES):
                part = memoryview(data[start : start + CHUNK_BYTES])
                _read_into(member, part, name)
                digest.update(part)
            self._check_end(member, name, digest)
        return array

    def _json(self, name):
        with self._archive.open(name) as member:
            text = member.read(self._members[name].file_size)
            digest = hashlib.sha256(text)
            self._check_end(member, name, digest)
        return json.loads(text, parse_constant=_refuse_constant)

    def _check_end(self, member, name, digest):
        if member.read(1):  # The zip's own check comes with the last byte.
            raise ValueError(f"{name} is longer than it says")
        if name != FACTS and digest.hexdigest() != self._digests[name]:
            raise ValueError(f"the SHA-256 of {name} differs")


@contextlib.contextmanager
def open_archive(path: Path, expected: Sequence[str]) -> Iterator[Archive]:
    """Opens a gallery's file; what goes wrong inside says that it is damaged.

    Args:
        path: What `write_archive` wrote.
        expected: Names of all its members but gallery.json.

    Raises:
        FileNotFoundError: when there is no such file.
        IsADirectoryError: when it is a folder.
        ValueError: when it is no gallery, or not the one that was written.
    """
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder and no gallery.")
    if not path.is_file():
        raise FileNotFoundError(f"The gallery {path} is not there.")
    try:
        with zipfile.ZipFile(path) as archive:
            yield Archive(path, archive, expected)
    except _DAMAGE as error:
        raise _damaged(path, error) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # It says to read before its start.
            raise
        raise _damaged(path, error) from error


def _damaged(path, error):
    return ValueError(
        f"{path} is no whole gallery: {error}. Nothing of it was used. Restore "
        "a copy, or enroll anew in another file."
    )


def is_archive(path: Path) -> bool:
    """Whether a file may be replaced by a gallery: it is one, or was."""
    if not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return FACTS in archive.namelist()
    except (*_DAMAGE, OSError):
        return False


def _members(archive, size):
    members = archive.infolist()
    by_name = {member.filename: member for member in members}
    if len(by_name) != len(members):
        raise ValueError("it has two members of one name")
    if FACTS not in by_name:
        raise ValueError(f"it has no {FACTS}")
    # What is not compressed cannot be more than the file has bytes.
    if any(
        m.compress_type != zipfile.ZIP_STORED or m.compress_size != m.file_size
        for m in members
    ):
        raise ValueError("its members are compressed")
    if sum(member.file_size for member in members) > size:
        raise ValueError("its members are larger than the file")
    return by_name


def _read_into(member, part, name):
    done = 0
    while done < len(part):
        count = member.readinto(part[done:])
        if not count:
            raise ValueError(f"{name} ends too early")
        done += count


def _refuse_constant(text):
    raise ValueError(f"{text} is no JSON")
