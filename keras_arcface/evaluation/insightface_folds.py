"""The accuracy that insightface's script prints, to compare with its tables.

It differs from the protocol of LFW in three ways: thresholds come from a grid
of 400 squared distances, folds are cut by position whatever the pairs are,
and what stands behind the +- is the deviation of the folds, not the error of
their mean.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.pairs import check_pairs

FOLDS = 10
GRID = np.arange(0, 4, 0.01)
ROUNDING = 1e-6


@dataclass(frozen=True)
class InsightfaceAccuracy:
    """Mean and deviation over folds, as insightface prints them.

    Attributes:
        accuracy: Mean over the ten folds.
        deviation: std(ddof=0) over the folds: 3.2 times and more the S_E of
            LFW's protocol, and no standard error.
    """

    accuracy: float
    deviation: float

    def summary(self) -> str:
        """Returns one line that says whose number it is."""
        return (
            f"As insightface prints it: {self.accuracy:.5f}+-"
            f"{self.deviation:.5f} (deviation of folds, not S_E)"
        )


def is_applicable(similarity: ArrayLike) -> bool:
    """Returns whether these are cosines, at least one a fold."""
    scores = np.asarray(similarity)
    return scores.size >= FOLDS and bool(np.abs(scores).max() <= 1 + ROUNDING)


def insightface_accuracy(
    similarity: ArrayLike, is_same: ArrayLike
) -> InsightfaceAccuracy:
    """Returns what `verification.py` of insightface prints for these pairs.

    A pair is accepted where the squared distance of unit embeddings, 2 - 2
    cos, is below a threshold; of equally good thresholds on nine folds the
    smallest is kept.

    Args:
        similarity: Cosines, `(pairs,)`, in the order of the set.
        is_same: Booleans or 0/1, `(pairs,)`.

    Raises:
        ValueError: when there are fewer than ten pairs, or scores outside
            [-1, 1], which have no distance.
    """
    scores, truth = check_pairs(similarity, is_same)
    if not is_applicable(scores):
        raise ValueError(
            "insightface's number needs cosines of at least ten pairs. "
            f"Received: {scores.size} pairs with scores from "
            f"{scores.min():g} to {scores.max():g}."
        )
    correct, sizes = _correct(2 - 2 * scores, truth)
    best = np.argmax(correct.sum(0) - correct, axis=1)
    accuracies = correct[np.arange(FOLDS), best] / sizes
    return InsightfaceAccuracy(
        float(accuracies.mean()), float(accuracies.std())
    )


def _correct(distance, is_same):
    """Returns what each threshold decides rightly in each fold, and sizes."""
    folds = np.array_split(np.arange(distance.size), FOLDS)
    counts = np.empty((FOLDS, GRID.size), dtype=np.int64)
    for row, fold in enumerate(folds):
        genuine = np.sort(distance[fold][is_same[fold]])
        impostor = np.sort(distance[fold][~is_same[fold]])
        below = np.searchsorted(impostor, GRID)
        counts[row] = np.searchsorted(genuine, GRID) + impostor.size - below
    return counts, np.array([fold.size for fold in folds])
