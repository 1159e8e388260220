"""1:N: is the right identity on the list, and is the unknown turned away?

A search is one probe against one gallery. It is mated where the gallery holds
the probe's identity. Then

    FNIR(R, T) = mated searches whose mate is not among the best R identities
                 with a score >= T / mated searches
    FPIR(T)    = non-mated searches with any score >= T / non-mated searches

Both count searches, not scores. DIR at FAR is 1 - FNIR(1, T) at FPIR(T).

Reference:
- ISO/IEC 19795-1:2021; Grother et al., NIST IR 8271 (FRTE 1:N).
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.bootstrap import bootstrap_samples
from keras_arcface.evaluation.bootstrap import percentile_interval
from keras_arcface.evaluation.identification_measures import (
    IdentificationMeasures,
)
from keras_arcface.evaluation.identification_report import IdentificationReport
from keras_arcface.evaluation.identification_report import OpenSetPoint
from keras_arcface.evaluation.identification_report import report_warnings
from keras_arcface.evaluation.identity_search import Searches
from keras_arcface.evaluation.identity_search import search_identities
from keras_arcface.evaluation.intervals import NOTHING_KNOWN
from keras_arcface.evaluation.intervals import RULE_OF_30
from keras_arcface.evaluation.intervals import widened
from keras_arcface.evaluation.pairs import expected_errors

FPIRS = (0.1, 0.01, 0.001)


def identification_report(
    probes: ArrayLike,
    probe_labels: ArrayLike,
    gallery: ArrayLike,
    gallery_labels: ArrayLike,
    *,
    max_rank: int = 20,
    fpir_targets: Sequence[float] = FPIRS,
    open_set_rank: int = 1,
    bootstrap: int = 1000,
    seed: int = 0,
) -> IdentificationReport:
    """Judges 1:N: CMC of the mated searches, FNIR at FPIR with the others.

    Probes whose identity the gallery does not hold are the non-mated searches;
    without any, only the closed set is judged. Intervals resample the
    identities of the probes, each with all of its searches; the gallery stays
    as it is.

    Args:
        probes: Real, `(probes, dim)`, of any length.
        probe_labels: Integer identities, `(probes,)`.
        gallery: Real, `(entries, dim)`. An identity may have several entries.
        gallery_labels: Integer identities, `(entries,)`.
        max_rank: How far the CMC goes.
        fpir_targets: False positive identification rates, in (0, 1).
        open_set_rank: The R of FNIR(R, T), up to `max_rank`.
        bootstrap: Resamples; 0 for no intervals.
        seed: Of the bootstrap.

    Raises:
        ValueError: when labels are no integers, an embedding has no direction
            or no probe is enrolled.

    Example:

    >>> gallery = np.eye(3)[:2]
    >>> report = identification_report(
    ...     np.eye(3), [0, 1, 2], gallery, [0, 1], bootstrap=0
    ... )
    >>> report.rank_k(1), report.nonmated_searches
    (1.0, 1)
    """
    searches = search_identities(
        probes, probe_labels, gallery, gallery_labels, max_rank
    )
    return report_of_searches(
        [searches],
        fpir_targets=fpir_targets,
        open_set_rank=open_set_rank,
        bootstrap=bootstrap,
        seed=seed,
    )


def report_of_searches(
    galleries: Sequence[Searches],
    *,
    fpir_targets: Sequence[float] = FPIRS,
    open_set_rank: int = 1,
    bootstrap: int = 1000,
    seed: int = 0,
) -> IdentificationReport:
    """Judges the same probes searched in one or more galleries.

    With several galleries every rate is the plain mean of theirs, as IJB-B and
    IJB-C ask for G1 and G2: a probe is mated in one and non-mated in the
    other. A threshold belongs to one gallery, so there are as many.

    Args:
        galleries: What `search_identities` gave, the same probes in each.
        fpir_targets: False positive identification rates, in (0, 1).
        open_set_rank: The R of FNIR(R, T), up to the length of the list.
        bootstrap: Resamples of identities; 0 for no intervals.
        seed: Of the bootstrap.
    """
    _check_same_probes(galleries)
    listed = min(searches.listed for searches in galleries)
    if not 1 <= open_set_rank <= listed:
        raise ValueError(
            f"`open_set_rank` must be from 1 to the {listed} identities "
            f"listed. Received: {open_set_rank}."
        )
    measures = [
        IdentificationMeasures(searches, fpir_targets, open_set_rank)
        for searches in galleries
    ]

    def mean(weights):
        return _mean([measure(weights) for measure in measures])

    labels, samples = galleries[0].labels, {}
    if bootstrap:
        samples = bootstrap_samples(
            mean,
            np.ones(labels.size, bool),
            subject_left=labels,
            subject_right=labels,
            resamples=bootstrap,
            seed=seed,
        )
    values = _mean([measure.plain() for measure in measures])
    points = tuple(_points(measures, values, samples, open_set_rank))
    mated = [int(searches.mated.sum()) for searches in galleries]
    cmc = tuple(values[f"rank_{rank}"] for rank in range(1, listed + 1))
    subjects = np.unique(labels).size
    return IdentificationReport(
        cmc=cmc,
        cmc_intervals=tuple(_cmc_intervals(measures, cmc, samples)),
        open_set=points,
        mated_searches=sum(mated),
        nonmated_searches=len(mated) * labels.size - sum(mated),
        identities=tuple(searches.identities for searches in galleries),
        entries=tuple(searches.entries for searches in galleries),
        subjects=subjects,
        bootstrap=bootstrap,
        warnings=tuple(report_warnings(points, cmc, sum(mated), subjects)),
    )


def _mean(values):
    # Of the shortest list only: every gallery knows these ranks.
    names = [name for name in values[0] if all(name in v for v in values)]
    return {name: sum(v[name] for v in values) / len(values) for name in names}


def _cmc_intervals(measures, cmc, samples):
    trials = sum(len(measure.hits) for measure in measures)
    for rank, value in enumerate(cmc, start=1):
        some = samples.get(f"rank_{rank}")
        if some is None:
            yield NOTHING_KNOWN
            continue
        hits = sum(int(m.hits[:, rank - 1].sum()) for m in measures)
        yield widened(percentile_interval(some), hits, trials)


def _points(measures, values, samples, open_set_rank):
    tradeoffs = [measure.tradeoff for measure in measures]
    if any(tradeoff is None for tradeoff in tradeoffs):
        return
    for i, target in enumerate(tradeoffs[0].targets):
        known = all(tradeoff.measurable[i] for tradeoff in tradeoffs)
        wrong = sum(int(t.false_non_matches[i]) for t in tradeoffs)
        interval = NOTHING_KNOWN
        if known and samples:
            trials = sum(tradeoff.genuine for tradeoff in tradeoffs)
            some = samples[f"fnir_at_{target:g}"]
            interval = widened(percentile_interval(some), wrong, trials)
        fewest = min(tradeoff.impostors for tradeoff in tradeoffs)
        yield OpenSetPoint(
            target_fpir=target,
            rank=open_set_rank,
            fnir=values[f"fnir_at_{target:g}"],
            interval=interval,
            fpirs=tuple(
                float(t.false_matches[i] / t.impostors) if known else np.nan
                for t in tradeoffs
            ),
            thresholds=tuple(float(t.thresholds[i]) for t in tradeoffs),
            nonmated_searches=tuple(t.impostors for t in tradeoffs),
            reliable=expected_errors(target, fewest) >= RULE_OF_30,
        )


def _check_same_probes(galleries):
    if not galleries:
        raise ValueError("`galleries` must hold at least one result.")
    first = galleries[0].labels
    for number, searches in enumerate(galleries[1:], start=2):
        if not np.array_equal(searches.labels, first):
            raise ValueError(
                "Every gallery must be searched with the same probes in the "
                f"same order. The probes of gallery {number} differ from "
                "those of gallery 1."
            )
