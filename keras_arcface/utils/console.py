"""Progress on long work: a live bar on a terminal, plain lines elsewhere."""

import sys
import time
from collections.abc import Iterable
from collections.abc import Iterator
from typing import TypeVar

T = TypeVar("T")


def progress(
    items: Iterable[T], description: str, total: int | None = None
) -> Iterator[T]:
    """Yields `items` and shows how far the work has come on stderr.

    Args:
        items: What to iterate over.
        description: A few words, for example `"Embedding"`.
        total: How many items come. Defaults to `len(items)` where it has one.
    """
    if total is None and hasattr(items, "__len__"):
        total = len(items)
    if sys.stderr.isatty():
        yield from _bar(items, description, total)
    else:
        yield from _lines(items, description, total)


def _bar(items, description, total):
    from rich.console import Console
    from rich.progress import track

    yield from track(
        items,
        description,
        total=total,
        console=Console(stderr=True),
        transient=True,
    )


def _lines(items, description, total, every_seconds=15.0):
    start = last = time.monotonic()
    for count, item in enumerate(items, start=1):
        yield item
        now = time.monotonic()
        if now - last >= every_seconds:
            last = now
            of_total = f"/{total}" if total else ""
            print(
                f"{description}: {count}{of_total}, {now - start:.0f} s",
                file=sys.stderr,
                flush=True,
            )
