"""Sections about 1:1: the protocol, scores and error rates."""

import math

from keras_arcface import plots
from keras_arcface.evaluation.tables import percent
from keras_arcface.studies.report.elements import joined
from keras_arcface.studies.report.elements import table
from keras_arcface.studies.report.figures import figure
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.measures import Measures
from keras_arcface.studies.report.measures import NotMeasured
from keras_arcface.studies.report.sections import Section
from keras_arcface.studies.report.sections import about_intervals
from keras_arcface.studies.report.sections import not_measured
from keras_arcface.studies.report.sections import notes
from keras_arcface.studies.report.sections import number
from keras_arcface.studies.report.sections import rate_cells


def verification(measures: Measures) -> Section:
    """Returns the 10-fold protocol's table."""
    id_, title = "verification", "Verification by folds"
    if isinstance(measures.verification, NotMeasured):
        return not_measured(id_, title, measures.verification)
    report, rule = measures.verification
    thresholds = report.fold_thresholds
    rows = [
        (
            f"accuracy, mean of {len(report.fold_accuracies)} folds",
            *rate_cells(report.accuracy, _interval(report, "accuracy")),
            number(sum(thresholds) / len(thresholds), 4),
            f"S_E {100 * report.accuracy_standard_error:.2f} points over folds",
        ),
        (
            "equal error rate (EER)",
            *rate_cells(report.eer, _interval(report, "eer")),
            number(report.eer_threshold, 4),
            "",
        ),
        ("area under the ROC (AUC)", *_auc_cells(report), "", ""),
    ]
    rows += [_tar_row(point) for point in report.tar_at_far.values()]
    if report.insightface is not None:
        theirs = report.insightface
        rows.append(
            (
                "accuracy as insightface prints it",
                percent(theirs.accuracy),
                "",
                "",
                f"± {100 * theirs.deviation:.2f} points is the deviation of "
                "folds, no standard error",
            )
        )
    body = table(
        "Verification, the threshold of each fold chosen on the other folds",
        ("measure", "value", "95% interval", "threshold", "note"),
        rows,
        words=(4,),
    )
    return Section(
        id_,
        title,
        joined(
            (
                notes(
                    f"{report.genuine_pairs:,} genuine and "
                    f"{report.impostor_pairs:,} impostor pairs: {rule}."
                ),
                body,
                notes(about_intervals(report.resampling, report.bootstrap)),
            )
        ),
        report.warnings,
    )


def _interval(report, name):
    return report.intervals.get(name, (math.nan, math.nan))


def _auc_cells(report):
    low, high = _interval(report, "auc")
    interval = "" if math.isnan(low) else f"[{low:.4f}, {high:.4f}]"
    return number(report.auc, 4), interval


def _tar_row(point):
    note = f"{point.false_accepts:,} of {point.impostor_pairs:,} false accepts"
    if math.isnan(point.tar):
        note = f"not measurable with {point.impostor_pairs:,} impostor pairs"
    elif not point.reliable:
        note += ": unreliable"
    return (
        f"TAR at FAR {point.far:g}",
        *rate_cells(point.tar, point.interval),
        number(point.threshold, 4),
        note,
    )


def errors(judged: Judged, measures: Measures) -> Section:
    """Returns scores, DET and ROC, with the table of operating points."""
    id_, title = "errors", "Error rates at every threshold"
    scored, curve = measures.scored, measures.det
    if isinstance(curve, NotMeasured):
        return not_measured(id_, title, curve)
    value, where = measures.threshold
    return Section(
        id_,
        title,
        joined(
            (
                notes(
                    f"{curve.genuine_pairs:,} genuine and "
                    f"{curve.impostor_pairs:,} impostor pairs: {scored.rule}."
                ),
                _scores_figure(scored, value, where),
                _det_figure(judged, scored, curve),
                table(
                    "False non-matches where false matches are bounded",
                    (
                        "FMR at most",
                        "FNMR",
                        "95% interval",
                        "TAR",
                        "threshold",
                        "note",
                    ),
                    [_point_row(point) for point in curve.points],
                    words=(5,),
                ),
                notes(
                    about_intervals(curve.resampling, curve.bootstrap),
                    "FMR, also FAR: impostor pairs accepted. FNMR: genuine "
                    "pairs rejected. TAR = 1 - FNMR. Rates by ISO/IEC "
                    "19795-1; thresholds are cosines, and a pair matches from "
                    "the threshold on.",
                ),
            )
        ),
        curve.warnings,
    )


def _scores_figure(scored, threshold, where):
    genuine, impostor = (
        scored.similarity[kind].mean()
        for kind in (scored.is_same, ~scored.is_same)
    )
    return figure(
        lambda path: plots.plot_scores(
            scored.similarity, scored.is_same, path, threshold=threshold
        ),
        "Two histograms of cosines. Genuine pairs score "
        f"{genuine:.3f} on average, impostor pairs {impostor:.3f}.",
        f"How pairs score. The dashed line is the threshold {threshold:.4f}, "
        f"{where}.",
    )


def _det_figure(judged, scored, curve):
    name = judged.model
    pairs = (scored.similarity, scored.is_same)
    return figure(
        lambda path: plots.plot_det({name: pairs}, path, points={name: curve}),
        "DET and ROC curves; their operating points are in the table that "
        "follows.",
        "DET (left, both axes logarithmic) and ROC (right). In the grey band "
        "fewer than 30 false matches are expected. Bars are 95% intervals.",
    )


def _point_row(point):
    note = f"{point.false_matches:,} false matches"
    if math.isnan(point.fnmr):
        note = "not measurable"
    elif not point.reliable:
        note += ": unreliable"
    return (
        f"{point.target_fmr:g}",
        *rate_cells(point.fnmr, point.fnmr_interval),
        percent(point.tar),
        number(point.threshold, 4),
        note,
    )
