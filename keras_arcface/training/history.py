"""The values of a run's epochs, as rows and as columns."""

from collections.abc import Mapping
from collections.abc import Sequence
from typing import Any


def columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """Returns the values by name, one a row; None where a row has none."""
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: [row.get(name) for row in rows] for name in names}
