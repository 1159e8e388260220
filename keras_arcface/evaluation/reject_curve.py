"""Does quality tell which comparisons will fail? Error versus reject.

The comparisons of the lowest quality are left out step by step, at a threshold
that stays as it was. A quality that predicts errors lets FNMR fall fast; one
that knows nothing leaves it where it was.

Reference:
- Grother and Tabassi, 2007, "Performance of Biometric Quality Measures", PAMI.
- ISO/IEC 29794-1:2024 (error-versus-discard characteristic).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.bootstrap import bootstrap_samples
from keras_arcface.evaluation.bootstrap import percentile_interval
from keras_arcface.evaluation.intervals import NOTHING_KNOWN
from keras_arcface.evaluation.intervals import RULE_OF_30
from keras_arcface.evaluation.pairs import check_pairs
from keras_arcface.evaluation.tables import aligned
from keras_arcface.evaluation.tables import jsonable
from keras_arcface.evaluation.tables import percent
from keras_arcface.evaluation.tables import percent_range

REJECTED = tuple(np.round(np.arange(0, 0.55, 0.05), 2).tolist())


@dataclass(frozen=True)
class RejectCurve:
    """FNMR of the comparisons that stay, by the share that was left out.

    Attributes:
        threshold: Match when similarity >= threshold, everywhere alike.
        rejected: Shares of genuine pairs left out, those of lowest quality.
        fnmr: Of the genuine pairs that stay, one a share.
        intervals: 95 % bootstrap intervals, one a share; NaN without.
        best: What a perfect quality would give: it leaves the errors out
            first.
        area: Mean FNMR over the shares, divided by that at the first: 1 for a
            quality that knows nothing. best_area: The same of `best`.
        genuine_pairs: How many. errors: False non-matches among all.
        resampling: What the bootstrap drew: "subjects", "pairs" or "none".
        bootstrap: How many resamples.
        warnings: What a reader must know before quoting a number.
    """

    threshold: float
    rejected: tuple[float, ...]
    fnmr: tuple[float, ...]
    intervals: tuple[tuple[float, float], ...]
    best: tuple[float, ...]
    area: float
    best_area: float
    genuine_pairs: int
    errors: int
    resampling: str
    bootstrap: int
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON; what is NaN becomes None."""
        return jsonable(dataclasses.asdict(self))

    def summary(self) -> str:
        """Returns the curve as a table for a terminal."""
        rows = [("rejected", "FNMR", "95% interval", "perfect quality", "")]
        rows += [
            (
                percent(share),
                percent(fnmr),
                percent_range(interval),
                percent(best),
                "",
            )
            for share, fnmr, interval, best in zip(
                self.rejected, self.fnmr, self.intervals, self.best, strict=True
            )
        ]
        lines = [
            f"{self.errors:,} of {self.genuine_pairs:,} genuine pairs below "
            f"{self.threshold:.4f}; mean FNMR over that without rejection "
            f"{self.area:.3f} (perfect {self.best_area:.3f})",
            *aligned(rows),
        ]
        return "\n".join(lines + [f"Warning: {w}" for w in self.warnings])


