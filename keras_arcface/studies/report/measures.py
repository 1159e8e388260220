"""Every number of a report, all of them by the functions of `evaluation`."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from keras_arcface import evaluation
from keras_arcface.studies.report.drawing_pairs import whole_identities
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.options import Options
from keras_arcface.studies.report.scoring import Scored
from keras_arcface.studies.report.scoring import score_pairs
from keras_arcface.studies.report.scoring import score_protocol
from keras_arcface.studies.report.searching import search
from keras_arcface.studies.report.thresholds import Thresholds
from keras_arcface.studies.report.thresholds import calibrate
from keras_arcface.training.verification import report as verification_report
from keras_arcface.utils.console import progress

UNLABELLED = (
    "nobody says who is on the pictures; give identities, in folders or in a "
    "list, to have this."
)


@dataclasses.dataclass(frozen=True)
class NotMeasured:
    """Stands where a number would, and says why there is none."""

    reason: str


@dataclasses.dataclass(frozen=True, eq=False)
class Measures:
    """What was measured; each may be `NotMeasured`.

    Attributes:
        scored: The pairs that error rates are counted on.
        verification: `VerificationReport`, the protocol's rule with it.
        det: `DetCurve` of `scored`.
        thresholds: `Thresholds`.
        identification: `Search`.
        retrieval: `RetrievalReport`.
        geometry: `GeometryReport`.
        qualities: `RejectCurve` by name of the quality.
        groups: `SubgroupReport`.
        sampled: Which pictures 1:N, retrieval and geometry are of, where
            these are not all; else empty.
    """

    scored: Scored
    verification: Any
    det: Any
    thresholds: Any
    identification: Any
    retrieval: Any
    geometry: Any
    qualities: dict[str, Any]
    groups: Any
    sampled: str = ""

    @property
    def threshold(self) -> tuple[float, str]:
        """The one that mistakes are told by, and where it is from."""
        if isinstance(self.thresholds, Thresholds):
            return self.thresholds.chosen
        value = evaluation.equal_error_rate(
            self.scored.similarity, self.scored.is_same
        )[1]
        return value, "where both error rates are equal on these pairs"


def measure(judged: Judged, options: Options) -> Measures:
    """Measures all that the data allows, with progress on stderr.

    Raises:
        ValueError: when there are no pairs of both kinds.
    """
    scored = score_pairs(judged, options.most_pairs, options.seed)
    some, sampled = _labelled(judged, options)
    values: dict[str, Any] = {"scored": scored, "sampled": sampled}
    steps = {
        "verification": lambda: _verification(judged, options),
        "det": lambda: _det(judged, scored, options),
        "thresholds": lambda: calibrate(judged, scored, options.seed),
        "identification": lambda: search(_known(some), options.seed),
        "retrieval": lambda: _retrieval(_known(some)),
        "geometry": lambda: _geometry(_known(some)),
    }
    for name, step in progress(list(steps.items()), "Judging"):
        values[name] = _attempt(step)
    found = Measures(**values, qualities={}, groups=None)
    # These take a threshold that was fixed before.
    measure_by = functools.partial(
        _by_picture, scored, found.threshold[0], options.seed
    )
    qualities = {
        name: _attempt(
            functools.partial(
                measure_by, evaluation.error_versus_reject, quality
            )
        )
        for name, quality in judged.qualities.items()
    }
    groups = None
    if judged.groups is not None:
        groups = _attempt(
            lambda: measure_by(evaluation.subgroup_errors, judged.groups)
        )
    return dataclasses.replace(found, qualities=qualities, groups=groups)


def _attempt(step: Callable[[], Any]) -> Any:
    """Returns what a step gives, or the reason that its error names.

    A report on little data has fewer sections, and says why.
    """
    try:
        return step()
    except ValueError as error:
        return NotMeasured(str(error))


def _labelled(judged, options):
    """Returns what everybody is compared with everybody in, and the rule."""
    if judged.labels is None:
        return judged, ""
    kept = whole_identities(judged.labels, options.most_pictures, options.seed)
    if kept.all():
        return judged, ""
    some = Judged(
        judged.model,
        judged.source,
        judged.embeddings[kept],
        judged.labels[kept],
    )
    return some, (
        f"This is of {int(kept.sum()):,} of the {len(kept):,} pictures: whole "
        f"identities, drawn at random (seed {options.seed})."
    )


def _known(judged):
    if judged.labels is None:
        raise ValueError(UNLABELLED)
    return judged


def _verification(judged, options):
    pairs, similarity, rule = score_protocol(judged, options.seed)
    return verification_report(similarity, pairs), rule


def _det(judged, scored, options):
    return evaluation.det_curve(
        scored.similarity,
        scored.is_same,
        **scored.sides,
        bootstrap=scored.resamples,
        seed=options.seed,
        about=scored.rule,
    )


def _retrieval(judged):
    return evaluation.retrieval_report(judged.embeddings, judged.labels)


def _geometry(judged):
    return evaluation.geometry_report(judged.embeddings, judged.labels)


def _by_picture(scored, threshold, seed, function, values):
    """Measures errors by what is known of each picture, `values[row]`."""
    return function(
        scored.similarity,
        scored.is_same,
        values[scored.left],
        values[scored.right],
        threshold,
        **scored.sides,
        bootstrap=scored.resamples,
        seed=seed,
    )


def lowest_reliable(det: evaluation.DetCurve) -> evaluation.DetPoint:
    """Returns the point at the lowest power of ten that the pairs support.

    Where none expects 30 false matches, that of the highest power of ten.
    """
    decades = [point for point in det.points if _is_decade(point.target_fmr)]
    reliable = [point for point in decades if point.reliable]
    return reliable[-1] if reliable else [*decades, *det.points][0]


def _is_decade(rate):
    exponent = np.log10(rate)
    return bool(np.isclose(exponent, round(exponent)))
