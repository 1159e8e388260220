"""The trade between false matches and false non-matches, with intervals."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.bootstrap import bootstrap_samples
from keras_arcface.evaluation.bootstrap import percentile_interval
from keras_arcface.evaluation.det_points import DetCurve
from keras_arcface.evaluation.det_points import DetPoint
from keras_arcface.evaluation.intervals import NOTHING_KNOWN
from keras_arcface.evaluation.intervals import RULE_OF_30
from keras_arcface.evaluation.intervals import few_subjects
from keras_arcface.evaluation.intervals import rule_of_three
from keras_arcface.evaluation.intervals import widened
from keras_arcface.evaluation.intervals import wilson_interval
from keras_arcface.evaluation.pairs import check_pairs
from keras_arcface.evaluation.pairs import check_subjects
from keras_arcface.evaluation.pairs import expected_errors
from keras_arcface.evaluation.tradeoff import Tradeoff

STEPS = (5.0, 2.0, 1.0)


def det_curve(
    similarity: ArrayLike,
    is_same: ArrayLike,
    fmr_targets: Sequence[float] | None = None,
    *,
    subject_left: ArrayLike | None = None,
    subject_right: ArrayLike | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    about: str = "",
) -> DetCurve:
    """Returns FNMR at bounds on FMR, as far down as the impostors reach.

    No folds are needed, and fifteen million pairs are a matter of seconds; a
    resample of so many then takes about a second.

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        fmr_targets: Bounds, shares in (0, 1). Defaults to 0.5, 0.2, 0.1, 0.05
            and so on down to one expected false match (`supported_fmrs`).
        subject_left: Subject on the left of each pair, or None.
        subject_right: The same for the right side.
        bootstrap: Resamples of subjects, or of pairs where no subjects are
            given (too narrow when pairs share subjects). 0 for Wilson's
            intervals, which treat pairs as independent as well.
        seed: Of the bootstrap.
        about: A line to stand above the table.

    Reference:
    - ISO/IEC 19795-1:2021, Biometric performance testing and reporting.
    - Doddington et al., 2000, "The NIST speaker recognition evaluation"
      (the rule of 30).

    Example:

    >>> rng = np.random.default_rng(0)
    >>> is_same = np.arange(4000) % 2
    >>> curve = det_curve(rng.normal(3.0 * is_same), is_same, (0.1, 1e-4))
    >>> [point.reliable for point in curve.points]
    [True, False]
    """
    scores, truth = check_pairs(similarity, is_same)
    if fmr_targets is None:
        fmr_targets = supported_fmrs(int((~truth).sum()))
    tradeoff = Tradeoff(scores, truth, sorted(fmr_targets, reverse=True))
    subjects = check_subjects(subject_left, subject_right, truth)
    samples = {}
    if bootstrap:
        sides = {}
        if subjects is not None:
            sides["subject_left"] = subjects.left[tradeoff.order]
            sides["subject_right"] = subjects.right[tradeoff.order]
        samples = bootstrap_samples(
            tradeoff,
            tradeoff.is_same,
            resamples=bootstrap,
            seed=seed,
            **sides,
        )
    points = tuple(det_points(tradeoff, samples))
    drawn = "pairs" if subjects is None else "subjects"
    return DetCurve(
        points=points,
        genuine_pairs=tradeoff.genuine,
        impostor_pairs=tradeoff.impostors,
        subjects=None if subjects is None else subjects.count,
        resampling=drawn if bootstrap else "none",
        bootstrap=bootstrap,
        warnings=tuple(_warnings(tradeoff, points, subjects)),
        about=about,
    )


def supported_fmrs(impostor_pairs: int) -> tuple[float, ...]:
    """Returns 0.5, 0.2, 0.1, ... down to one expected false match."""
    decades = int(np.ceil(np.log10(max(impostor_pairs, 2))))
    grid = [
        step * 10.0**-decade
        for decade in range(1, decades + 1)
        for step in STEPS
    ]
    grid = [float(f"{fmr:.12g}") for fmr in grid]
    return tuple(f for f in grid if expected_errors(f, impostor_pairs) >= 1)


def det_points(tradeoff, samples):
    """Yields a `DetPoint` for every target of a `Tradeoff`."""
    for i, target in enumerate(tradeoff.targets):
        if not tradeoff.measurable[i]:
            unknown = (math.nan,) * 3 + (NOTHING_KNOWN,) * 2
            yield DetPoint(target, *unknown, 0, 0, False)
            continue
        matches = int(tradeoff.false_matches[i])
        rejected = int(tradeoff.false_non_matches[i])
        yield DetPoint(
            target_fmr=target,
            threshold=float(tradeoff.thresholds[i]),
            fmr=matches / tradeoff.impostors,
            fnmr=rejected / tradeoff.genuine,
            fmr_interval=_interval(
                samples.get(f"fmr_at_{target:g}"), matches, tradeoff.impostors
            ),
            fnmr_interval=_interval(
                samples.get(f"fnmr_at_{target:g}"), rejected, tradeoff.genuine
            ),
            false_matches=matches,
            false_non_matches=rejected,
            reliable=expected_errors(target, tradeoff.impostors) >= RULE_OF_30,
        )


def _interval(samples, errors, trials):
    if samples is None:
        return wilson_interval(errors, trials)
    return widened(percentile_interval(samples), errors, trials)


def _warnings(tradeoff, points, subjects):
    if subjects is not None:
        yield from few_subjects(subjects.count)
    unknown = [p.target_fmr for p in points if math.isnan(p.fnmr)]
    if unknown:
        yield (
            f"FMR {', '.join(f'{fmr:g}' for fmr in unknown)}: less than one "
            f"false match is expected among {tradeoff.impostors:,} impostor "
            "pairs, so nothing is given."
        )
    weak = [p for p in points if not p.reliable and not math.isnan(p.fnmr)]
    if weak:
        yield (
            f"below FMR {RULE_OF_30 / tradeoff.impostors:.2g} fewer than "
            f"{RULE_OF_30} false matches are expected among "
            f"{tradeoff.impostors:,} impostor pairs (rule of {RULE_OF_30})."
        )
    if any(p.false_non_matches == 0 for p in points if not math.isnan(p.fnmr)):
        yield (
            f"where none of {tradeoff.genuine:,} genuine pairs was rejected, "
            f"the true FNMR may still be {rule_of_three(tradeoff.genuine):.2g} "
            "(rule of three)."
        )
