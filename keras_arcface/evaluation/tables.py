"""Tables for a terminal and values for JSON, alike in every report."""

import math
from collections.abc import Iterable
from collections.abc import Iterator
from typing import Any

Interval = tuple[float, float]


def aligned(rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    """Yields rows of words as lines: a name, numbers to the right, a note."""
    rows = list(rows)
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for name, *numbers, note in rows:
        cells = [name.ljust(widths[0])]
        cells += [n.rjust(w) for n, w in zip(numbers, widths[1:], strict=False)]
        yield "  ".join([*cells, note]).rstrip()


def percent(share: float) -> str:
    """Returns a share as `12.34%`, with more digits below one in a thousand."""
    if math.isnan(share):
        return "-"
    if 0 < share < 1e-3:
        return f"{100 * share:.2g}%"
    return f"{100 * share:.2f}%"


def percent_range(interval: Interval | None) -> str:
    """Returns the two ends of an interval in percent; nothing for NaN."""
    if interval is None or math.isnan(interval[0]):
        return ""
    low, high = (percent(end).rstrip("%") for end in interval)
    return f"[{low}, {high}]"


def jsonable(value: Any) -> Any:
    """Returns plain values ready for JSON; what is NaN becomes None."""
    if isinstance(value, dict):
        return {key: jsonable(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [jsonable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
