"""Errors of our own that travel through tf.data and back."""

import contextlib
import re
from collections.abc import Iterator

_OURS = re.compile(r"ValueError: ([^\n]+)")


@contextlib.contextmanager
def plain_errors() -> Iterator[None]:
    """Turns what tf.data makes of our `ValueError` back into it.

    A picture that turns out to be damaged while batches are read is reported
    by tf.data as an `OpError` with a page of its own around the message that
    names the file.
    """
    import tensorflow as tf

    try:
        yield
    except tf.errors.OpError as error:
        found = _OURS.search(error.message or "")
        if found is None:
            raise
        raise ValueError(found.group(1)) from error
