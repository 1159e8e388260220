"""Operating points of a system, as values, a text and JSON."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from keras_arcface.evaluation.tables import aligned
from keras_arcface.evaluation.tables import jsonable
from keras_arcface.evaluation.tables import percent
from keras_arcface.evaluation.tables import percent_range


@dataclass(frozen=True)
class DetPoint:
    """FNMR where FMR is bounded. On a ROC: TAR = 1 - fnmr at FAR = fmr.

    Attributes:
        target_fmr: The bound asked for, a share.
        threshold: The smallest observed score with FMR <= target_fmr; NaN,
            like both rates, where `target_fmr * impostor_pairs < 1`.
        fmr: What the threshold gives.
        fnmr: What it costs.
        fmr_interval: 95 % interval of `fmr` with the threshold held fixed.
        fnmr_interval: 95 % interval of `fnmr`; the bootstrap chooses the
            threshold anew in every resample.
        false_matches: Impostor pairs at or above the threshold.
        false_non_matches: Genuine pairs below it.
        reliable: False where fewer than 30 false matches are expected at the
            bound (rule of 30).
    """

    target_fmr: float
    threshold: float
    fmr: float
    fnmr: float
    fmr_interval: tuple[float, float]
    fnmr_interval: tuple[float, float]
    false_matches: int
    false_non_matches: int
    reliable: bool

    @property
    def tar(self) -> float:
        """1 - fnmr, which papers call TAR at FAR."""
        return 1.0 - self.fnmr

    @property
    def tar_interval(self) -> tuple[float, float]:
        """95 % interval of `tar`."""
        low, high = self.fnmr_interval
        return (1.0 - high, 1.0 - low)


@dataclass(frozen=True)
class DetCurve:
    """Operating points of one system on one set of pairs.

    Attributes:
        points: By falling FMR.
        genuine_pairs: How many. impostor_pairs: How many.
        subjects: How many, or None where subjects were not given.
        resampling: What the bootstrap drew: "subjects" or "pairs"; "none"
            for Wilson's intervals.
        bootstrap: How many resamples.
        warnings: What a reader must know before quoting a number.
        about: How the scores came about, in words of the caller.
    """

    points: tuple[DetPoint, ...]
    genuine_pairs: int
    impostor_pairs: int
    subjects: int | None
    resampling: str
    bootstrap: int
    warnings: tuple[str, ...]
    about: str = ""

    def at(self, fmr: float) -> DetPoint:
        """Returns the point whose bound is `fmr`.

        Raises:
            ValueError: when the curve was not asked for it.
        """
        for point in self.points:
            if math.isclose(point.target_fmr, fmr, rel_tol=1e-9):
                return point
        known = ", ".join(f"{point.target_fmr:g}" for point in self.points)
        raise ValueError(
            f"`fmr` must be a bound that was asked for: {known}. Received: "
            f"{fmr:g}. Ask for it with fmr_targets=({fmr:g},)."
        )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON; what is NaN becomes None."""
        return jsonable(dataclasses.asdict(self))

    def summary(self) -> str:
        """Returns the curve as a table for a terminal."""
        rows = [("FMR <=", "FNMR", "95% interval", "TAR", "threshold", "")]
        rows += [self._row(point) for point in self.points]
        lines = [self.about, self._title(), *aligned(rows)]
        lines += [f"Warning: {warning}" for warning in self.warnings]
        return "\n".join(line for line in lines if line)

    def _title(self):
        known = "" if self.subjects is None else f", {self.subjects:,} subjects"
        drawn = {
            "none": "Wilson's intervals",
            "pairs": f"{self.bootstrap:,} bootstrap resamples of pairs",
            "subjects": f"{self.bootstrap:,} bootstrap resamples of subjects",
        }
        return (
            f"{self.genuine_pairs:,} genuine and {self.impostor_pairs:,} "
            f"impostor pairs{known}; {drawn[self.resampling]}"
        )

    def _row(self, point):
        name = f"{point.target_fmr:g}"
        if math.isnan(point.fnmr):
            return (name, "-", "", "", "", "not measurable")
        note = f"{point.false_matches:,} false matches"
        return (
            name,
            percent(point.fnmr),
            percent_range(point.fnmr_interval),
            percent(point.tar),
            f"{point.threshold:.4f}",
            note if point.reliable else f"{note}: unreliable",
        )
