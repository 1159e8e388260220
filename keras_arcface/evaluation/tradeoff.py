"""FNMR at bounds on FMR, under any weights of the comparisons.

Fit for tens of millions of comparisons: they are sorted once, and a resample
is one cumulative sum over weights that come in sorted order.
"""

from collections.abc import Sequence

import numpy as np

from keras_arcface.evaluation.pairs import check_rate
from keras_arcface.evaluation.pairs import expected_errors


class Tradeoff:
    """Scores sorted once, and what each bound on FMR costs in FNMR.

    An operating point is the smallest observed score with FMR <= target, as
    in `tar_at_far`: a point that was measured, never one in between.

    Args:
        scores: Checked scores, float64, `(comparisons,)`.
        is_same: The truth, bool, `(comparisons,)`.
        targets: Bounds on FMR, shares in (0, 1).

    Attributes:
        order: `(comparisons,)`, highest score first. Weights and everything
            else that is given later comes in this order.
        is_same: The truth in that order.
        thresholds: Float64 `(targets,)`; NaN where a target is below one
            expected false match, which no count can tell from zero.
        false_matches: Int64 `(targets,)`, impostors at or above these.
        false_non_matches: Int64 `(targets,)`, genuine below these.
    """

    def __init__(
        self,
        scores: np.ndarray,
        is_same: np.ndarray,
        targets: Sequence[float],
        name: str = "fmr_targets",
    ):
        self.targets = tuple(check_rate(name, target) for target in targets)
        self.order = np.argsort(-scores, kind="stable")
        self.is_same = is_same[self.order]
        scores = scores[self.order]
        self._genuine = np.flatnonzero(self.is_same)
        self._impostor = np.flatnonzero(~self.is_same)
        self._falling = -scores[self._impostor]
        self._genuine_falling = -scores[self._genuine]
        self.genuine, self.impostors = self._genuine.size, self._impostor.size
        self._place(scores)

    def _place(self, scores):
        expected = [expected_errors(t, self.impostors) for t in self.targets]
        self.measurable = np.array([count >= 1 for count in expected], bool)
        # The first impostor that must be rejected, with all of its score.
        rejected = np.array(expected, dtype=float).astype(np.int64)
        rejected = np.minimum(rejected, self.impostors - 1)
        limits = self._falling[rejected]
        above = np.searchsorted(-scores, limits)
        accepted = np.where(
            above > 0,
            scores[np.maximum(above - 1, 0)],
            np.nextafter(scores[0], np.inf),
        )
        self.thresholds = np.where(self.measurable, accepted, np.nan)
        self.false_matches = np.searchsorted(self._falling, limits)
        found = np.searchsorted(self._genuine_falling, limits)
        self.false_non_matches = self.genuine - found

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Returns "fnmr" and "fmr" by target, `(resamples,)` each.

        The FNMR is read at the threshold that the resample itself chooses; the
        FMR is that of the threshold which all comparisons chose.

        Args:
            weights: Non-negative, float64, `(resamples, comparisons)`, in the
                order of `order`.

        Returns:
            Arrays named `fnmr_at_0.001`, `fmr_at_0.001`. NaN where a resample
            lost one kind of comparison or the target is not measurable.
        """
        impostor = _summed(weights[:, self._impostor])
        genuine = _summed(weights[:, self._genuine])
        total, all_genuine = impostor[:, -1], genuine[:, -1]
        known = (total > 0) & (all_genuine > 0)
        total, all_genuine = np.maximum(total, 1), np.maximum(all_genuine, 1)
        values = {}
        for i, target in enumerate(self.targets):
            usable = known & self.measurable[i]
            rejected = _first_above(impostor, target * total)
            limits = self._falling[np.minimum(rejected, self.impostors - 1)]
            found = np.searchsorted(self._genuine_falling, limits)
            found = np.take_along_axis(genuine, found[:, None], 1)[:, 0]
            fnmr = 1 - found / all_genuine
            fmr = impostor[:, self.false_matches[i]] / total
            values[f"fnmr_at_{target:g}"] = np.where(usable, fnmr, np.nan)
            values[f"fmr_at_{target:g}"] = np.where(usable, fmr, np.nan)
        return values


def _summed(weights):
    """Returns the weight of the first 0, 1, ..., n comparisons."""
    summed = np.zeros((len(weights), weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=summed[:, 1:])
    return summed


def _first_above(summed, limits):
    """Returns the first comparison with which the sum exceeds the limit."""
    # Sums of whole weights are exact; the product target * total is not.
    limits = limits * (1 + 1e-12)
    return np.array(
        [
            np.searchsorted(row, limit, side="right") - 1
            for row, limit in zip(summed, limits, strict=True)
        ]
    )
