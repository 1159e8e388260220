"""A threshold from development data, and what it does on other data.

A threshold read off the test pairs flatters itself. Calibrate it on one set
of subjects, keep it, and check it on another.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.pairs import check_pairs
from keras_arcface.evaluation.pairs import check_rate
from keras_arcface.evaluation.pairs import expected_errors
from keras_arcface.evaluation.roc import tar_at_far

Z_95 = 1.959963984540054


@dataclass(frozen=True)
class CalibratedThreshold:
    """A threshold with the evidence behind it.

    Attributes:
        threshold: Match when similarity >= threshold.
        target_fmr: The bound asked for.
        fmr: What the threshold gives on the calibration pairs, <= target_fmr.
        fnmr: The share of genuine calibration pairs it rejects.
        genuine_pairs: Genuine pairs used.
        impostor_pairs: Impostor pairs used.
        false_matches: Impostor pairs at or above the threshold.
        reliable: False where `target_fmr * impostor_pairs < 30`.
    """

    threshold: float
    target_fmr: float
    fmr: float
    fnmr: float
    genuine_pairs: int
    impostor_pairs: int
    false_matches: int
    reliable: bool


def threshold_at_fmr(
    similarity: ArrayLike, is_same: ArrayLike, fmr: float
) -> CalibratedThreshold:
    """Returns the smallest observed score that keeps FMR <= `fmr`.

    Args:
        similarity: Scores of the calibration pairs, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        fmr: The false match rate to stay within, a share in (0, 1).

    Raises:
        ValueError: when `fmr * impostor_pairs < 1`: so few pairs cannot tell
            the bound from zero.
    """
    check_rate("fmr", fmr)
    scores, truth = check_pairs(similarity, is_same)
    impostors = int((~truth).sum())
    if expected_errors(fmr, impostors) < 1:
        raise ValueError(
            f"{impostors} impostor pairs cannot calibrate FMR {fmr:g}: less "
            f"than one false match is expected. Give at least "
            f"{int(np.ceil(round(1 / fmr, 6)))} impostor pairs "
            f"({int(np.ceil(round(30 / fmr, 6)))} for a value to rely on), "
            "or ask for a higher rate."
        )
    point = tar_at_far(scores, truth, fmr)
    return CalibratedThreshold(
        threshold=point.threshold,
        target_fmr=float(fmr),
        fmr=point.false_accepts / impostors,
        fnmr=float((scores[truth] < point.threshold).mean()),
        genuine_pairs=int(truth.sum()),
        impostor_pairs=impostors,
        false_matches=point.false_accepts,
        reliable=point.reliable,
    )


@dataclass(frozen=True)
class ThresholdCheck:
    """What a given threshold does on given pairs.

    Attributes:
        threshold: The one that was checked.
        fmr: False matches / impostor pairs. fnmr: False non-matches / genuine.
        fmr_interval: 95 % Wilson interval. fnmr_interval: The same for FNMR.
        false_matches: Impostor pairs at or above the threshold.
        false_non_matches: Genuine pairs below it.
        genuine_pairs: Genuine pairs seen. impostor_pairs: Impostor pairs seen.
    """

    threshold: float
    fmr: float
    fnmr: float
    fmr_interval: tuple[float, float]
    fnmr_interval: tuple[float, float]
    false_matches: int
    false_non_matches: int
    genuine_pairs: int
    impostor_pairs: int


def check_threshold(
    similarity: ArrayLike, is_same: ArrayLike, threshold: float
) -> ThresholdCheck:
    """Measures FMR and FNMR of a threshold fixed elsewhere.

    The intervals treat pairs as independent. Pairs that share subjects are
    not, and the truth is then wider: `verification_report` with subjects
    resamples subjects instead.
    """
    scores, truth = check_pairs(similarity, is_same)
    if not np.isfinite(threshold):
        raise ValueError(f"`threshold` must be finite. Received: {threshold}.")
    false_matches = int((scores[~truth] >= threshold).sum())
    false_non_matches = int((scores[truth] < threshold).sum())
    genuine = int(truth.sum())
    impostors = truth.size - genuine
    return ThresholdCheck(
        threshold=float(threshold),
        fmr=false_matches / impostors,
        fnmr=false_non_matches / genuine,
        fmr_interval=wilson_interval(false_matches, impostors),
        fnmr_interval=wilson_interval(false_non_matches, genuine),
        false_matches=false_matches,
        false_non_matches=false_non_matches,
        genuine_pairs=genuine,
        impostor_pairs=impostors,
    )


def wilson_interval(errors: int, trials: int) -> tuple[float, float]:
    """Returns the 95 % score interval of a share, also sound at 0 errors.

    Reference:
    - Wilson, 1927, "Probable inference, the law of succession, and
      statistical inference", JASA 22.
    """
    if not 0 <= errors <= trials or trials == 0:
        raise ValueError(
            "`errors` must be between 0 and `trials`, and `trials` positive. "
            f"Received: errors={errors}, trials={trials}."
        )
    share, extra = errors / trials, Z_95**2 / trials
    centre = share + extra / 2
    half = Z_95 * np.sqrt((share * (1 - share) + extra / 4) / trials)
    low, high = (centre - half) / (1 + extra), (centre + half) / (1 + extra)
    return (
        float(low) if errors else 0.0,
        float(high) if errors < trials else 1.0,
    )
