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

# What a name begins with while something is written or removed there.
UNFINISHED = ".writing-"
_OLD = ".old"


@contextlib.contextmanager
def atomic_path(
    path: str | os.PathLike, durable: bool = False
) -> Iterator[Path]:
    """Yields a temporary sibling of `path`; renames it to `path` on success.

    The body may write a file or make a folder at the temporary path. Whatever
    goes wrong (an error, Ctrl-C), `path` keeps what it held before and the
    temporary is removed. The temporary keeps the suffix of `path`, since many
    writers choose their format by it.

    Args:
        path: The file or folder to write. Missing parents are made.
        durable: Whether it is to outlive the machine, too: nothing is renamed
            before its bytes are on the disk, nor is this left before the new
            name is.

    Raises:
        FileNotFoundError: when the body wrote nothing.
        IsADirectoryError: when it wrote a file and `path` is a folder.
        NotADirectoryError: when it made a folder and `path` is a file.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    room = Path(tempfile.mkdtemp(prefix=UNFINISHED, dir=path.parent))
    try:
        temporary = room / path.name
        yield temporary
        if durable:
            _to_disk(temporary, *temporary.rglob("*"))
        _replace(temporary, path, room)
        if durable:
            _to_disk(path.parent)
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _to_disk(*paths: Path) -> None:
    """Waits until files, and folders' lists of names, are on the disk."""
    for path in paths:
        if path.is_dir() and os.name == "nt":
            continue  # Windows opens no folders.
        if not path.exists():
            continue  # `_replace` says that nothing was written.
        # Windows flushes no file that was opened to be read.
        mode = os.O_RDONLY if path.is_dir() else os.O_RDWR
        descriptor = os.open(path, mode)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _replace(temporary: Path, path: Path, room: Path) -> None:
    if path.exists() and temporary.exists():
        _refuse_other_kind(temporary, path)
    if not path.is_dir():
        temporary.replace(path)
        return
    # A full folder cannot be replaced by a rename: it steps aside first.
    aside = room / (path.name + _OLD)
    try:
        path.rename(aside)
        temporary.replace(path)
    except BaseException:
        # Ctrl-C may come before, between and after the two.
        if aside.exists() and not path.exists():
            aside.rename(path)
        raise


def _refuse_other_kind(temporary: Path, path: Path) -> None:
    """A folder is never swapped for a file: all in it would be lost."""
    if path.is_dir() and not temporary.is_dir():
        raise is_folder(path)
    if temporary.is_dir() and not path.is_dir():
        raise NotADirectoryError(
            f"{path} is a file, and a folder is to be written there. Move it "
            "away or give another name."
        )


def is_folder(path: str | os.PathLike) -> IsADirectoryError:
    """Returns the error for a folder where a file is to be written."""
    return IsADirectoryError(
        f"{path} is a folder, and a file is to be written there. Give the "
        "name of a file; nothing in the folder was touched."
    )


def remove_unfinished(folder: str | os.PathLike) -> None:
    """Removes what a killed process left half-written in a folder.

    A folder that had stepped aside for its successor comes back. Only for a
    folder that no other process is writing to.
    """
    for room in Path(folder).glob(UNFINISHED + "*"):
        for aside in room.glob("*" + _OLD):
            target = Path(folder) / aside.name.removesuffix(_OLD)
            if not target.exists():
                aside.rename(target)
        shutil.rmtree(room, ignore_errors=True)


def check_output_folder(path: str | os.PathLike) -> Path:
    """Returns `path`, after making sure before any work that it can be one.

    Raises:
        ValueError: when it, or something above it, is a file or not writable.
    """
    path = Path(path)
    nearest = next(p for p in [path, *path.absolute().parents] if p.exists())
    if not nearest.is_dir():
        raise ValueError(
            f"Cannot write to the folder {path}: {nearest} is a file."
        )
    if not os.access(nearest, os.W_OK):
        raise ValueError(
            f"Cannot write to the folder {path}: {nearest} is read-only."
        )
    return path


def check_output_file(
    path: str | os.PathLike, suffix: str, option: str = "--output"
) -> Path:
    """Returns `path`, after making sure before any work that it can be a file.

    Args:
        path: The file to write.
        suffix: What it must end in.
        option: What the message calls it.

    Raises:
        ValueError: when it does not end in `suffix`, or something above it is
            a file or not writable.
        IsADirectoryError: when it is a folder.
    """
    path = Path(path)
    if path.suffix != suffix:
        raise ValueError(f"{option} must end in {suffix}. Received: {path}")
    if path.is_dir():
        raise is_folder(path)
    check_output_folder(path.parent)
    return path


def sha256(path: str | os.PathLike) -> str:
    """Returns the hexadecimal SHA-256 of a file, read in chunks."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(
    path: str | os.PathLike, value: Any, durable: bool = False
) -> None:
    """Writes `value` as indented JSON, atomically. NaN is refused."""
    with atomic_path(path, durable) as temporary:
        temporary.write_text(
            json.dumps(value, indent=2, allow_nan=False) + "\n", "utf-8"
        )
