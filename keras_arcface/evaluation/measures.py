"""All verification measures of one system as functions of pair weights."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.curve import ScoreOrder
from keras_arcface.evaluation.curve import auc_of
from keras_arcface.evaluation.curve import eer_of
from keras_arcface.evaluation.curve import tar_of
from keras_arcface.evaluation.folds import fold_accuracy
from keras_arcface.evaluation.pairs import check_pairs
from keras_arcface.evaluation.pairs import check_rate
from keras_arcface.evaluation.pairs import expected_errors


def tar_name(far: float) -> str:
    """Returns the name of a TAR among the measures: `"tar_at_far_0.01"`."""
    return f"tar_at_far_{far:g}"


class Measures:
    """Accuracy, EER, AUC and TARs of one system, for any weights on its pairs.

    The scores are sorted and the fold thresholds chosen once, with every pair
    counting once. Weights then enter the rates only: a bootstrap of the
    accuracy holds the fold thresholds fixed, and the shares of genuine and
    impostor pairs as well, since those belong to the protocol.

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        fold: Integers, `(pairs,)`, or None for `lfw_folds`.
        far_targets: False accept rates, shares in (0, 1).
    """

    def __init__(
        self,
        similarity: ArrayLike,
        is_same: ArrayLike,
        fold: ArrayLike | None,
        far_targets: Sequence[float],
    ):
        scores, self.is_same = check_pairs(similarity, is_same)
        self.far_targets = tuple(
            check_rate("far_targets", far) for far in far_targets
        )
        self.order = ScoreOrder(scores, self.is_same)
        self.folds = fold_accuracy(scores, self.is_same, fold)

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Returns every measure, `(resamples,)` each.

        Args:
            weights: Non-negative, float64, `(resamples, pairs)`.

        Returns:
            "accuracy", "eer", "auc" and one `tar_name(far)` a target. NaN
            where a resample lost one kind of pair, and for a TAR that too few
            impostor pairs leave undefined.
        """
        fmr, fnmr = self.order.rates(weights)
        values = {
            "accuracy": self._accuracy(weights),
            "eer": eer_of(fmr, fnmr),
            "auc": auc_of(fmr, fnmr),
        }
        for far in self.far_targets:
            tar = tar_of(fmr, fnmr, far)
            if expected_errors(far, self.order.impostor_pairs) < 1:
                tar = np.full_like(tar, np.nan)
            values[tar_name(far)] = tar
        return values

    def plain(self) -> dict[str, float]:
        """Returns every measure with each pair counting once."""
        values = self(np.ones((1, self.is_same.size)))
        return {name: float(value[0]) for name, value in values.items()}

    def _accuracy(self, weights):
        sizes = np.bincount(self.folds.codes)
        # With these the sum over right pairs is the mean over folds.
        share = 1.0 / (sizes.size * sizes[self.folds.codes])
        accuracy = np.zeros(len(weights))
        for kind in (self.is_same, ~self.is_same):
            right = weights @ (share * (kind & self.folds.correct))
            total = weights @ (share * kind)
            total = np.where(total > 0, total, np.nan)
            accuracy += right / total * share[kind].sum()
        return np.minimum(accuracy, 1.0)  # Sums of shares may round up.
