"""What stands first: the main numbers and what they rest on."""

import math

from keras_arcface.evaluation.tables import percent
from keras_arcface.evaluation.tables import percent_range
from keras_arcface.studies.report.elements import Markup
from keras_arcface.studies.report.elements import joined
from keras_arcface.studies.report.elements import paragraph
from keras_arcface.studies.report.elements import tag
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.measures import Measures
from keras_arcface.studies.report.measures import NotMeasured
from keras_arcface.studies.report.measures import lowest_reliable
from keras_arcface.studies.report.sections import Section
from keras_arcface.studies.report.sections import warning_box

# The false positive identification rate that stands among the main numbers.
_FPIR = 0.01


def verdict(
    judged: Judged, measures: Measures, sections: list[Section]
) -> Markup:
    """Returns the first part of the page: a sentence, numbers and warnings."""
    cards = [card for card in _cards(measures) if card is not None]
    scores = tag("dl", *(_card(*card) for card in cards), class_="scores")
    return joined(
        (
            paragraph(_sentence(measures), class_="lead"),
            scores,
            paragraph(
                "In brackets the 95% interval, from resampled identities "
                "where these are known.",
                class_="soft",
            ),
            warning_box(
                _warnings(judged, sections), "h2", "Before quoting a number"
            ),
        )
    )


def _sentence(measures: Measures) -> str:
    found = measures.thresholds
    if isinstance(found, NotMeasured):
        return f"No threshold could be calibrated and checked: {found.reason}"
    row = found.main
    check = row.check
    text = (
        "At the threshold that was calibrated on one half of the data for one "
        f"false match in {round(1 / row.found.target_fmr):,}, the model "
        f"accepts {percent(check.fmr)} {percent_range(check.fmr_interval)} of "
        f"the impostor pairs of the other half and rejects "
        f"{percent(check.fnmr)} {percent_range(check.fnmr_interval)} of its "
        "genuine pairs"
    )
    kept = {
        True: ": the bound is kept.",
        False: ": the bound is broken.",
        None: ". Whether the bound is kept, these pairs cannot tell.",
    }
    return text + kept[row.kept]


def _cards(measures):
    yield _tar(measures.det)
    yield from _protocol(measures.verification)
    yield from _searches(measures.identification)
    if not isinstance(measures.retrieval, NotMeasured):
        report = measures.retrieval
        note = f"{report.queries:,} queries, {report.classes:,} identities"
        yield ("MAP@R", percent(report.map_at_r), "", note)


def _tar(curve):
    if isinstance(curve, NotMeasured) or not curve.points:
        return None
    point = lowest_reliable(curve)
    note = f"{curve.impostor_pairs:,} impostor pairs"
    note += " allow no lower FAR" if point.reliable else ": too few to rely on"
    return (
        f"TAR at FAR {point.target_fmr:g}",
        percent(point.tar),
        percent_range(point.tar_interval),
        note,
    )


def _protocol(verification):
    if isinstance(verification, NotMeasured):
        return
    report, _ = verification
    nothing = (math.nan, math.nan)
    yield (
        "Accuracy by folds",
        percent(report.accuracy),
        percent_range(report.intervals.get("accuracy", nothing)),
        f"S_E {100 * report.accuracy_standard_error:.2f} points over "
        f"{len(report.fold_accuracies)} folds",
    )
    yield (
        "Equal error rate",
        percent(report.eer),
        percent_range(report.intervals.get("eer", nothing)),
        f"{report.genuine_pairs + report.impostor_pairs:,} pairs",
    )


def _searches(identification):
    if isinstance(identification, NotMeasured):
        return
    report = identification.report
    yield (
        "Rank-1 identification",
        percent(report.cmc[0]),
        percent_range(report.cmc_intervals[0]),
        f"gallery of {report.identities[0]:,} identities",
    )
    for point in report.open_set:
        if point.target_fpir == _FPIR and not math.isnan(point.fnir):
            yield (
                f"FNIR at FPIR {point.target_fpir:g}",
                percent(point.fnir),
                percent_range(point.interval),
                f"{report.nonmated_searches:,} non-mated searches",
            )


def _card(name, value, interval, note):
    return tag(
        "div",
        tag("dt", name),
        tag("dd", value, class_="value"),
        tag("dd", interval, class_="note") if interval else Markup(),
        tag("dd", note, class_="note"),
    )


def _warnings(judged, sections):
    for warning in judged.warnings:
        yield tag("strong", warning)
    said = set()
    for section in sections:
        for warning in section.warnings:
            if warning in said:
                continue
            said.add(warning)
            link = tag("a", section.title, href=f"#{section.id}")
            yield joined((link, f": {warning}"))
