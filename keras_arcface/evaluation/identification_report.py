"""The result of 1:N searches, as a value, a text and JSON."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from keras_arcface.evaluation.intervals import RULE_OF_30
from keras_arcface.evaluation.intervals import few_subjects
from keras_arcface.evaluation.intervals import rule_of_three
from keras_arcface.evaluation.tables import aligned
from keras_arcface.evaluation.tables import jsonable
from keras_arcface.evaluation.tables import percent
from keras_arcface.evaluation.tables import percent_range

Interval = tuple[float, float]
SHOWN_RANKS = (1, 5, 10, 20, 50)


@dataclass(frozen=True)
class OpenSetPoint:
    """FNIR where FPIR is bounded; several galleries give their mean.

    Attributes:
        target_fpir: The bound asked for, a share of non-mated searches.
        rank: The R of FNIR(R, T).
        fnir: Mean over the galleries; NaN where less than one non-mated search
            is expected to go wrong.
        interval: 95 % bootstrap interval of `fnir`, the threshold chosen anew
            in every resample; NaN without bootstrap.
        fpirs: What the threshold gives, one a gallery, <= target_fpir.
        thresholds: The smallest observed score within the bound, one a
            gallery.
        nonmated_searches: How many the bound rests on, one a gallery.
        reliable: False where a gallery expects fewer than 30 false positives
            (rule of 30).
    """

    target_fpir: float
    rank: int
    fnir: float
    interval: Interval
    fpirs: tuple[float, ...]
    thresholds: tuple[float, ...]
    nonmated_searches: tuple[int, ...]
    reliable: bool

    @property
    def dir(self) -> float:
        """1 - fnir: with rank 1 the detection and identification rate."""
        return 1.0 - self.fnir


@dataclass(frozen=True)
class IdentificationReport:
    """What searches of one or more galleries say about a system.

    Attributes:
        cmc: Share of mated searches whose mate is among the best 1, 2, ...
            identities, whatever its score.
        cmc_intervals: 95 % bootstrap intervals, one a rank.
        open_set: `OpenSetPoint`s; none without non-mated searches.
        mated_searches: How many. nonmated_searches: How many.
        identities: In the gallery, one number a gallery.
        entries: Rows of the gallery, one number a gallery.
        subjects: Identities of the probes: what the bootstrap draws.
        bootstrap: How many resamples.
        warnings: What a reader must know before quoting a number.
    """

    cmc: tuple[float, ...]
    cmc_intervals: tuple[Interval, ...]
    open_set: tuple[OpenSetPoint, ...]
    mated_searches: int
    nonmated_searches: int
    identities: tuple[int, ...]
    entries: tuple[int, ...]
    subjects: int
    bootstrap: int
    warnings: tuple[str, ...]

    def rank_k(self, k: int) -> float:
        """Returns the share of mated searches with the mate in the best k."""
        if not 1 <= k <= len(self.cmc):
            raise ValueError(
                f"`k` must be from 1 to {len(self.cmc)}, the ranks that were "
                f"listed. Received: {k}."
            )
        return self.cmc[k - 1]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON; what is NaN becomes None."""
        return jsonable(dataclasses.asdict(self))

    def summary(self) -> str:
        """Returns the report as a table for a terminal."""
        rows = [("measure", "value", "95% interval", "threshold", "")]
        rows += [
            (
                f"rank-{k}",
                percent(self.cmc[k - 1]),
                percent_range(self.cmc_intervals[k - 1]),
                "",
                "",
            )
            for k in SHOWN_RANKS
            if k <= len(self.cmc)
        ]
        rows += [_row(point) for point in self.open_set]
        lines = [self._title(), *aligned(rows), self._about_intervals()]
        lines += [f"Warning: {warning}" for warning in self.warnings]
        return "\n".join(line for line in lines if line)

    def _title(self):
        sizes = " and ".join(f"{count:,}" for count in self.identities)
        many = "galleries" if len(self.identities) > 1 else "a gallery"
        return (
            f"{self.mated_searches:,} mated and {self.nonmated_searches:,} "
            f"non-mated searches of {self.subjects:,} subjects in {many} of "
            f"{sizes} identities"
        )

    def _about_intervals(self):
        if not self.bootstrap:
            return ""
        return (
            f"Intervals: {self.bootstrap:,} bootstrap resamples of the "
            "subjects searched for; the gallery stays."
        )


def _row(point):
    name = f"FNIR (R = {point.rank}) at FPIR {point.target_fpir:g}"
    if math.isnan(point.fnir):
        return (name, "-", "", "", "not measurable")
    return (
        name,
        percent(point.fnir),
        percent_range(point.interval),
        ", ".join(f"{threshold:.4f}" for threshold in point.thresholds),
        "" if point.reliable else "unreliable",
    )


def report_warnings(points, cmc, mated_searches, subjects):
    """Yields what a reader must know before quoting a number."""
    if not points:
        yield (
            "every probe is enrolled: nothing is known of how the unknown are "
            "turned away. Search for identities that no gallery holds."
        )
    for point in points:
        fewest = min(point.nonmated_searches)
        if math.isnan(point.fnir):
            yield (
                f"FPIR {point.target_fpir:g}: less than one false positive is "
                f"expected in {fewest:,} non-mated searches, so nothing is "
                "given."
            )
        elif not point.reliable:
            yield (
                f"FNIR at FPIR {point.target_fpir:g} rests on "
                f"{point.target_fpir * fewest:.3g} expected false positives "
                f"in {fewest:,} non-mated searches; the rule of {RULE_OF_30} "
                f"asks for {RULE_OF_30}."
            )
    if cmc[0] == 1 or any(point.fnir == 0 for point in points):
        yield (
            f"where no miss was seen in {mated_searches:,} mated searches, "
            f"the true rate may still be {rule_of_three(mated_searches):.2g} "
            "(rule of three)."
        )
    yield from few_subjects(subjects)
