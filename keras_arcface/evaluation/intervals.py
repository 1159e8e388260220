"""How sure an error rate is that was counted on a number of trials."""

from collections.abc import Iterator
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from keras_arcface.evaluation.bootstrap import bootstrap_samples
from keras_arcface.evaluation.bootstrap import percentile_interval

Z_95 = 1.959963984540054
RULE_OF_30 = 30
FEW_SUBJECTS = 30
NOTHING_KNOWN = (float("nan"), float("nan"))


@dataclass(frozen=True)
class ErrorRate:
    """Errors counted on trials.

    Attributes:
        errors: How many decisions were wrong.
        trials: How many there were.
        interval: 95 % interval of `rate`; NaN without trials.
        resampling: Where the interval comes from: "subjects" (cluster
            bootstrap), or "none" (Wilson, as if trials were independent).
    """

    errors: int
    trials: int
    interval: tuple[float, float]
    resampling: str = "none"

    @property
    def rate(self) -> float:
        """errors / trials, a share; NaN without trials."""
        return self.errors / self.trials if self.trials else float("nan")

    @property
    def reliable(self) -> bool:
        """Whether at least 30 errors were seen (rule of 30)."""
        return self.errors >= RULE_OF_30


def rule_of_three(trials: int) -> float:
    """Returns the rate that zero errors in so many trials still allow.

    With 95 % confidence, for independent trials: 3 / trials.
    """
    return min(1.0, 3 / trials) if trials else 1.0


def few_subjects(count: int) -> Iterator[str]:
    """Yields a warning where too few subjects were resampled."""
    if count < FEW_SUBJECTS:
        yield f"only {count} subjects: intervals from so few are too narrow."


def widened(
    interval: tuple[float, float], errors: int, trials: int
) -> tuple[float, float]:
    """Returns an interval that has a width where no error was seen.

    A bootstrap draws from what was seen: with no error (or with nothing but
    errors) it promises that there will never be another. The rule of three
    gives that end then.
    """
    low, high = interval
    if errors == 0:
        return (0.0, max(rule_of_three(trials), np.nan_to_num(high)))
    if errors == trials:
        floor = 1 - rule_of_three(trials)
        return (min(floor, np.nan_to_num(low, nan=1.0)), 1.0)
    return interval


def wilson_interval(errors: int, trials: int) -> tuple[float, float]:
    """Returns the 95 % score interval of a share, also sound at 0 errors.

    Reference:
    - Wilson, 1927, "Probable inference, the law of succession, and
      statistical inference", JASA 22.
    """
    if not 0 <= errors <= trials or trials == 0:
        raise ValueError(
            "`errors` must be between 0 and `trials`, and `trials` positive. "
            f"Received: errors={errors}, trials={trials}."
        )
    share, extra = errors / trials, Z_95**2 / trials
    centre = share + extra / 2
    half = Z_95 * np.sqrt((share * (1 - share) + extra / 4) / trials)
    low, high = (centre - half) / (1 + extra), (centre + half) / (1 + extra)
    return (
        float(low) if errors else 0.0,
        float(high) if errors < trials else 1.0,
    )


class Shares:
    """Several error rates on the same pairs, for any weights of the pairs.

    Args:
        kinds: By name, two boolean arrays `(pairs,)`: which pairs are errors,
            and which are trials. Errors outside the trials do not count.
    """

    def __init__(self, kinds: Mapping[str, tuple[np.ndarray, np.ndarray]]):
        self._trials = {k: np.flatnonzero(t) for k, (_, t) in kinds.items()}
        self._errors = {
            name: np.flatnonzero(errors & trials)
            for name, (errors, trials) in kinds.items()
        }

    def __call__(self, weights: np.ndarray) -> dict[str, np.ndarray]:
        """Returns every rate, `(resamples,)`; NaN where no trial is left."""
        rates = {}
        for name, trials in self._trials.items():
            total = weights[:, trials].sum(1)
            wrong = weights[:, self._errors[name]].sum(1)
            total = np.where(total > 0, total, np.nan)
            rates[name] = wrong / total
        return rates

    def counts(self, name: str) -> tuple[int, int]:
        """Returns errors and trials with each pair counting once."""
        return self._errors[name].size, self._trials[name].size


def error_rates(
    shares: Shares,
    names: list[str],
    samples: Mapping[str, np.ndarray] | None,
) -> dict[str, ErrorRate]:
    """Returns rates by name with intervals from bootstrap samples, if any."""
    return {
        name: _error_rate(*shares.counts(name), (samples or {}).get(name))
        for name in names
    }


def _error_rate(errors, trials, samples):
    if not trials:
        return ErrorRate(0, 0, NOTHING_KNOWN)
    if samples is None:
        return ErrorRate(errors, trials, wilson_interval(errors, trials))
    interval = widened(percentile_interval(samples), errors, trials)
    return ErrorRate(errors, trials, interval, "subjects")


def few_errors(rates: Mapping[str, ErrorRate]) -> Iterator[str]:
    """Yields what the rules of 3 and of 30 say of counted error rates."""
    for name, rate in rates.items():
        if not rate.errors and rate.trials:
            yield (
                f"{name}: no error in {rate.trials:,} trials; the true rate "
                f"may still be {rule_of_three(rate.trials):.2g} (rule of "
                "three)."
            )
        elif rate.trials and not rate.reliable:
            yield (
                f"{name} rests on {rate.errors:,} errors in {rate.trials:,} "
                f"trials; the rule of {RULE_OF_30} asks for {RULE_OF_30}."
            )


def subject_samples(
    statistic, is_same, subject_left, subject_right, bootstrap, seed
) -> dict[str, np.ndarray] | None:
    """Returns bootstrap samples over subjects; None where not asked for."""
    if not bootstrap or subject_left is None and subject_right is None:
        return None
    return bootstrap_samples(
        statistic,
        is_same,
        subject_left=subject_left,
        subject_right=subject_right,
        resamples=bootstrap,
        seed=seed,
    )
