"""The section about thresholds, calibrated and checked."""

from keras_arcface.studies.report.elements import Markup
from keras_arcface.studies.report.elements import joined
from keras_arcface.studies.report.elements import table
from keras_arcface.studies.report.elements import tag
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.measures import Measures
from keras_arcface.studies.report.measures import NotMeasured
from keras_arcface.studies.report.sections import Section
from keras_arcface.studies.report.sections import about_intervals
from keras_arcface.studies.report.sections import not_measured
from keras_arcface.studies.report.sections import notes
from keras_arcface.studies.report.sections import number
from keras_arcface.studies.report.sections import rate_cells


def thresholds(judged: Judged, measures: Measures) -> Section:
    """Returns thresholds of one half and what they do on the other."""
    id_, title = "thresholds", "Thresholds, calibrated and checked"
    found = measures.thresholds
    if isinstance(found, NotMeasured):
        return not_measured(id_, title, found)
    head = (
        "FMR asked for",
        "threshold",
        "FMR elsewhere",
        "95% interval",
        "FNMR elsewhere",
        "95% interval",
        "bound kept?",
    )
    body = table(
        "Thresholds of one half of the data, measured on the other half",
        head,
        [_calibration_row(row) for row in found.rows],
        words=(6,),
    )
    check = found.rows[0].check
    weak = [
        f"{row.found.target_fmr:g}"
        for row in found.rows
        if not row.found.reliable
    ]
    warnings = []
    if weak:
        warnings.append(
            f"for FMR {', '.join(weak)} fewer than 30 false matches are "
            f"expected among {found.rows[0].found.impostor_pairs:,} impostor "
            "pairs of the half that calibrates: such a threshold is a guess."
        )
    return Section(
        id_,
        title,
        joined(
            (
                notes(f"{found.rule[0].upper()}{found.rule[1:]}."),
                body,
                notes(
                    about_intervals(
                        check.resampling, measures.scored.resamples
                    ),
                    "Kept: the whole interval lies within the bound. Broken: "
                    "the whole interval lies above it.",
                ),
                _own_threshold(judged, found.own),
            )
        ),
        tuple(warnings),
    )


def _calibration_row(row):
    check = row.check
    return (
        f"{row.found.target_fmr:g}",
        number(row.found.threshold, 4),
        *rate_cells(check.fmr, check.fmr_interval),
        *rate_cells(check.fnmr, check.fnmr_interval),
        kept_words(row.kept),
    )


def kept_words(kept: bool | None) -> Markup | str:
    """Returns what became of a bound: kept, broken, or nobody can tell."""
    if kept is None:
        return "cannot be told"
    if kept:
        return tag("span", "kept", class_="verdict-yes")
    return tag("span", "broken", class_="verdict-no")


def _own_threshold(judged, check):
    if check is None:
        return Markup()
    entry = judged.threshold
    asked = f", for FMR {entry['fmr']:g}" if "fmr" in entry else ""
    origin = entry.get("calibrated_on", "data that it does not name")
    return joined(
        (
            tag("h3", "The threshold that came with the model"),
            notes(
                f"{check.threshold:.4f}{asked}, calibrated on {origin}. On all "
                "pairs of this page:"
            ),
            table(
                "What the model's own threshold does on this data",
                ("error rate", "value", "95% interval", "errors"),
                [
                    (
                        "FMR",
                        *rate_cells(check.fmr, check.fmr_interval),
                        f"{check.false_matches:,} of {check.impostor_pairs:,}",
                    ),
                    (
                        "FNMR",
                        *rate_cells(check.fnmr, check.fnmr_interval),
                        f"{check.false_non_matches:,} of "
                        f"{check.genuine_pairs:,}",
                    ),
                ],
            ),
        )
    )
