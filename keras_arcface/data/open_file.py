"""Files that are read by position, few of them open at a time."""

import itertools
import os
import threading
import weakref

MOST_OPEN = 128
"""Files open at once in a process: half of the smallest usual limit."""

_turns = itertools.count()  # Its `next` is atomic.
_lock = threading.Lock()


class OpenFile:
    """A file that is read by position, by any number of threads.

    It opens when first read, in each process of its own. Of all such files of
    a process the `MOST_OPEN` that were read last stay open: a pack may have
    more shards than a process may have descriptors. One that is closed opens
    again when it is read; none is closed in the middle of a read.
    """

    def __init__(self, path: str | os.PathLike):
        self.path = os.fspath(path)
        self.size = os.stat(path).st_size
        self._descriptor, self._turn = None, 0

    def __getstate__(self) -> dict:
        return {"path": self.path, "size": self.size}

    def __setstate__(self, state: dict) -> None:
        self.__dict__.update(state, _descriptor=None, _turn=0)

    def pread(self, size: int, offset: int) -> bytes:
        """Returns up to `size` bytes from `offset`; fewer at the end."""
        self._turn = next(_turns)
        # The local name keeps it open, even where another thread lets it go.
        descriptor = self._descriptor or self._open()
        return os.pread(descriptor.number, size, offset)

    def _open(self) -> "_Descriptor":
        with _lock:
            descriptor = self._descriptor
            if descriptor is None:
                while len(_opened) >= MOST_OPEN:
                    oldest = min(_opened, key=lambda file: file._turn)
                    _opened.discard(oldest)
                    oldest._descriptor = None
                descriptor = self._descriptor = _Descriptor(self.path)
                _opened.add(self)
            return descriptor


_opened: "weakref.WeakSet[OpenFile]" = weakref.WeakSet()


class _Descriptor:
    """A descriptor that closes when nobody holds it any more."""

    def __init__(self, path: str):
        flags = os.O_RDONLY | getattr(os, "O_CLOEXEC", 0)
        self.number = os.open(path, flags)
        weakref.finalize(self, os.close, self.number)
