"""Walking through folders that somebody else filled."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple


class Found(NamedTuple):
    """What a walk came upon.

    Attributes:
        path: From the root, with `/`.
        kind: `"file"`; `"folder"`, only of `walk_each`; `"again"`, a folder
            that was walked already, as in a loop of links; `"denied"`, a
            folder that cannot be listed; or `"special"`, what is neither file
            nor folder: a pipe, a link to nothing.
    """

    path: str
    kind: str


def walk(
    root: str | os.PathLike, skip: tuple[Path, ...] = ()
) -> Iterator[Found]:
    """Yields all below a folder, sorted by name in each folder.

    Links are followed, each real folder is walked once: loops end. Hidden
    files and folders, whose names start with a dot, are passed over.

    Args:
        root: A folder.
        skip: Folders to leave out.
    """
    seen = {_identity(path) for path in skip if path.exists()}
    seen.add(_identity(root))
    yield from _walk(Path(root), "", seen)


def walk_each(root: str | os.PathLike) -> Iterator[Found]:
    """Yields all below a folder; each of its own folders is walked by itself.

    As `walk`, but every folder in the root comes first as a `"folder"`, and is
    walked under every name it has there: two names with links to one folder
    both have its files. Deeper down, each real folder is walked once, and none
    that is in the root already.

    Args:
        root: A folder.
    """
    seen = {_identity(root)}
    folders = []
    for found in _entries(Path(root)):
        if found.kind == "folder":
            folders.append(found)
            seen.add(_identity(Path(root) / found.path))
        else:
            yield found
    for found in folders:
        yield found
        yield from _walk(Path(root) / found.path, f"{found.path}/", seen)


def _entries(root: Path) -> Iterator[Found]:
    try:
        names = sorted(os.listdir(root))
    except OSError:
        yield Found("", "denied")
        return
    for name in names:
        if not name.startswith("."):
            yield Found(name, _kind(root / name, set()))


def _walk(folder: Path, prefix: str, seen: set) -> Iterator[Found]:
    # A stack of our own: folders may be nested deeper than Python recurses.
    todo = [(folder, prefix)]
    while todo:
        folder, prefix = todo.pop()
        try:
            names = sorted(os.listdir(folder))
        except OSError:
            yield Found(prefix.rstrip("/"), "denied")
            continue
        folders = []
        for name in names:
            if name.startswith("."):
                continue
            kind = _kind(folder / name, seen)
            if kind == "folder":
                folders.append((folder / name, f"{prefix}{name}/"))
            else:
                yield Found(prefix + name, kind)
        todo.extend(reversed(folders))


def _kind(path: Path, seen: set) -> str:
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            identity = _identity(path)
            if identity in seen:
                return "again"
            seen.add(identity)
            return "folder"
    except OSError:  # A link to nothing or to itself.
        return "special"
    return "file" if stat.S_ISREG(mode) else "special"


def _identity(path: str | os.PathLike) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
