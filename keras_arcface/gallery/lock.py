"""One writer at a time to a gallery's file."""

import contextlib
import os
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

from keras_arcface.utils.locks import AVAILABLE
from keras_arcface.utils.locks import NoLocksError
from keras_arcface.utils.locks import try_lock

LOOK_AGAIN_SECONDS = 0.05


@contextlib.contextmanager
def sole_writer(path: Path, timeout: float = 60.0) -> Iterator[None]:
    """Keeps other writers away from a file, which need not exist.

    The file itself cannot be locked, since every save replaces it; a lock file
    `.NAME.lock` lies beside it meanwhile. The lock ends with the process
    however it ends. On Windows nothing is kept out.

    Args:
        path: The file. Missing parents are made.
        timeout: Seconds to wait for another writer.

    Raises:
        TimeoutError: when the other has not ended by then.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    descriptor = _wait(lock, path, timeout) if AVAILABLE else None
    try:
        yield
    finally:
        if descriptor is not None:
            # While it is still held: who waits for it looks for it again.
            lock.unlink(missing_ok=True)
            os.close(descriptor)


def _wait(lock, path, timeout):
    deadline = time.monotonic() + timeout
    while True:
        try:
            descriptor = _try(lock)
        except NoLocksError as error:
            warnings.warn(
                f"The file system of {path} has no locks ({error}). Two that "
                "write to it at the same time may lose each other's people.",
                stacklevel=5,
            )
            return None
        if descriptor is not None:
            return descriptor
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"Another process has been writing to {path} for more than "
                f"{timeout:g} s. Wait for its end, or stop it."
            )
        time.sleep(LOOK_AGAIN_SECONDS)


def _try(lock):
    """Returns the locked descriptor, or None where another process has it."""
    flags = os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW
    try:
        descriptor = try_lock(lock, flags)
    except NoLocksError:
        lock.unlink(missing_ok=True)
        raise
    if descriptor is None or _is_named(descriptor, lock):
        return descriptor
    os.close(descriptor)
    return None


def _is_named(descriptor, lock):
    """Whether the file that is locked is the one that others would open."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(lock))
    except FileNotFoundError:
        return False
