"""1:1 verification of scored pairs: the one call that gives every number."""

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.bootstrap import bootstrap_samples
from keras_arcface.evaluation.bootstrap import percentile_interval
from keras_arcface.evaluation.insightface_folds import insightface_accuracy
from keras_arcface.evaluation.insightface_folds import is_applicable
from keras_arcface.evaluation.intervals import few_subjects
from keras_arcface.evaluation.measures import Measures
from keras_arcface.evaluation.measures import tar_name
from keras_arcface.evaluation.pairs import check_subjects
from keras_arcface.evaluation.report import VerificationReport
from keras_arcface.evaluation.roc import RULE_OF_30
from keras_arcface.evaluation.roc import eer_on
from keras_arcface.evaluation.roc import tar_on

NAMES = ("accuracy", "eer", "auc")


def verification_report(
    similarity: ArrayLike,
    is_same: ArrayLike,
    fold: ArrayLike | None = None,
    *,
    subject_left: ArrayLike | None = None,
    subject_right: ArrayLike | None = None,
    far_targets: Sequence[float] = (1e-1, 1e-2, 1e-3),
    bootstrap: int = 1000,
    seed: int = 0,
) -> VerificationReport:
    """Judges scored pairs by the LFW protocol and by ISO error rates.

    Accuracy takes its threshold from all folds but one and is measured on that
    one. Error rates are exact at every threshold; TAR at a FAR is read at the
    smallest threshold that keeps the bound. Intervals resample subjects where
    these are given, else pairs (too narrow when pairs share subjects).

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`. For distances
            pass their negative.
        is_same: Booleans or 0/1, `(pairs,)`.
        fold: Integer fold of each pair, `(pairs,)`. Defaults to ten contiguous
            folds with both kinds dealt alike (`lfw_folds`).
        subject_left: Subject on the left of each pair, integers or strings.
        subject_right: The same for the right side.
        far_targets: False accept rates, shares in (0, 1).
        bootstrap: Resamples for the intervals; 0 for none.
        seed: Of the bootstrap.

    Returns:
        A `VerificationReport`.

    Raises:
        ValueError: when scores are not finite, lengths differ, one kind of
            pair is missing, there are fewer than two folds, a fold lacks one
            kind, or the subjects contradict `is_same`.

    Reference:
    - [Huang et al., 2007, View 2](http://vis-www.cs.umass.edu/lfw/lfw.pdf)
    - ISO/IEC 19795-1:2021, FMR and FNMR.

    Example:

    >>> rng = np.random.default_rng(0)
    >>> is_same = np.arange(400) % 2
    >>> report = verification_report(rng.normal(2.0 * is_same), is_same)
    >>> 0.8 < report.accuracy < 0.9
    True
    """
    measures = Measures(similarity, is_same, fold, far_targets)
    truth = measures.is_same
    subjects = check_subjects(subject_left, subject_right, truth)
    intervals = {}
    if bootstrap:
        samples = bootstrap_samples(
            measures,
            truth,
            subject_left=subject_left,
            subject_right=subject_right,
            resamples=bootstrap,
            seed=seed,
        )
        intervals = {k: percentile_interval(v) for k, v in samples.items()}
    report = _report(measures, subjects, intervals, bootstrap)
    if not is_applicable(similarity):
        return report
    theirs = insightface_accuracy(similarity, truth)
    return dataclasses.replace(report, insightface=theirs)


def _report(measures, subjects, intervals, bootstrap):
    points = {
        far: _tar(measures, far, intervals) for far in measures.far_targets
    }
    values = measures.plain()
    eer, eer_threshold = eer_on(measures.order)
    drawn = "pairs" if subjects is None else "subjects"
    return VerificationReport(
        accuracy=measures.folds.mean,
        accuracy_standard_error=measures.folds.standard_error,
        fold_accuracies=tuple(measures.folds.accuracies.tolist()),
        fold_thresholds=tuple(measures.folds.thresholds.tolist()),
        eer=eer,
        eer_threshold=eer_threshold,
        auc=values["auc"],
        tar_at_far=points,
        genuine_pairs=measures.order.genuine_pairs,
        impostor_pairs=measures.order.impostor_pairs,
        subjects=None if subjects is None else subjects.count,
        intervals={k: v for k, v in intervals.items() if k in NAMES},
        resampling=drawn if bootstrap else "none",
        bootstrap=bootstrap,
        warnings=tuple(_warnings(measures, values, subjects, points)),
    )


def _tar(measures, far, intervals):
    point = tar_on(measures.order, far)
    interval = intervals.get(tar_name(far), point.interval)
    return dataclasses.replace(point, interval=interval)


def _warnings(measures, values, subjects, points):
    if values["auc"] < 0.5:
        yield (
            "impostor pairs score above genuine ones. If these are distances, "
            "pass their negative."
        )
    yield from filter(None, map(_tar_warning, points.values()))
    if values["eer"] == 0 or any(p.tar == 1 for p in points.values()):
        yield (
            "where no error was seen a bootstrap interval has no width. With "
            f"{measures.order.genuine_pairs:,} genuine pairs the true FNMR "
            f"may still be {3 / measures.order.genuine_pairs:.2g} (rule of "
            "three)."
        )
    yield from _subject_warnings(subjects, measures.folds.codes)


def _tar_warning(point):
    if point.reliable:
        return None
    expected = point.far * point.impostor_pairs
    rests = (
        f"TAR at FAR {point.far:g} rests on {expected:.3g} expected false "
        f"accepts among {point.impostor_pairs:,} impostor pairs"
    )
    if np.isnan(point.tar):
        return f"{rests}: too few to mean anything, so none is given."
    return f"{rests}; the rule of {RULE_OF_30} asks for {RULE_OF_30}."


def _subject_warnings(subjects, codes):
    if subjects is None:
        return
    yield from few_subjects(subjects.count)
    seen = np.zeros((int(codes.max()) + 1, subjects.count), dtype=bool)
    seen[codes, subjects.left] = seen[codes, subjects.right] = True
    crossing = int((seen.sum(0) > 1).sum())
    if crossing:
        yield (
            f"{crossing:,} of {subjects.count:,} subjects are in several "
            "folds, so the folds are not independent and S_E is too small."
        )
