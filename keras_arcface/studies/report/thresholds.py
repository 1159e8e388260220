"""Thresholds from one half of the data, and what they do on the other."""

import dataclasses
from typing import NamedTuple

from keras_arcface import evaluation
from keras_arcface.evaluation import CalibratedThreshold
from keras_arcface.evaluation import ThresholdCheck
from keras_arcface.evaluation.pairs import expected_errors
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.scoring import Scored
from keras_arcface.studies.report.scoring import halves

TARGETS = (1e-1, 1e-2, 1e-3, 1e-4, 1e-5, 1e-6)


class Calibration(NamedTuple):
    """One threshold and what it does elsewhere."""

    found: CalibratedThreshold
    check: ThresholdCheck

    @property
    def kept(self) -> bool | None:
        """Whether the bound holds elsewhere; None where nobody can tell."""
        low, high = self.check.fmr_interval
        if high <= self.found.target_fmr:
            return True
        return False if low > self.found.target_fmr else None


@dataclasses.dataclass(frozen=True)
class Thresholds:
    """Thresholds of one half, checked on the other.

    Attributes:
        rows: By falling rate; at least one.
        rule: How the pairs were divided.
        own: Check of the model's own threshold on all pairs; None without.
    """

    rows: tuple[Calibration, ...]
    rule: str
    own: ThresholdCheck | None = None

    @property
    def main(self) -> Calibration:
        """That of the lowest rate which both halves have pairs enough for."""
        reliable = [
            row
            for row in self.rows
            if row.found.reliable
            and expected_errors(row.found.target_fmr, row.check.impostor_pairs)
            >= 30
        ]
        return reliable[-1] if reliable else self.rows[0]

    @property
    def chosen(self) -> tuple[float, str]:
        """The threshold of `main`, and where it is from."""
        found = self.main.found
        return found.threshold, (
            f"calibrated for FMR {found.target_fmr:g} on one half of the data"
        )


def calibrate(judged: Judged, scored: Scored, seed: int) -> Thresholds:
    """Calibrates on one half and checks on the other.

    Raises:
        ValueError: when the pairs cannot be divided, or a half has too few of
            a kind.
    """
    development, check, rule = halves(scored, seed)
    impostors = int((~development.is_same).sum())
    targets = [t for t in TARGETS if expected_errors(t, impostors) >= 1]
    rows = []
    for target in targets or TARGETS[:1]:
        found = evaluation.threshold_at_fmr(
            development.similarity, development.is_same, target
        )
        rows.append(Calibration(found, _check(check, found.threshold, seed)))
    own = None
    if judged.threshold is not None:
        own = _check(scored, judged.threshold["threshold"], seed)
    return Thresholds(tuple(rows), rule, own)


def _check(scored, threshold, seed):
    return evaluation.check_threshold(
        scored.similarity,
        scored.is_same,
        threshold,
        **scored.sides,
        bootstrap=scored.resamples,
        seed=seed,
    )
