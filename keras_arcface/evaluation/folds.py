"""Accuracy by folds: the threshold never sees the pairs it is judged on."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.curve import ScoreOrder
from keras_arcface.evaluation.pairs import check_pairs


class FoldAccuracy(NamedTuple):
    """Accuracy of each held-out fold.

    Attributes:
        accuracies: One share a fold, in the order of the fold numbers.
        thresholds: The threshold that the other folds chose, one a fold.
        correct: Whether each pair was decided rightly while held out.
        codes: The fold of each pair as 0 .. folds - 1.
    """

    accuracies: np.ndarray
    thresholds: np.ndarray
    correct: np.ndarray
    codes: np.ndarray

    @property
    def mean(self) -> float:
        """The mean over folds, which is what papers print."""
        return float(self.accuracies.mean())

    @property
    def standard_error(self) -> float:
        """S_E = std(ddof=1) / sqrt(folds), as the LFW protocol asks."""
        deviation = self.accuracies.std(ddof=1)
        return float(deviation / np.sqrt(self.accuracies.size))


def lfw_folds(is_same: ArrayLike, folds: int = 10) -> np.ndarray:
    """Returns contiguous folds, the genuine and impostor pairs dealt alike.

    The k-th of G genuine pairs, in file order, goes to fold
    `k * folds // G`, and the impostor pairs likewise. For `pairs.txt` of LFW
    (ten times 300 genuine, then 300 impostor) and for the `.bin` sets in the
    same layout these are the official folds.

    Args:
        is_same: Booleans or 0/1, `(pairs,)`.
        folds: How many, at least 2.

    Returns:
        Fold numbers 0 .. folds - 1, int64, `(pairs,)`.

    Raises:
        ValueError: when a kind of pair has fewer members than folds.
    """
    truth = np.asarray(is_same, dtype=bool)
    fewest = min(int(truth.sum()), int((~truth).sum()))
    if not 2 <= folds <= fewest:
        raise ValueError(
            f"Cannot cut these pairs into {folds} folds: at least 2 folds are "
            "needed, each with genuine and impostor pairs. Received: "
            f"{int(truth.sum())} genuine and {int((~truth).sum())} impostor "
            "pairs. Add pairs, or pass fold=lfw_folds(is_same, folds=...) "
            "with fewer folds."
        )
    fold = np.empty(truth.size, dtype=np.int64)
    for kind in (truth, ~truth):
        count = int(kind.sum())
        fold[kind] = np.arange(count) * folds // count
    return fold


def best_threshold(similarity: ArrayLike, is_same: ArrayLike) -> float:
    """Returns the threshold with the highest accuracy on these pairs.

    Exact: every threshold that differs is tried. Of several equally good ones
    the strictest wins (as a rising scan over distances would find), and the
    value lies midway between the two scores it separates.
    """
    return _best(*check_pairs(similarity, is_same))


def _best(similarity, is_same):
    order = ScoreOrder(similarity, is_same)
    correct = order.correct()
    return order.threshold_at(correct.size - 1 - np.argmax(correct[::-1]))


def fold_accuracy(
    similarity: ArrayLike,
    is_same: ArrayLike,
    fold: ArrayLike | None = None,
) -> FoldAccuracy:
    """Judges each fold with the best threshold of all the other folds.

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        fold: Integer fold of each pair, `(pairs,)`. Defaults to ten folds
            from `lfw_folds`.

    Raises:
        ValueError: when there are fewer than two folds or a fold lacks one
            kind of pair.

    Reference:
    - [Huang et al., 2007, View 2](http://vis-www.cs.umass.edu/lfw/lfw.pdf)
    """
    scores, truth = check_pairs(similarity, is_same)
    codes = check_folds(lfw_folds(truth) if fold is None else fold, truth)
    folds = int(codes.max()) + 1
    thresholds = np.empty(folds)
    for held_out in range(folds):
        rest = codes != held_out
        thresholds[held_out] = _best(scores[rest], truth[rest])
    correct = (scores >= thresholds[codes]) == truth
    sizes = np.bincount(codes)
    accuracies = np.bincount(codes, weights=correct) / sizes
    return FoldAccuracy(accuracies, thresholds, correct, codes)


def check_folds(fold: ArrayLike, is_same: np.ndarray) -> np.ndarray:
    """Returns fold codes 0 .. folds - 1 in the order of the fold numbers."""
    fold = np.asarray(fold)
    if fold.shape != is_same.shape or not np.issubdtype(fold.dtype, np.integer):
        raise ValueError(
            "`fold` must hold one integer a pair. Received: shape "
            f"{fold.shape}, dtype {fold.dtype}, for {is_same.size} pairs."
        )
    numbers, codes = np.unique(fold, return_inverse=True)
    if numbers.size < 2:
        raise ValueError(
            "`fold` must name at least 2 folds, since the threshold comes "
            f"from the other folds. Received only fold {numbers[0]}."
        )
    genuine = np.bincount(codes, weights=is_same)
    impostor = np.bincount(codes, weights=~is_same)
    poor = np.flatnonzero((genuine == 0) | (impostor == 0))
    if poor.size:
        raise ValueError(
            f"Fold {numbers[poor[0]]} has {int(genuine[poor[0]])} genuine and "
            f"{int(impostor[poor[0]])} impostor pairs; every fold needs both "
            "kinds. Deal the pairs again (lfw_folds does), or merge folds."
        )
    return codes
