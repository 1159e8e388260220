"""What every protocol here asks of scored pairs, checked in one place."""

from numbers import Real
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike


class Subjects(NamedTuple):
    """Who is on the two sides of each pair, as codes 0 .. count - 1."""

    left: np.ndarray
    right: np.ndarray
    count: int


def check_pairs(
    similarity: ArrayLike, is_same: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Returns the scores as float64 and the truth as bool, both `(pairs,)`.

    Raises:
        ValueError: when the shapes differ, a score is not finite, the truth
            is not 0/1, or one of the two kinds of pair is missing.
    """
    scores = np.asarray(similarity, dtype=np.float64)
    truth = np.asarray(is_same)
    if scores.ndim != 1 or truth.shape != scores.shape:
        raise ValueError(
            "`similarity` and `is_same` must be one-dimensional and equally "
            "long, one entry a pair. Received shapes: "
            f"similarity {scores.shape}, is_same {truth.shape}."
        )
    _check_finite(scores)
    truth = _as_bool(truth)
    genuine = int(truth.sum())
    if genuine == 0 or genuine == truth.size:
        raise ValueError(
            "Verification needs both genuine pairs (is_same = 1) and impostor "
            f"pairs (is_same = 0). Received: {genuine} genuine and "
            f"{truth.size - genuine} impostor pairs. Add pairs of the missing "
            "kind."
        )
    return scores, truth


def _check_finite(scores: np.ndarray) -> None:
    bad = np.flatnonzero(~np.isfinite(scores))
    if bad.size:
        raise ValueError(
            f"`similarity` must be finite. Received {scores[bad[0]]} at pair "
            f"{bad[0]} ({bad.size} such pairs in all). Find the embedding "
            "that is NaN or drop these pairs on purpose and say so."
        )


def _as_bool(truth: np.ndarray) -> np.ndarray:
    if truth.dtype == bool:
        return truth
    numeric = np.issubdtype(truth.dtype, np.number)
    if not numeric or not np.isin(truth, (0, 1)).all():
        raise ValueError(
            "`is_same` must hold booleans or 0 and 1 (1 = the same subject). "
            f"Received dtype {truth.dtype} with values such as "
            f"{np.unique(truth)[:4].tolist()}."
        )
    return truth.astype(bool)


def check_subjects(
    left: ArrayLike | None, right: ArrayLike | None, is_same: np.ndarray
) -> Subjects | None:
    """Returns coded subjects, or None where none were given.

    Args:
        left: Subject of the left side of each pair, integers or strings,
            `(pairs,)`.
        right: The same for the right side.
        is_same: The truth as bool, `(pairs,)`.

    Raises:
        ValueError: when only one side is given, a length differs, or the
            subjects contradict `is_same`.
    """
    if left is None and right is None:
        return None
    if left is None or right is None:
        raise ValueError(
            "Give both `subject_left` and `subject_right`, or neither. "
            f"`subject_{'left' if left is None else 'right'}` is missing."
        )
    left, right = np.asarray(left), np.asarray(right)
    if left.shape != is_same.shape or right.shape != is_same.shape:
        raise ValueError(
            "`subject_left` and `subject_right` must have one entry a pair. "
            f"Received shapes {left.shape} and {right.shape} for "
            f"{is_same.size} pairs."
        )
    names, codes = coded(np.concatenate([left, right]))
    left_code, right_code = codes[: left.size], codes[left.size :]
    wrong = np.flatnonzero((left_code == right_code) != is_same)
    if wrong.size:
        pair = wrong[0]
        raise ValueError(
            f"The subjects contradict `is_same` in {wrong.size} pairs; the "
            f"first is pair {pair}: subjects {left[pair]!r} and "
            f"{right[pair]!r}, is_same = {bool(is_same[pair])}. A genuine "
            "pair has one subject on both sides, an impostor pair two."
        )
    return Subjects(left_code, right_code, len(names))


def coded(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the distinct values, ascending, and the place of each there.

    As `np.unique(values, return_inverse=True)`; integers that lie close
    together, millions of them too, are counted instead of sorted.
    """
    if values.size and np.issubdtype(values.dtype, np.integer):
        low, high = int(values.min()), int(values.max())
        if high - low <= values.size and high < 2**63:
            offset = values.astype(np.int64) - low
            present = np.zeros(high - low + 1, bool)
            present[offset] = True
            places = np.cumsum(present) - 1
            return np.flatnonzero(present) + low, places[offset]
    return np.unique(values, return_inverse=True)


def check_rate(name: str, rate: float) -> float:
    """Returns an error rate as float; refuses what is not in (0, 1)."""
    if not isinstance(rate, Real) or not 0.0 < rate < 1.0:
        raise ValueError(
            f"`{name}` must be a share between 0 and 1 (0.001, not 0.1 %). "
            f"Received: {rate!r}."
        )
    return float(rate)


def expected_errors(rate: float, comparisons: int) -> float:
    """Returns rate * comparisons, rounded so that 0.29 * 100 is 29."""
    return round(rate * comparisons, 9)
