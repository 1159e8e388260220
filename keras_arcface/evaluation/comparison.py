"""Two systems on the same pairs: is the difference more than luck?"""

from collections.abc import Sequence
from dataclasses import dataclass

from numpy.typing import ArrayLike

from keras_arcface.evaluation.bootstrap import bootstrap_samples
from keras_arcface.evaluation.bootstrap import percentile_interval
from keras_arcface.evaluation.measures import Measures


@dataclass(frozen=True)
class Difference:
    """One measure of two systems.

    Attributes:
        first: The measure of the first system.
        second: The measure of the second.
        difference: first - second.
        interval: 95 % interval of the difference, by paired bootstrap.
    """

    first: float
    second: float
    difference: float
    interval: tuple[float, float]

    @property
    def distinguishable(self) -> bool:
        """Whether the interval lies wholly on one side of zero."""
        return self.interval[0] > 0 or self.interval[1] < 0


def paired_difference(
    first: ArrayLike,
    second: ArrayLike,
    is_same: ArrayLike,
    fold: ArrayLike | None = None,
    *,
    subject_left: ArrayLike | None = None,
    subject_right: ArrayLike | None = None,
    far_targets: Sequence[float] = (1e-1, 1e-2, 1e-3),
    bootstrap: int = 1000,
    seed: int = 0,
) -> dict[str, Difference]:
    """Compares two systems that scored the same pairs in the same order.

    Both are judged in every resample on the same drawn subjects (or pairs), so
    what is hard for both cancels. That makes the interval of the difference
    narrower than two separate intervals suggest, and it is the right one to
    look at. Several measures are tested at once; nothing is corrected for it.

    Args:
        first: Scores of the first system, `(pairs,)`.
        second: Scores of the second system, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        fold: As in `verification_report`.
        subject_left: Subject on the left of each pair, or None.
        subject_right: Subject on the right of each pair, or None.
        far_targets: False accept rates, shares in (0, 1).
        bootstrap: Resamples, at least 1.
        seed: Of the bootstrap.

    Returns:
        A `Difference` for "accuracy", "eer", "auc" and "tar_at_far_0.01" and
        the like. A lower EER is better, so a better first system has a
        negative difference there.

    Raises:
        ValueError: as `verification_report` does.
    """
    systems = [
        Measures(scores, is_same, fold, far_targets)
        for scores in (first, second)
    ]

    def both(weights):
        one, two = (system(weights) for system in systems)
        return {name: one[name] - two[name] for name in one}

    samples = bootstrap_samples(
        both,
        systems[0].is_same,
        subject_left=subject_left,
        subject_right=subject_right,
        resamples=bootstrap,
        seed=seed,
    )
    one, two = (system.plain() for system in systems)
    return {
        name: Difference(
            first=one[name],
            second=two[name],
            difference=one[name] - two[name],
            interval=percentile_interval(samples[name]),
        )
        for name in one
    }
