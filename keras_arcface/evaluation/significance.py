"""Several trainings of several methods: which can be told apart?

What one training gives is luck in part. Here stand intervals for means over
trainings (Student's t), paired differences between methods over the same
seeds, and a correction for looking at many pairs at once (Holm).
"""

import dataclasses
import itertools
import math
from collections.abc import Iterable
from collections.abc import Mapping
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.student_t import t_quantile
from keras_arcface.evaluation.student_t import t_tails

LEVEL = 0.95


@dataclass(frozen=True)
class MeanInterval:
    """A mean over trainings, and how sure it is.

    Attributes:
        mean: Over the trainings.
        interval: 95 % t-interval; None for one training, which says nothing
            of the next.
        deviation: Standard deviation between trainings; None for one.
        count: Trainings.
    """

    mean: float
    interval: tuple[float, float] | None
    deviation: float | None
    count: int


@dataclass(frozen=True)
class PairedDifference:
    """Two methods over the same seeds.

    Attributes:
        first: Name of the first method.
        second: Name of the second.
        difference: Mean of first - second.
        interval: 95 % t-interval of the difference, of this pair alone; None
            for one seed.
        p_value: Two-sided, of the paired t-test; 1 for one seed.
        adjusted: The p-value after Holm's correction for all pairs.
    """

    first: str
    second: str
    difference: float
    interval: tuple[float, float] | None
    p_value: float
    adjusted: float

    @property
    def told_apart(self) -> bool:
        """Whether the two differ by more than luck, among so many pairs."""
        return self.adjusted < 1 - LEVEL


def t_interval(values: ArrayLike) -> MeanInterval:
    """Returns the mean of values with its 95 % t-interval.

        mean +- t(0.975, n - 1) * s / sqrt(n)

    It says where the mean over many more trainings would lie. It knows nothing
    of other data or other test classes.

    Args:
        values: One number a training, `(n,)`, finite.

    Raises:
        ValueError: when there is none, or one is not finite.

    Example:

    >>> result = t_interval([0.80, 0.82, 0.84])
    >>> [round(end, 4) for end in result.interval]
    [0.7703, 0.8697]
    """
    values = _checked(values, "values")
    mean, count = float(values.mean()), values.size
    if count < 2:
        return MeanInterval(mean, None, None, count)
    deviation = float(values.std(ddof=1))
    if (values == values[0]).all():  # Where a rounded mean would deviate.
        mean, deviation = float(values[0]), 0.0
    half = t_quantile(0.5 + LEVEL / 2, count - 1) * deviation / count**0.5
    return MeanInterval(mean, (mean - half, mean + half), deviation, count)


def paired_t_test(first: ArrayLike, second: ArrayLike) -> float:
    """Returns the two-sided p-value that two methods differ by luck.

    What is equal for all seeds is told apart without doubt (p = 0), what never
    differs not at all (p = 1).

    Args:
        first: One number a seed, `(n,)`.
        second: The same seeds of the other method, `(n,)`.

    Raises:
        ValueError: when lengths differ, or a number is not finite.
    """
    first, second = _checked(first, "first"), _checked(second, "second")
    if first.shape != second.shape:
        raise ValueError(
            "Pairs need the same seeds on both sides. Received: "
            f"{first.size} and {second.size} numbers."
        )
    result = t_interval(first - second)
    if result.deviation is None or result.mean == 0:
        return 1.0
    if result.deviation == 0:
        return 0.0
    error = result.deviation / math.sqrt(result.count)
    return t_tails(result.mean / error, result.count - 1)


def holm(p_values: Sequence[float]) -> list[float]:
    """Returns p-values corrected for being many, by Holm's method.

    The chance that any pair without a difference falls below 0.05 is 0.05
    at most, however the pairs hang together.

    Reference:
    - Holm, 1979, "A simple sequentially rejective multiple test procedure",
      Scandinavian Journal of Statistics 6.

    Example:

    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    count, adjusted, largest = len(p_values), [1.0] * len(p_values), 0.0
    order = sorted(range(count), key=lambda place: p_values[place])
    for rank, place in enumerate(order):
        largest = max(largest, (count - rank) * p_values[place])
        adjusted[place] = min(1.0, largest)
    return adjusted


def paired_differences(
    values: Mapping[str, ArrayLike],
) -> list[PairedDifference]:
    """Compares every method with every other over the same seeds.

    Args:
        values: By method, one number a seed, `(n,)`, seeds in the same order.

    Returns:
        One for each pair, in the order of the methods, corrected for all of
        these pairs.

    Raises:
        ValueError: when lengths differ, or a number is not finite.

    Example:

    >>> scores = {"a": [0.80, 0.82, 0.81], "b": [0.60, 0.63, 0.61]}
    >>> [pair] = paired_differences(scores)
    >>> round(pair.difference, 4), pair.told_apart
    (0.1967, True)
    """
    arrays = {name: _checked(v, name) for name, v in values.items()}
    differences = []
    for a, b in itertools.combinations(arrays, 2):
        p_value = paired_t_test(arrays[a], arrays[b])
        result = t_interval(arrays[a] - arrays[b])
        differences.append(
            PairedDifference(
                a, b, result.mean, result.interval, p_value, p_value
            )
        )
    return corrected(differences)


def corrected(
    differences: Iterable[PairedDifference],
) -> list[PairedDifference]:
    """Returns the same differences, corrected for all that are given.

    For pairs that were compared in several readings: who looks at all of them
    has to correct for all.
    """
    differences = list(differences)
    adjusted = holm([difference.p_value for difference in differences])
    return [
        dataclasses.replace(difference, adjusted=p_value)
        for difference, p_value in zip(differences, adjusted, strict=True)
    ]


def alike_groups(
    names: Sequence[str], differences: Iterable[PairedDifference]
) -> list[tuple[str, ...]]:
    """Returns the largest groups in which no two can be told apart.

    A method may be in several: that A is like B and B like C does not make A
    like C. Methods keep their order; one that is told apart from every other
    is a group alone.
    """
    apart = {
        frozenset((d.first, d.second)) for d in differences if d.told_apart
    }
    near = {
        name: {
            other
            for other in names
            if other != name and frozenset((name, other)) not in apart
        }
        for name in names
    }
    groups: list[set[str]] = []
    _cliques(set(), set(names), set(), near, groups)
    place = {name: rank for rank, name in enumerate(names)}
    ordered = [tuple(sorted(group, key=place.get)) for group in groups]
    return sorted(ordered, key=lambda group: [place[name] for name in group])


def _cliques(inside, open_, seen, near, found):
    """Bron and Kerbosch, 1973, with a pivot."""
    if not open_ and not seen:
        if inside:
            found.append(inside)
        return
    pivot = max(open_ | seen, key=lambda name: len(near[name] & open_))
    for name in sorted(open_ - near[pivot]):
        _cliques(
            inside | {name}, open_ & near[name], seen & near[name], near, found
        )
        open_ = open_ - {name}
        seen = seen | {name}


def _checked(values, name):
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not values.size or not np.isfinite(values).all():
        raise ValueError(
            f"`{name}` must hold finite numbers, (n,), at least one. Received: "
            f"shape {values.shape}."
        )
    return values