def error_versus_reject(
    similarity: ArrayLike,
    is_same: ArrayLike,
    quality_left: ArrayLike,
    quality_right: ArrayLike,
    threshold: float,
    *,
    rejected: Sequence[float] = REJECTED,
    subject_left: ArrayLike | None = None,
    subject_right: ArrayLike | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> RejectCurve:
    """Returns FNMR at a fixed threshold as low qualities are left out.

    The quality of a pair is the lower of its two. Pairs of equal quality are
    left out in every order alike: a share that ends among them takes the mean
    over the orders.

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`; impostor pairs are not looked at.
        quality_left: Larger is better, `(pairs,)`: a detector's score or the
            length of an embedding, for example.
        quality_right: The same for the right side.
        threshold: Fixed beforehand, for example by `threshold_at_fmr`.
        rejected: Shares to leave out, rising, in [0, 1).
        subject_left: Subject on the left of each pair, or None.
        subject_right: The same for the right side.
        bootstrap: Resamples of subjects, or of pairs where no subjects are
            given; 0 for no intervals.
        seed: Of the bootstrap.

    Raises:
        ValueError: when lengths differ, a quality is not finite, or no genuine
            pair is below the threshold, which leaves nothing to predict.
    """
    scores, truth = check_pairs(similarity, is_same)
    quality = _check_quality(quality_left, quality_right, truth)
    rejected = _check_rejected(rejected)
    wrong = scores[truth] < threshold
    if not wrong.any():
        raise ValueError(
            f"No genuine pair is below the threshold {threshold:g}, so no "
            "quality can predict an error. Take a stricter threshold."
        )
    given = _Curve(quality[truth], wrong, truth, rejected)
    perfect = _Curve(~wrong, wrong, truth, rejected)
    samples = {}
    if bootstrap:
        samples = bootstrap_samples(
            given,
            truth,
            subject_left=subject_left,
            subject_right=subject_right,
            resamples=bootstrap,
            seed=seed,
        )
    drawn = "pairs" if subject_left is None else "subjects"
    fnmr, best = given.plain(), perfect.plain()
    errors = int(wrong.sum())
    return RejectCurve(
        threshold=float(threshold),
        rejected=rejected,
        fnmr=tuple(fnmr.tolist()),
        intervals=tuple(
            percentile_interval(samples[share]) if samples else NOTHING_KNOWN
            for share in rejected
        ),
        best=tuple(best.tolist()),
        area=float(fnmr.mean() / fnmr[0]),
        best_area=float(best.mean() / best[0]),
        genuine_pairs=wrong.size,
        errors=errors,
        resampling=drawn if bootstrap else "none",
        bootstrap=bootstrap,
        warnings=tuple(_warnings(errors, wrong.size)),
    )


class _Curve:
    """FNMR at every share, for any weights of the pairs."""

    def __init__(self, quality, wrong, truth, rejected):
        levels, place = np.unique(quality, return_inverse=True)
        order = np.argsort(place, kind="stable")
        self._pairs = np.flatnonzero(truth)[order]
        self._wrong = wrong[order]
        counts = np.bincount(place, minlength=levels.size)
        self._ends = np.append(0, np.cumsum(counts))
        self._rejected = rejected
        self._size = truth.size

    def __call__(self, weights):
        weights = weights[:, self._pairs]
        all_left = _at_ends(weights, self._ends)
        errors_left = _at_ends(weights * self._wrong, self._ends)
        values = {share: np.empty(len(weights)) for share in self._rejected}
        for row, (some, wrong) in enumerate(
            zip(all_left, errors_left, strict=True)
        ):
            for share in self._rejected:
                gone = np.interp(share * some[-1], some, wrong)
                values[share][row] = _rate(
                    wrong[-1] - gone, (1 - share) * some[-1]
                )
        return values

    def plain(self):
        values = self(np.ones((1, self._size)))
        return np.concatenate([values[share] for share in self._rejected])


def _at_ends(weights, ends):
    summed = np.zeros((len(weights), weights.shape[1] + 1))
    np.cumsum(weights, axis=1, out=summed[:, 1:])
    return summed[:, ends]


def _rate(errors, trials):
    return errors / trials if trials > 0 else np.nan


def _check_quality(left, right, is_same):
    left = np.asarray(left, dtype=np.float64)
    right = np.asarray(right, dtype=np.float64)
    if left.shape != is_same.shape or right.shape != is_same.shape:
        raise ValueError(
            "`quality_left` and `quality_right` must have one value a pair. "
            f"Received shapes {left.shape} and {right.shape} for "
            f"{is_same.size} pairs."
        )
    quality = np.minimum(left, right)
    bad = np.flatnonzero(~np.isfinite(quality))
    if bad.size:
        raise ValueError(
            f"Qualities must be finite. Received {quality[bad[0]]} at pair "
            f"{bad[0]}."
        )
    return quality


def _check_rejected(rejected):
    shares = tuple(float(share) for share in rejected)
    rising = all(a < b for a, b in zip(shares, shares[1:], strict=False))
    if not shares or shares[0] != 0 or shares[-1] >= 1 or not rising:
        raise ValueError(
            "`rejected` must rise from 0 to below 1: the first is what the "
            f"others are compared with. Received: {shares}."
        )
    return shares


def _warnings(errors, genuine):
    if errors < RULE_OF_30:
        yield (
            f"the curve rests on {errors:,} errors in {genuine:,} genuine "
            f"pairs; the rule of {RULE_OF_30} asks for {RULE_OF_30}. Take a "
            "stricter threshold."
        )
