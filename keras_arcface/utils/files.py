"""Writing so that nothing half-written is ever left behind."""

import contextlib
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_PREFIX = ".writing-"


@contextlib.contextmanager
def atomic_path(path: str | os.PathLike) -> Iterator[Path]:
    """Yields a temporary sibling of `path`; renames it to `path` on success.

    The body may write a file or make a folder at the temporary path. Whatever
    goes wrong (an error, Ctrl-C), `path` keeps what it held before and the
    temporary is removed. The temporary keeps the suffix of `path`, since many
    writers choose their format by it.

    Args:
        path: The file or folder to write. Missing parents are made.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=path.parent))
    try:
        temporary = room / path.name
        yield temporary
        if path.is_dir() and not path.is_symlink():
            # A full folder cannot be replaced by a rename: step aside first.
            path.rename(room / (path.name + ".old"))
        temporary.replace(path)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def remove_unfinished(folder: str | os.PathLike) -> None:
    """Removes what a killed process left half-written in a folder.

    Only for a folder that no other process is writing to.
    """
    for room in Path(folder).glob(_PREFIX + "*"):
        shutil.rmtree(room, ignore_errors=True)


def sha256(path: str | os.PathLike) -> str:
    """Returns the hexadecimal SHA-256 of a file, read in chunks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: str | os.PathLike, value: Any) -> None:
    """Writes `value` as indented JSON, atomically."""
    with atomic_path(path) as temporary:
        temporary.write_text(json.dumps(value, indent=2) + "\n", "utf-8")
