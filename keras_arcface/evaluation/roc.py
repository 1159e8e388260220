"""Error rates at every threshold, and what is read off them.

FMR is the share of impostor pairs, FNMR the share of genuine pairs, that a
threshold decides wrongly. Papers call FMR "FAR" and 1 - FNMR "TAR".

Reference:
- ISO/IEC 19795-1:2021, Biometric performance testing and reporting.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.curve import ScoreOrder
from keras_arcface.evaluation.curve import auc_of
from keras_arcface.evaluation.curve import eer_of
from keras_arcface.evaluation.curve import point_at_far
from keras_arcface.evaluation.intervals import RULE_OF_30
from keras_arcface.evaluation.pairs import check_pairs
from keras_arcface.evaluation.pairs import check_rate
from keras_arcface.evaluation.pairs import expected_errors


def roc_curve(
    similarity: ArrayLike, is_same: ArrayLike
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns FMR and FNMR at every threshold that matters.

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.

    Returns:
        thresholds: The distinct scores, ascending, then one value above all.
        fmr: Falls from 1 to 0. fnmr: Rises from 0 to 1. Shares, not percent.

    Raises:
        ValueError: when a score is not finite, the shapes differ, or one kind
            of pair is missing.

    Example:

    >>> thresholds, fmr, fnmr = roc_curve([0.9, 0.4, 0.4, 0.1], [1, 1, 0, 0])
    >>> fmr.tolist(), fnmr.tolist()
    ([1.0, 0.5, 0.0, 0.0], [0.0, 0.0, 0.5, 1.0])
    """
    order = ScoreOrder(*check_pairs(similarity, is_same))
    return order.thresholds, *order.plain_rates()


def equal_error_rate(
    similarity: ArrayLike, is_same: ArrayLike
) -> tuple[float, float]:
    """Returns the rate where FMR = FNMR, and the threshold nearest to it.

    The rate joins the two operating points beside the crossing by a line. The
    threshold belongs to the nearer of the two (the stricter when both are
    equally near) and lies midway between the scores that bound it.
    """
    return eer_on(ScoreOrder(*check_pairs(similarity, is_same)))


def eer_on(order: ScoreOrder) -> tuple[float, float]:
    """Does `equal_error_rate` on scores that are sorted already."""
    fmr, fnmr = order.plain_rates()
    gap = np.abs(fnmr - fmr)
    point = gap.size - 1 - int(np.argmin(gap[::-1]))
    return float(eer_of(fmr, fnmr)), order.threshold_at(point)


def auc(similarity: ArrayLike, is_same: ArrayLike) -> float:
    """Returns P(genuine score > impostor score) + P(equal) / 2."""
    order = ScoreOrder(*check_pairs(similarity, is_same))
    return float(auc_of(*order.plain_rates()))


@dataclass(frozen=True)
class TarAtFar:
    """The share of genuine pairs accepted at a bounded false accept rate.

    Attributes:
        far: The bound that was asked for, a share.
        tar: 1 - FNMR at `threshold`; NaN where `far * impostor_pairs < 1`,
            since no number of false accepts then tells the bound from zero.
        threshold: The smallest observed score with FMR <= far.
        impostor_pairs: How many comparisons the bound rests on.
        false_accepts: Impostor pairs at or above `threshold`.
        reliable: False where `far * impostor_pairs < 30` (the rule of 30).
        interval: 95 % bootstrap interval of `tar`; NaN where not computed.
    """

    far: float
    tar: float
    threshold: float
    impostor_pairs: int
    false_accepts: int
    reliable: bool
    interval: tuple[float, float] = (np.nan, np.nan)


def tar_at_far(
    similarity: ArrayLike, is_same: ArrayLike, far: float
) -> TarAtFar:
    """Returns the true accept rate at the smallest threshold with FMR <= far.

    Conservative: an operating point that was really measured, never a value
    interpolated between two or read at the nearest FMR.

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        far: The bound, a share in (0, 1).

    Reference:
    - Doddington et al., 2000, "The NIST speaker recognition evaluation"
      (the rule of 30).
    """
    check_rate("far", far)
    order = ScoreOrder(*check_pairs(similarity, is_same))
    return tar_on(order, far)


def tar_on(order: ScoreOrder, far: float) -> TarAtFar:
    """Does `tar_at_far` on scores that are sorted already."""
    fmr, fnmr = order.plain_rates()
    impostors = order.impostor_pairs
    expected = expected_errors(far, impostors)
    if expected < 1:
        return TarAtFar(far, np.nan, np.nan, impostors, 0, False)
    point = int(point_at_far(fmr, far))
    return TarAtFar(
        far=far,
        tar=float(1.0 - fnmr[point]),
        threshold=float(order.thresholds[point]),
        impostor_pairs=impostors,
        false_accepts=int(round(fmr[point] * impostors)),
        reliable=expected >= RULE_OF_30,
    )
