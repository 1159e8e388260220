"""Finding the threshold of a gallery by evaluation's rules."""

import math

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation import threshold_at_fmr
from keras_arcface.evaluation.identity_search import NOT_LISTED
from keras_arcface.evaluation.intervals import RULE_OF_30
from keras_arcface.evaluation.pairs import check_rate
from keras_arcface.evaluation.pairs import expected_errors
from keras_arcface.evaluation.tradeoff import Tradeoff
from keras_arcface.gallery.calibration import Calibration

DIGITS = 6


def calibrate_on_searches(
    similarity: np.ndarray,
    mated: np.ndarray,
    right: np.ndarray,
    fpir: float,
    identities: int,
) -> Calibration:
    """Returns the smallest threshold that keeps FPIR within `fpir`.

    Args:
        similarity: Of each search's best identity, `(searches,)`.
        mated: Whether the one searched for is enrolled, bool.
        right: Whether the best identity is the one searched for, bool.
        fpir: Share of the non-mated searches, in (0, 1).
        identities: How many are enrolled.

    Raises:
        ValueError: when less than one false positive is expected: so few
            searches cannot tell the bound from zero.
    """
    check_rate("fpir", fpir)
    similarity = np.asarray(similarity, np.float64)
    strangers = int((~mated).sum())
    check_searches(strangers, fpir)
    score = np.where(mated & ~right, NOT_LISTED, similarity)
    found = Tradeoff(score, mated, (fpir,), "fpir").thresholds[0]
    threshold = _rounded_up(found)
    return Calibration(
        target_fpir=float(fpir),
        threshold=threshold,
        method="searches",
        trials=strangers,
        false_positives=int((score[~mated] >= threshold).sum()),
        mated_trials=int(mated.sum()),
        misses=int((score[mated] < threshold).sum()),
        identities=identities,
    )


def check_searches(strangers: int, fpir: float) -> None:
    """Refuses fewer searches for strangers than can tell a rate from zero.

    Raises:
        ValueError: when less than one false positive is expected.
    """
    if expected_errors(fpir, strangers) < 1:
        raise ValueError(
            f"{strangers:,} searches for people who are not enrolled cannot "
            f"calibrate FPIR {fpir:g}: less than one false positive is "
            f"expected. Give at least {_needed(1, fpir):,} "
            f"({_needed(RULE_OF_30, fpir):,} for a value to rely on), or ask "
            "for a higher rate."
        )


def calibrate_on_pairs(
    similarity: ArrayLike, is_same: ArrayLike, fpir: float, identities: int
) -> Calibration:
    """Returns a threshold with identities * FMR <= `fpir`.

    A search is a false positive when one of the comparisons with everybody
    enrolled is, so FPIR is at most their sum, however they depend on each
    other.

    Args:
        similarity: Scores of pictures and templates, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        fpir: Share, in (0, 1).
        identities: How many are enrolled, > 0.
    """
    check_rate("fpir", fpir)
    found = threshold_at_fmr(similarity, is_same, fpir / identities)
    scores, truth = np.asarray(similarity, np.float64), np.asarray(is_same) > 0
    threshold = _rounded_up(found.threshold)
    return Calibration(
        target_fpir=float(fpir),
        threshold=threshold,
        method="pairs",
        trials=found.impostor_pairs,
        false_positives=int((scores[~truth] >= threshold).sum()),
        mated_trials=found.genuine_pairs,
        misses=int((scores[truth] < threshold).sum()),
        identities=identities,
    )


def _rounded_up(threshold):
    # Never down: a lower threshold could break the promised rate.
    whole = math.ceil(threshold * 10**DIGITS)
    if whole / 10**DIGITS < threshold:  # The product was rounded down.
        whole += 1
    return whole / 10**DIGITS


def _needed(errors, rate):
    return math.ceil(round(errors / rate, 6))
