"""The result of a verification protocol, as a value, a text and JSON."""

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

from keras_arcface.evaluation.insightface_folds import InsightfaceAccuracy
from keras_arcface.evaluation.roc import TarAtFar
from keras_arcface.evaluation.tables import aligned
from keras_arcface.evaluation.tables import jsonable

Interval = tuple[float, float]


@dataclass(frozen=True)
class VerificationReport:
    """What a set of scored pairs says about a system. Rates are shares.

    Attributes:
        accuracy: Mean over folds, each judged at the threshold of the others.
        accuracy_standard_error: std(ddof=1) over folds / sqrt(folds).
        fold_accuracies: One a fold.
        fold_thresholds: One a fold, chosen on the other folds.
        eer: Where FMR = FNMR.
        eer_threshold: The threshold nearest to that.
        auc: P(genuine score > impostor score) + P(equal) / 2.
        tar_at_far: `TarAtFar` by false accept rate.
        genuine_pairs: How many.
        impostor_pairs: How many.
        subjects: How many, or None where subjects were not given.
        intervals: 95 % bootstrap intervals of "accuracy", "eer" and "auc";
            those of the TARs stand in `tar_at_far`. Empty without bootstrap.
        resampling: "subjects", "pairs" or "none": what the bootstrap drew.
        bootstrap: How many resamples.
        warnings: What a reader must know before quoting a number.
        insightface: What insightface's script prints for the same pairs, to
            compare with tables made by it; None where the scores are no
            cosines or there are fewer than ten pairs.
    """

    accuracy: float
    accuracy_standard_error: float
    fold_accuracies: tuple[float, ...]
    fold_thresholds: tuple[float, ...]
    eer: float
    eer_threshold: float
    auc: float
    tar_at_far: dict[float, TarAtFar]
    genuine_pairs: int
    impostor_pairs: int
    subjects: int | None
    intervals: dict[str, Interval]
    resampling: str
    bootstrap: int
    warnings: tuple[str, ...]
    insightface: InsightfaceAccuracy | None = None

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON; what is NaN becomes None."""
        value = dataclasses.asdict(self)
        value["tar_at_far"] = {
            f"{far:g}": point for far, point in value["tar_at_far"].items()
        }
        return jsonable(value)

    def summary(self) -> str:
        """Returns the report as a table for a terminal."""
        rows = [("measure", "value", "95% interval", "threshold", "")]
        rows += [self._accuracy_row(), self._eer_row()]
        auc = f"{self.auc:.4f}"
        rows.append(("AUC", auc, _range(self.intervals.get("auc"), 1), "", ""))
        rows += [_tar_row(point) for point in self.tar_at_far.values()]
        lines = [self._title(), *aligned(rows), self._about_intervals()]
        if self.insightface is not None:
            lines.append(self.insightface.summary())
        lines += [f"Warning: {warning}" for warning in self.warnings]
        return "\n".join(line for line in lines if line)

    def _title(self):
        known = "" if self.subjects is None else f", {self.subjects:,} subjects"
        return (
            f"{self.genuine_pairs:,} genuine and {self.impostor_pairs:,} "
            f"impostor pairs{known}, {len(self.fold_accuracies)} folds"
        )

    def _accuracy_row(self):
        thresholds = self.fold_thresholds
        return (
            "accuracy",
            f"{100 * self.accuracy:.2f}%",
            _range(self.intervals.get("accuracy")),
            f"{sum(thresholds) / len(thresholds):.4f}",
            f"S_E {100 * self.accuracy_standard_error:.2f} over folds",
        )

    def _eer_row(self):
        value = f"{100 * self.eer:.2f}%"
        interval = _range(self.intervals.get("eer"))
        return ("EER", value, interval, f"{self.eer_threshold:.4f}", "")

    def _about_intervals(self):
        if self.resampling == "none":
            return ""
        return (
            f"Intervals: {self.bootstrap:,} bootstrap resamples of "
            f"{self.resampling}."
        )


def _tar_row(point):
    name = f"TAR at FAR {point.far:g}"
    if math.isnan(point.tar):
        note = f"not measurable with {point.impostor_pairs:,} impostor pairs"
        return (name, "-", "", "", note)
    note = f"{point.false_accepts:,} of {point.impostor_pairs:,} false accepts"
    return (
        name,
        f"{100 * point.tar:.2f}%",
        _range(point.interval),
        f"{point.threshold:.4f}",
        note if point.reliable else f"{note}: unreliable",
    )


def _range(interval, factor=100):
    if interval is None or math.isnan(interval[0]):
        return ""
    digits = 2 if factor == 100 else 4
    low, high = (f"{factor * end:.{digits}f}" for end in interval)
    return f"[{low}, {high}]"
