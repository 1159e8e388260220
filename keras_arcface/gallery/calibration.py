"""From which similarity on somebody is known, and what that was tried on."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from dataclasses import dataclass
from typing import Any

from keras_arcface.evaluation.intervals import RULE_OF_30
from keras_arcface.evaluation.pairs import expected_errors

METHODS = ("searches", "pairs")


@dataclass(frozen=True)
class Calibration:
    """A threshold for a gallery, with the evidence behind it.

    Attributes:
        target_fpir: The bound asked for: the share of searches for people who
            are not enrolled that may return anybody.
        threshold: Somebody is known when similarity >= threshold.
        method: "searches" of this gallery, or "pairs": comparisons of two,
            from which FPIR <= identities * FMR follows.
        trials: Non-mated searches, or impostor pairs.
        false_positives: How many of these reached the threshold.
        mated_trials: Searches for people who are enrolled, or genuine pairs.
        misses: How many of these did not return the right person.
        identities: How many were enrolled then.
    """

    target_fpir: float
    threshold: float
    method: str
    trials: int
    false_positives: int
    mated_trials: int
    misses: int
    identities: int

    @property
    def fpir(self) -> float:
        """FPIR on the calibration data; for "pairs" its upper bound."""
        rate = self.false_positives / self.trials
        return rate * self.identities if self.method == "pairs" else rate

    @property
    def fnir(self) -> float | None:
        """Share of mated trials that missed, rank 1; None without any."""
        return self.misses / self.mated_trials if self.mated_trials else None

    @property
    def reliable(self) -> bool:
        """Whether at least 30 false positives are expected (rule of 30)."""
        return self._expected >= RULE_OF_30

    @property
    def _expected(self):
        rate = self.target_fpir
        if self.method == "pairs":
            rate /= self.identities
        return expected_errors(rate, self.trials)

    def basis(self) -> str:
        """Returns in a few words what the threshold rests on."""
        what = {
            "searches": "non-mated searches",
            "pairs": "impostor pairs",
        }[self.method]
        text = (
            f"FPIR {self.target_fpir:g}, calibrated on {self.trials:,} {what} "
            f"with {self.identities:,} enrolled"
        )
        if self.fnir is None:
            return text
        return f"{text}; FNIR {self.fnir:.4f} of {self.mated_trials:,}"

    def warnings(self, identities: int) -> Iterator[str]:
        """Yields what must be known before the threshold is relied on.

        Args:
            identities: How many are enrolled now.
        """
        if not self.reliable:
            yield (
                f"the threshold for FPIR {self.target_fpir:g} rests on "
                f"{self._expected:.3g} expected false positives in "
                f"{self.trials:,} trials; the rule of {RULE_OF_30} asks for "
                f"{RULE_OF_30}."
            )
        if identities > self.identities:
            yield (
                f"the threshold was calibrated with {self.identities:,} "
                f"enrolled and there are {identities:,} now: FPIR grows with "
                "the gallery. Calibrate again."
            )

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Calibration":
        """Returns what `to_dict` gave.

        Raises:
            ValueError: when the values are not those of a calibration.
        """
        kinds = cls.__annotations__
        fits = isinstance(values, dict) and set(values) == set(kinds)
        fits = fits and all(
            type(values[k]) is kind for k, kind in kinds.items()
        )
        if not fits or not cls(**values)._is_sane():
            raise ValueError(f"it has a calibration of {str(values)[:80]!r}")
        return cls(**values)

    def _is_sane(self):
        return (
            math.isfinite(self.threshold)
            and 0 < self.target_fpir < 1
            and self.method in METHODS
            and 0 <= self.false_positives <= self.trials < 2**63
            and 0 <= self.misses <= self.mated_trials < 2**63
            and 0 < self.trials
            and 0 < self.identities < 2**32
        )
