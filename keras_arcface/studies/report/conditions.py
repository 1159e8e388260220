"""Sections about errors by quality and by group."""

from keras_arcface import plots
from keras_arcface.evaluation.tables import percent
from keras_arcface.studies.report.elements import joined
from keras_arcface.studies.report.elements import table
from keras_arcface.studies.report.figures import figure
from keras_arcface.studies.report.measures import Measures
from keras_arcface.studies.report.measures import NotMeasured
from keras_arcface.studies.report.sections import Section
from keras_arcface.studies.report.sections import about_intervals
from keras_arcface.studies.report.sections import not_measured
from keras_arcface.studies.report.sections import notes
from keras_arcface.studies.report.sections import number
from keras_arcface.studies.report.sections import rate_cells


def qualities(measures: Measures) -> Section | None:
    """Returns whether a quality tells which comparisons fail."""
    if not measures.qualities:
        return None
    id_, title = "quality", "Errors by quality"
    curves = {
        name: curve
        for name, curve in measures.qualities.items()
        if not isinstance(curve, NotMeasured)
    }
    missing = [
        f"{name}: not measured: {curve.reason}"
        for name, curve in measures.qualities.items()
        if name not in curves
    ]
    if not curves:
        return Section(id_, title, notes(*missing))
    first = next(iter(curves.values()))
    drawing = figure(
        lambda path: plots.plot_reject_curve(curves, path),
        "False non-match rate of the pairs that stay as the pairs of lowest "
        "quality are left out; the numbers are in the table that follows.",
        "Pairs of the lowest quality left out first. A quality that knows "
        "which comparisons fail falls fast; the dotted line knows nothing.",
    )
    tables = [_quality_table(name, curve) for name, curve in curves.items()]
    warnings = tuple(
        f"{name}: {warning}"
        for name, curve in curves.items()
        for warning in curve.warnings
    )
    threshold, where = measures.threshold
    return Section(
        id_,
        title,
        joined(
            (
                notes(
                    f"At the threshold {threshold:.4f}, {where}. The quality "
                    "of a pair is the lower of its two pictures'.",
                    *missing,
                ),
                drawing,
                *tables,
                notes(about_intervals(first.resampling, first.bootstrap)),
            )
        ),
        warnings,
    )


def _quality_table(name, curve):
    rows = zip(
        curve.rejected, curve.fnmr, curve.intervals, curve.best, strict=True
    )
    return table(
        f"By the {name}: FNMR of the genuine pairs that stay",
        ("left out", "FNMR", "95% interval", "perfect quality"),
        [
            (f"{100 * share:.0f}%", *rate_cells(fnmr, interval), percent(best))
            for share, fnmr, interval, best in rows
            if round(100 * share) % 10 == 0
        ],
    )


def groups(measures: Measures) -> Section | None:
    """Returns the errors of every group at one threshold."""
    id_, title, report = "groups", "Errors by group", measures.groups
    if report is None:
        return None
    if isinstance(report, NotMeasured):
        return not_measured(id_, title, report)
    threshold, where = measures.threshold
    head = (
        "group",
        "FMR",
        "95% interval",
        "ratio",
        "FNMR",
        "95% interval",
        "ratio",
        "pairs",
    )
    rows = [_group_row(*entry) for entry in report.groups.items()]
    rows.append(
        (
            "all pairs",
            *rate_cells(report.fmr.rate, report.fmr.interval),
            "",
            *rate_cells(report.fnmr.rate, report.fnmr.interval),
            "",
            f"{report.fnmr.trials:,} + {report.fmr.trials:,}",
        )
    )
    return Section(
        id_,
        title,
        joined(
            (
                notes(f"All at the threshold {threshold:.4f}, {where}."),
                table(
                    "Error rates within each group, at one threshold",
                    head,
                    rows,
                ),
                notes(
                    f"Largest over smallest: FMR {report.fmr_max_min:.3g}, "
                    f"FNMR {report.fnmr_max_min:.3g}. Ratios are to the "
                    "geometric mean of the groups (NIST IR 8280). Pairs: "
                    "genuine + impostor, both within the group.",
                    about_intervals(
                        report.resampling, measures.scored.resamples
                    ),
                ),
            )
        ),
        report.warnings,
    )


def _group_row(name, group):
    return (
        name,
        *rate_cells(group.fmr.rate, group.fmr.interval),
        number(group.fmr_ratio),
        *rate_cells(group.fnmr.rate, group.fnmr.interval),
        number(group.fnmr_ratio),
        f"{group.fnmr.trials:,} + {group.fmr.trials:,}",
    )
