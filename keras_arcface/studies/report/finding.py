"""Sections about 1:N, retrieval and geometry."""

import math

from keras_arcface import plots
from keras_arcface.evaluation.tables import percent
from keras_arcface.studies.report.elements import facts
from keras_arcface.studies.report.elements import joined
from keras_arcface.studies.report.elements import table
from keras_arcface.studies.report.figures import figure
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.measures import Measures
from keras_arcface.studies.report.measures import NotMeasured
from keras_arcface.studies.report.sections import Section
from keras_arcface.studies.report.sections import not_measured
from keras_arcface.studies.report.sections import notes
from keras_arcface.studies.report.sections import number
from keras_arcface.studies.report.sections import rate_cells

RANKS = (1, 5, 10, 20)
ANGLES = {
    "intra": "Intra: a picture to its identity's mean",
    "inter": "Inter: an identity's mean to the nearest other",
}


def identification(judged: Judged, measures: Measures) -> Section:
    """Returns CMC and open-set rates."""
    id_, title = "identification", "Identification in a gallery"
    if isinstance(measures.identification, NotMeasured):
        return not_measured(id_, title, measures.identification)
    report, rule = measures.identification
    rows = [
        (
            f"rank-{k}",
            *rate_cells(report.cmc[k - 1], report.cmc_intervals[k - 1]),
            "",
            "",
        )
        for k in RANKS
        if k <= len(report.cmc)
    ]
    rows += [_open_set_row(point) for point in report.open_set]
    drawing = figure(
        lambda path: plots.plot_cmc({judged.model: report}, path),
        f"Share of searches that find the right identity among the best k, "
        f"from {percent(report.cmc[0])} at rank 1 to {percent(report.cmc[-1])} "
        f"at rank {len(report.cmc)}.",
        "CMC: mated searches whose identity is among the best k, at any score. "
        "The band is the 95% interval.",
    )
    return Section(
        id_,
        title,
        joined(
            (
                notes(
                    measures.sampled,
                    f"{report.mated_searches:,} mated and "
                    f"{report.nonmated_searches:,} non-mated searches in a "
                    f"gallery of {report.identities[0]:,} identities. {rule}",
                ),
                table(
                    "Identification: closed set by rank, open set by FPIR",
                    ("measure", "value", "95% interval", "threshold", "note"),
                    rows,
                    words=(4,),
                ),
                drawing,
                notes(
                    f"Intervals are 95%, from {report.bootstrap:,} bootstrap "
                    "resamples of the identities searched for; the gallery "
                    "stays as it is.",
                    "Rank-k: mated searches that have the right identity among "
                    "the best k. FPIR: searches for somebody unknown that find "
                    "anybody. FNIR: searches for somebody enrolled that do not "
                    "find the right identity first, or find it below the "
                    "threshold. Both grow with the gallery.",
                ),
            )
        ),
        report.warnings,
    )


def _open_set_row(point):
    note = "" if point.reliable else "unreliable"
    if math.isnan(point.fnir):
        note = "not measurable"
    return (
        f"FNIR at FPIR {point.target_fpir:g}",
        *rate_cells(point.fnir, point.interval),
        number(point.thresholds[0], 4),
        note,
    )


def retrieval(measures: Measures) -> Section:
    """Returns how well pictures find others of their identity."""
    id_, title, report = "retrieval", "Retrieval", measures.retrieval
    if isinstance(report, NotMeasured):
        return not_measured(id_, title, report)
    rows = [
        ("Precision@1", percent(report.precision_at_1)),
        ("R-Precision", percent(report.r_precision)),
        ("MAP@R", percent(report.map_at_r)),
    ]
    rows += [
        (f"CMC@{k}", percent(value)) for k, value in report.cmc.items() if k > 1
    ]
    return Section(
        id_,
        title,
        joined(
            (
                notes(
                    measures.sampled,
                    f"{report.queries:,} pictures of {report.classes:,} "
                    "identities, each searched among all "
                    f"{report.references - 1:,} others; "
                    f"{report.lone_queries:,} pictures are the only one of "
                    "their identity and are not searched for.",
                ),
                table(
                    "Retrieval: means over the pictures searched for",
                    ("measure", "value"),
                    rows,
                ),
                notes(
                    "R is the number of other pictures of the identity. MAP@R "
                    "rewards right ones in front (Musgrave et al., 2020)."
                ),
            )
        ),
        report.warnings,
    )


def geometry(measures: Measures) -> Section:
    """Returns angles, dimension and hubs."""
    id_, title, report = "geometry", "Geometry", measures.geometry
    if isinstance(report, NotMeasured):
        return not_measured(id_, title, report)
    drawing = figure(
        lambda path: plots.plot_geometry(report, path),
        "Distribution of the angles between neighbouring identities, and how "
        "often pictures are among the nearest of others.",
        "Left: angle from each identity's mean to the nearest other, beside "
        "what random directions would have. Right: hubness.",
    )
    body = [
        notes(
            measures.sampled,
            "Angles in degrees, as in Table 3 of the ArcFace paper (Intra2 and "
            "Inter2 there, where these identities were not trained on).",
        ),
        table(
            "Angles of the embeddings, in degrees",
            ("angle", "mean", "5%", "median", "95%", "random", "of"),
            [
                _angle_row(words, report.angles[name])
                for name, words in ANGLES.items()
                if name in report.angles
            ],
        ),
        drawing,
        facts(_spread(report)),
    ]
    return Section(id_, title, joined(body), report.warnings)


def _angle_row(words, angles):
    quantiles = (angles.quantiles[name] for name in ("p05", "p50", "p95"))
    return (
        words,
        number(angles.mean),
        *map(number, quantiles),
        number(angles.random),
        f"{angles.of:,}",
    )


def _spread(report):
    yield (
        "effective dimension",
        f"{number(report.effective_dimension, 1)} of {report.dim:,} "
        f"(uncentred {number(report.effective_dimension_uncentered, 1)})",
    )
    hubs = report.hubness
    if hubs is None:
        return
    yield (
        f"hubness at k = {hubs.k}",
        f"skewness {hubs.skewness:.2f} among {hubs.of:,} pictures",
    )
    yield "on nobody's list", percent(hubs.anti_hubs)
    yield (
        "the worst hub",
        f"one picture is on {hubs.worst_hub_lists:,} lists of the {hubs.k} "
        f"nearest, {hubs.worst_hub_strangers:,} of them of another identity",
    )
