"""Ranges of hyper-parameters: what a search may try.

Every loss and margin declares its own beside itself, as `search_space`: names
of arguments to ranges. A search draws points of the unit cube and maps each
coordinate by `sample`, so that random numbers, Sobol points and any other
searcher see the same ranges.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any


@dataclasses.dataclass(frozen=True)
class Range:
    """Base of the ranges: maps a number in [0, 1) to a value."""

    def sample(self, u: float) -> Any:
        """Returns the value at `u` in [0, 1), uniform in the range's measure.

        Raises:
            ValueError: for a `u` outside [0, 1).
        """
        if not 0.0 <= u < 1.0:
            raise ValueError(
                f"u must be in [0, 1), a coordinate of a point in the unit "
                f"cube. Received: u={u}."
            )
        return self._at(float(u))

    def contains(self, value: Any) -> bool:
        """Returns whether a search could try this value."""
        raise NotImplementedError(
            f"{type(self).__name__} must implement contains(value)."
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON; `from_dict` reads them."""
        values = dataclasses.asdict(self)
        return {"kind": type(self).__name__, **values}

    def _at(self, u):
        raise NotImplementedError(
            f"{type(self).__name__} must implement _at(u)."
        )


@dataclasses.dataclass(frozen=True)
class _Interval(Range):
    low: float
    high: float

    def __post_init__(self):
        if not _is_finite(self.low) or not _is_finite(self.high):
            raise ValueError(
                f"{type(self).__name__} takes two finite numbers. Received: "
                f"low={self.low!r}, high={self.high!r}."
            )
        if not self.low < self.high:
            raise ValueError(
                f"low must be below high. Received: low={self.low}, "
                f"high={self.high}."
            )

    def contains(self, value: Any) -> bool:
        """Returns whether a search could try this value."""
        return _is_finite(value) and self.low <= value <= self.high


class Uniform(_Interval):
    """Floats in [low, high), all alike.

    Example:

    >>> Uniform(0.1, 0.7).sample(0.5)
    0.4
    """

    def _at(self, u):
        return self.low + (self.high - self.low) * u


class LogUniform(_Interval):
    """Positive floats in [low, high), every factor alike.

    For scales, temperatures and rates, of which 1 and 2 lie as far apart as
    100 and 200.

    Example:

    >>> round(LogUniform(1.0, 100.0).sample(0.5), 6)
    10.0
    """

    def __post_init__(self):
        super().__post_init__()
        if self.low <= 0:
            raise ValueError(
                "LogUniform takes positive numbers. Received: "
                f"low={self.low}. Use Uniform for ranges with 0."
            )

    def _at(self, u):
        # Rounding must not lead out of the range.
        value = self.low * math.exp(u * math.log(self.high / self.low))
        return min(max(value, self.low), self.high)


class Integer(_Interval):
    """Integers from low to high, both included.

    Example:

    >>> [Integer(2, 4).sample(u) for u in (0.0, 0.5, 0.999)]
    [2, 3, 4]
    """

    def __post_init__(self):
        super().__post_init__()
        if int(self.low) != self.low or int(self.high) != self.high:
            raise ValueError(
                "Integer takes two integers. Received: "
                f"low={self.low}, high={self.high}."
            )

    def contains(self, value: Any) -> bool:
        """Returns whether a search could try this value."""
        return super().contains(value) and int(value) == value

    def _at(self, u):
        return int(self.low) + int(u * (int(self.high) - int(self.low) + 1))


@dataclasses.dataclass(frozen=True)
class Choice(Range):
    """One of several numbers, words or flags.

    Args:
        options: Two or more, each of which JSON keeps as it is: numbers,
            strings, booleans or None.

    Example:

    >>> Choice(("all", "negatives")).sample(0.6)
    'negatives'
    """

    options: tuple

    def __post_init__(self):
        object.__setattr__(self, "options", tuple(self.options))
        kinds = (bool, int, float, str, type(None))
        plain = all(isinstance(option, kinds) for option in self.options)
        if len(self.options) < 2 or not plain:
            raise ValueError(
                "Choice takes two or more numbers, strings, booleans or None. "
                f"Received: options={self.options!r}."
            )

    def contains(self, value: Any) -> bool:
        """Returns whether a search could try this value."""
        return value in self.options

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON; `from_dict` reads them."""
        return {"kind": "Choice", "options": list(self.options)}

    def _at(self, u):
        return self.options[int(u * len(self.options))]


_KINDS = {
    kind.__name__: kind for kind in (Uniform, LogUniform, Integer, Choice)
}


def from_dict(values: Mapping[str, Any]) -> Range:
    """Returns the range that `to_dict` wrote.

    Raises:
        ValueError: for a kind that is not known.
    """
    values = dict(values)
    kind = values.pop("kind", None)
    if kind not in _KINDS:
        raise ValueError(
            f"The kind of a range must be one of {', '.join(_KINDS)}. "
            f"Received: kind={kind!r}."
        )
    return _KINDS[kind](**values)


def _is_finite(value):
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value)
