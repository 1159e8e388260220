"""How far a measure would move with other subjects, by resampling.

Pairs that share a subject err together: one person with poor photographs
spoils many pairs at once. Resampling pairs as if they were independent
therefore promises too much, and subjects are resampled instead wherever they
are known.
"""

from collections.abc import Callable
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.pairs import Subjects
from keras_arcface.evaluation.pairs import check_subjects

CHUNK_ELEMENTS = 2_000_000
Statistic = Callable[[np.ndarray], dict[str, np.ndarray]]


def bootstrap_samples(
    statistic: Statistic,
    is_same: ArrayLike,
    *,
    subject_left: ArrayLike | None = None,
    subject_right: ArrayLike | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Returns the value of a weighted statistic in every resample.

    With subjects: S subjects are drawn with replacement and c[i] is how often
    subject i came. A genuine pair of subject i weighs c[i], an impostor pair
    of i and j weighs c[i] * c[j] (both ways in which pairs share subjects are
    resampled). Without subjects: genuine and impostor pairs are drawn with
    replacement, each kind among itself.

    Args:
        statistic: Takes weights `(some, pairs)`, float64; returns arrays
            `(some,)` by name. `measures.Measures` is one.
        is_same: Booleans, `(pairs,)`.
        subject_left: Subject on the left of each pair, or None.
        subject_right: Subject on the right of each pair, or None.
        resamples: How often to draw.
        seed: Of the draws; the same seed draws the same subjects for any
            system, which is what makes comparisons paired.

    Returns:
        Arrays `(resamples,)` by name.

    Reference:
    - Owen, 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1.
    - Snijders and Borgatti, 1999, "Non-parametric standard errors and tests
      for network statistics" (the vertex bootstrap).
    """
    if resamples < 1:
        raise ValueError(f"`resamples` must be positive. Received {resamples}.")
    is_same = np.asarray(is_same, dtype=bool)
    subjects = check_subjects(subject_left, subject_right, is_same)
    parts: dict[str, list] = {}
    for weights in _weights(is_same, subjects, resamples, seed):
        for name, values in statistic(weights).items():
            parts.setdefault(name, []).append(values)
    return {name: np.concatenate(part) for name, part in parts.items()}


def percentile_interval(
    samples: np.ndarray, confidence: float = 0.95
) -> tuple[float, float]:
    """Returns the central interval of bootstrap samples.

    NaN on both sides when over a tenth of the resamples left the measure
    undefined, as happens with a handful of subjects.
    """
    known = samples[np.isfinite(samples)]
    if known.size < 0.9 * samples.size:
        return (float("nan"), float("nan"))
    tail = (1.0 - confidence) / 2
    low, high = np.quantile(known, [tail, 1.0 - tail])
    return (float(low), float(high))


def _weights(
    is_same: np.ndarray, subjects: Subjects | None, resamples: int, seed: int
) -> Iterator[np.ndarray]:
    rng = np.random.default_rng(seed)
    rows = max(1, CHUNK_ELEMENTS // is_same.size)
    if subjects is not None:
        # One more subject, who always comes once, is beside genuine pairs.
        other = np.where(is_same, subjects.count, subjects.right)
    for start in range(0, resamples, rows):
        some = min(rows, resamples - start)
        if subjects is None:
            yield _pair_weights(rng, is_same, some)
        else:
            yield _subject_weights(rng, subjects, other, some)


def _subject_weights(rng, subjects, other, resamples):
    counts = np.ones((resamples, subjects.count + 1))
    counts[:, :-1] = _draw(rng, resamples, subjects.count)
    weights = counts[:, subjects.left]
    weights *= counts[:, other]
    return weights


def _pair_weights(rng, is_same, resamples):
    weights = np.empty((resamples, is_same.size))
    for row in weights:  # Row by row: the draws do not depend on the chunk.
        for kind in (is_same, ~is_same):
            row[kind] = _draw(rng, 1, int(kind.sum()))[0]
    return weights


def _draw(rng, resamples, things):
    """Returns how often each thing came in `things` draws."""
    counts = np.empty((resamples, things))
    for row in counts:
        drawn = rng.integers(things, size=things)
        row[:] = np.bincount(drawn, minlength=things)
    return counts
