"""A threshold from development data, and what it does on other data.

A threshold read off the test pairs flatters itself. Calibrate it on one set
of subjects, keep it, and check it on another.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.intervals import Shares
from keras_arcface.evaluation.intervals import error_rates
from keras_arcface.evaluation.intervals import few_errors
from keras_arcface.evaluation.intervals import subject_samples
from keras_arcface.evaluation.pairs import check_pairs
from keras_arcface.evaluation.pairs import check_rate
from keras_arcface.evaluation.pairs import expected_errors
from keras_arcface.evaluation.roc import tar_at_far


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
        fmr_interval: 95 % interval. fnmr_interval: The same for FNMR.
        false_matches: Impostor pairs at or above the threshold.
        false_non_matches: Genuine pairs below it.
        genuine_pairs: Genuine pairs seen. impostor_pairs: Impostor pairs seen.
        resampling: "subjects" where the intervals come from a bootstrap over
            subjects, "none" where they are Wilson's.
        warnings: What a reader must know before quoting a number.
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
    resampling: str = "none"
    warnings: tuple[str, ...] = ()


def check_threshold(
    similarity: ArrayLike,
    is_same: ArrayLike,
    threshold: float,
    *,
    subject_left: ArrayLike | None = None,
    subject_right: ArrayLike | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> ThresholdCheck:
    """Measures FMR and FNMR of a threshold fixed elsewhere.

    Without subjects the intervals are Wilson's, which treat pairs as
    independent: too narrow for pairs that share subjects. With subjects they
    come from a bootstrap over these; where no error was seen, the end away
    from zero comes from the rule of three.

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        threshold: Match when similarity >= threshold.
        subject_left: Subject on the left of each pair, or None.
        subject_right: The same for the right side.
        bootstrap: Resamples of subjects; 0 for Wilson's intervals.
        seed: Of the bootstrap.
    """
    scores, truth = check_pairs(similarity, is_same)
    if not np.isfinite(threshold):
        raise ValueError(f"`threshold` must be finite. Received: {threshold}.")
    match = scores >= threshold
    shares = Shares({"fmr": (match, ~truth), "fnmr": (~match, truth)})
    samples = subject_samples(
        shares, truth, subject_left, subject_right, bootstrap, seed
    )
    rates = error_rates(shares, ["fmr", "fnmr"], samples)
    fmr, fnmr = rates["fmr"], rates["fnmr"]
    return ThresholdCheck(
        threshold=float(threshold),
        fmr=fmr.rate,
        fnmr=fnmr.rate,
        fmr_interval=fmr.interval,
        fnmr_interval=fnmr.interval,
        false_matches=fmr.errors,
        false_non_matches=fnmr.errors,
        genuine_pairs=fnmr.trials,
        impostor_pairs=fmr.trials,
        resampling=fmr.resampling,
        warnings=tuple(few_errors(rates)),
    )
