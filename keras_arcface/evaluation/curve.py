"""The curve of FMR and FNMR over all thresholds, under any pair weights.

The decision is `match if similarity >= threshold`. Then

    FMR(T)  = impostor pairs with similarity >= T / impostor pairs
    FNMR(T) = genuine pairs with similarity < T / genuine pairs

are step functions that change at observed scores only, so sorting the scores
once gives them exactly, without a grid of thresholds, and a bootstrap only
sums other weights in the same order.
"""

import numpy as np


class ScoreOrder:
    """Scores sorted once, so that rates under any pair weights are cheap.

    Args:
        similarity: Checked scores, float64, `(pairs,)`.
        is_same: The truth, bool, `(pairs,)`.

    Attributes:
        thresholds: The distinct scores, ascending, and one value above all of
            them; `(distinct + 1,)`. Between neighbours nothing changes.
    """

    def __init__(self, similarity: np.ndarray, is_same: np.ndarray):
        scores = np.unique(similarity)
        above = np.nextafter(scores[-1], np.inf)
        self.thresholds = np.append(scores, above)
        self._genuine, self._genuine_below = self._sort(similarity, is_same)
        self._impostor, self._impostor_below = self._sort(similarity, ~is_same)
        self.genuine_pairs = self._genuine.size
        self.impostor_pairs = self._impostor.size

    def _sort(self, similarity, chosen):
        pairs = np.flatnonzero(chosen)
        pairs = pairs[np.argsort(similarity[pairs], kind="stable")]
        return pairs, np.searchsorted(similarity[pairs], self.thresholds)

    def correct(self) -> np.ndarray:
        """Returns how many pairs each threshold decides rightly."""
        accepted = self.genuine_pairs - self._genuine_below
        return accepted + self._impostor_below

    def rates(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns weighted FMR and FNMR at every threshold.

        Args:
            weights: Non-negative, float64, `(resamples, pairs)`.

        Returns:
            Two arrays `(resamples, thresholds)`; NaN in a row where all
            weights of one kind are zero.
        """
        below, total = _below(weights, self._impostor, self._impostor_below)
        fmr = _divide(total - below, total)
        below, total = _below(weights, self._genuine, self._genuine_below)
        return fmr, _divide(below, total)

    def plain_rates(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns FMR and FNMR at every threshold, `(thresholds,)`."""
        accepted = self.impostor_pairs - self._impostor_below
        fmr = accepted / self.impostor_pairs
        return fmr, self._genuine_below / self.genuine_pairs

    def threshold_at(self, point: int) -> float:
        """Returns the middle of the thresholds that share this point."""
        high = self.thresholds[point]
        low = self.thresholds[max(point - 1, 0)]
        middle = low + (high - low) / 2
        # Neighbouring floats have no middle; `>= low` would be another point.
        return float(middle if low < middle else high)


def _below(weights, pairs, positions):
    summed = np.zeros((len(weights), pairs.size + 1))
    np.cumsum(weights[:, pairs], axis=1, out=summed[:, 1:])
    return summed[:, positions], summed[:, -1:]


def _divide(part, whole):
    known = np.broadcast_to(whole > 0, part.shape)
    return np.divide(part, whole, where=known, out=np.full(part.shape, np.nan))


def eer_of(fmr: np.ndarray, fnmr: np.ndarray) -> np.ndarray:
    """Returns where the curve crosses FMR = FNMR; the last axis is the curve.

    The two operating points beside the crossing are joined by a line, which
    is what breaking ties between scores at random gives on average.
    """
    gap = fnmr - fmr
    after = np.argmax(gap >= 0, axis=-1)[..., None]
    before = np.maximum(after - 1, 0)
    gap_before = np.take_along_axis(gap, before, -1)
    gap_after = np.take_along_axis(gap, after, -1)
    high = np.take_along_axis(fmr, before, -1)
    low = np.take_along_axis(fmr, after, -1)
    share = _divide(-gap_before, gap_after - gap_before)
    return (high + share * (low - high))[..., 0]


def auc_of(fmr: np.ndarray, fnmr: np.ndarray) -> np.ndarray:
    """Returns the area under TAR over FMR; the last axis is the curve."""
    width = fmr[..., :-1] - fmr[..., 1:]
    error = (width * (fnmr[..., :-1] + fnmr[..., 1:])).sum(-1) / 2
    return 1.0 - error


def tar_of(fmr: np.ndarray, fnmr: np.ndarray, far: float) -> np.ndarray:
    """Returns TAR at the smallest threshold with FMR <= far."""
    point = point_at_far(fmr, far)[..., None]
    return 1.0 - np.take_along_axis(fnmr, point, -1)[..., 0]


def point_at_far(fmr: np.ndarray, far: float) -> np.ndarray:
    """Returns the first position on the curve where FMR <= far."""
    return np.argmax(fmr <= far + 1e-12, axis=-1)
