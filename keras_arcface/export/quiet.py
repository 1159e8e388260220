"""Keeps converters' chatter away from users, and gives it back on an error."""

import contextlib
import logging
import os
import sys
import tempfile
from collections.abc import Iterator

LOGGERS = ("absl", "tensorflow", "tf2onnx", "onnxruntime")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Holds back what native code and loggers write to stderr.

    If the body raises, everything held back is written out, so that the reason
    a converter printed is not lost. Stderr belongs to the whole process: other
    threads are held back as well while the body runs.
    """
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held, _loggers_at_error():
        stderr = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            _restore(stderr)
            held.seek(0)
            sys.stderr.write(held.read().decode("utf-8", "replace"))
            raise
        else:
            _restore(stderr)


def _restore(stderr):
    sys.stderr.flush()
    os.dup2(stderr, 2)
    os.close(stderr)


@contextlib.contextmanager
def _loggers_at_error():
    loggers = [logging.getLogger(name) for name in LOGGERS]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.ERROR)
        yield
    finally:
        for logger, level in zip(loggers, levels):
            logger.setLevel(level)
