"""Locks on files and folders that end with the process, however it ends."""

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

AVAILABLE = fcntl is not None


class NoLocksError(OSError):
    """The system, or the file system, knows no locks."""


def try_lock(path: Path, flags: int = os.O_RDONLY) -> int | None:
    """Returns a locked descriptor, or None where another process has it.

    Close it to let others in.

    Args:
        path: A file, or a folder.
        flags: Of `os.open`.

    Raises:
        NoLocksError: where there are no locks.
    """
    if not AVAILABLE:
        raise NoLocksError(f"This system has no locks for {path}.")
    descriptor = os.open(path, flags, 0o666)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError as error:
        os.close(descriptor)
        raise NoLocksError(error) from error
    return descriptor
