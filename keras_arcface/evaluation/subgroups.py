"""Does one threshold treat groups of people alike?

At a threshold fixed for all, each group has an FMR among pairs of its own
strangers and an FNMR among its own genuine pairs. NIST IR 8280 reports both
for every group, and ratios between groups.

Reference:
- Grother, Ngan and Hanaoka, 2019, NIST IR 8280, "FRVT Part 3: Demographic
  Effects"; ISO/IEC 19795-10:2024.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from keras_arcface.evaluation.bootstrap import percentile_interval
from keras_arcface.evaluation.intervals import NOTHING_KNOWN
from keras_arcface.evaluation.intervals import ErrorRate
from keras_arcface.evaluation.intervals import Shares
from keras_arcface.evaluation.intervals import error_rates
from keras_arcface.evaluation.intervals import few_errors
from keras_arcface.evaluation.intervals import subject_samples
from keras_arcface.evaluation.pairs import check_pairs
from keras_arcface.evaluation.tables import aligned
from keras_arcface.evaluation.tables import jsonable
from keras_arcface.evaluation.tables import percent
from keras_arcface.evaluation.tables import percent_range


@dataclass(frozen=True)
class GroupErrors:
    """One group at the common threshold.

    Attributes:
        fmr: False matches among impostor pairs within the group.
        fnmr: False non-matches among its genuine pairs.
        fmr_ratio: fmr over the geometric mean of the groups' FMRs; NaN where
            a group has no error or no pair, since that mean is then zero.
        fnmr_ratio: The same of FNMR.
        fmr_ratio_interval: 95 % bootstrap interval; NaN without subjects.
        fnmr_ratio_interval: The same of FNMR.
    """

    fmr: ErrorRate
    fnmr: ErrorRate
    fmr_ratio: float
    fnmr_ratio: float
    fmr_ratio_interval: tuple[float, float]
    fnmr_ratio_interval: tuple[float, float]


@dataclass(frozen=True)
class SubgroupReport:
    """Error rates of groups at one threshold.

    Attributes:
        threshold: Match when similarity >= threshold, in every group.
        groups: `GroupErrors` by group.
        cross_fmr: False matches among impostor pairs of two groups, by the
            two names in order. Strangers of one group are the harder ones.
        fmr: Of all impostor pairs. fnmr: Of all genuine pairs.
        fmr_max_min: Largest over smallest FMR of a group; infinite where the
            smallest is zero, NaN where none has an error.
        fnmr_max_min: The same of FNMR.
        resampling: "subjects", or "none" for Wilson's intervals.
        warnings: What a reader must know before quoting a number.
    """

    threshold: float
    groups: dict[str, GroupErrors]
    cross_fmr: dict[tuple[str, str], ErrorRate]
    fmr: ErrorRate
    fnmr: ErrorRate
    fmr_max_min: float
    fnmr_max_min: float
    resampling: str
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values ready for JSON; what is no number is None."""
        value = dataclasses.asdict(self)
        value["cross_fmr"] = {
            " / ".join(names): rate
            for names, rate in value["cross_fmr"].items()
        }
        return jsonable(value)

    def summary(self) -> str:
        """Returns the report as a table for a terminal."""
        head = ("group", "FMR", "95%", "ratio", "FNMR", "95%", "ratio", "")
        rows = [head, *(_row(n, group) for n, group in self.groups.items())]
        rows.append(
            ("all pairs", *_cells(self.fmr), "", *_cells(self.fnmr), "", "")
        )
        lines = [
            f"{len(self.groups)} groups at threshold {self.threshold:.4f}; "
            "ratios to the geometric mean of the groups",
            *aligned(rows),
            f"largest over smallest: FMR {self.fmr_max_min:.3g}, FNMR "
            f"{self.fnmr_max_min:.3g}",
        ]
        return "\n".join(lines + [f"Warning: {w}" for w in self.warnings])


def subgroup_errors(
    similarity: ArrayLike,
    is_same: ArrayLike,
    group_left: ArrayLike,
    group_right: ArrayLike,
    threshold: float,
    *,
    subject_left: ArrayLike | None = None,
    subject_right: ArrayLike | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
) -> SubgroupReport:
    """Returns FMR and FNMR of every group at one threshold, with ratios.

    Args:
        similarity: Scores, larger means more alike, `(pairs,)`.
        is_same: Booleans or 0/1, `(pairs,)`.
        group_left: Group on the left of each pair, integers or strings.
        group_right: The same for the right side.
        threshold: Fixed beforehand, for example by `threshold_at_fmr`.
        subject_left: Subject on the left of each pair, or None.
        subject_right: The same for the right side.
        bootstrap: Resamples of subjects; without subjects the intervals are
            Wilson's, which treat pairs as independent, and ratios have none.
        seed: Of the bootstrap.

    Raises:
        ValueError: when lengths differ or there are fewer than two groups.
    """
    scores, truth = check_pairs(similarity, is_same)
    if not np.isfinite(threshold):
        raise ValueError(f"`threshold` must be finite. Received: {threshold}.")
    names, left, right = _check_groups(group_left, group_right, truth)
    match = scores >= threshold
    kinds = _kinds(names, left, right, match, truth)
    shares = Shares(kinds)
    samples = subject_samples(
        shares, truth, subject_left, subject_right, bootstrap, seed
    )
    rates = error_rates(shares, list(kinds), samples)
    ratios = {
        kind: _ratios([(kind, name) for name in names], rates, samples)
        for kind in ("fmr", "fnmr")
    }
    mixed = int((truth & (left != right)).sum())
    return SubgroupReport(
        threshold=float(threshold),
        groups={
            name: GroupErrors(
                rates["fmr", name],
                rates["fnmr", name],
                ratios["fmr"][0][i],
                ratios["fnmr"][0][i],
                ratios["fmr"][1][i],
                ratios["fnmr"][1][i],
            )
            for i, name in enumerate(names)
        },
        cross_fmr={key[1:]: rates[key] for key in kinds if key[0] == "cross"},
        fmr=rates["all fmr"],
        fnmr=rates["all fnmr"],
        fmr_max_min=_spread([rates["fmr", name].rate for name in names]),
        fnmr_max_min=_spread([rates["fnmr", name].rate for name in names]),
        resampling=rates["all fmr"].resampling,
        warnings=tuple(_warnings(rates, names, mixed)),
    )


def _kinds(names, left, right, match, truth):
    """Returns errors and trials by (rate, group, ...)."""
    kinds = {
        "all fmr": (match, ~truth),
        "all fnmr": (~match, truth),
    }
    for i, name in enumerate(names):
        within = (left == i) & (right == i)
        kinds["fmr", name] = (match, within & ~truth)
        kinds["fnmr", name] = (~match, within & truth)
        for j in range(i + 1, len(names)):
            across = ((left == i) & (right == j)) | ((left == j) & (right == i))
            if across.any():
                kinds["cross", name, names[j]] = (match, across & ~truth)
    return kinds


def _ratios(keys, rates, samples):
    """Returns each group's rate over their geometric mean, and intervals."""
    values = _over_mean(np.array([[rates[key].rate] for key in keys]))[:, 0]
    intervals = [NOTHING_KNOWN] * len(keys)
    if samples is not None:
        drawn = _over_mean(np.stack([samples[key] for key in keys]))
        intervals = [percentile_interval(row) for row in drawn]
    return values.tolist(), intervals


def _over_mean(rates):
    usable = np.where(rates > 0, rates, np.nan)
    return rates / np.exp(np.log(usable).mean(axis=0))


def _spread(rates):
    known = [rate for rate in rates if not np.isnan(rate)]
    if not known or max(known) == 0:
        return float("nan")
    return max(known) / min(known) if min(known) else float("inf")


def _check_groups(left, right, is_same):
    left, right = np.asarray(left), np.asarray(right)
    if left.shape != is_same.shape or right.shape != is_same.shape:
        raise ValueError(
            "`group_left` and `group_right` must have one entry a pair. "
            f"Received shapes {left.shape} and {right.shape} for "
            f"{is_same.size} pairs."
        )
    names, codes = np.unique(np.concatenate([left, right]), return_inverse=True)
    if names.size < 2:
        raise ValueError(
            "At least two groups are needed to compare. Received only "
            f"{names[0]!r}."
        )
    names = [str(name) for name in names]
    return names, codes[: left.size], codes[left.size :]


def _warnings(rates, names, mixed):
    if mixed:
        yield (
            f"{mixed:,} genuine pairs have another group on either side; they "
            "count in no group's FNMR."
        )
    own = {
        f"{kind.upper()} of {name}": rates[kind, name]
        for kind in ("fmr", "fnmr")
        for name in names
    }
    for label, rate in own.items():
        if not rate.trials:
            yield f"{label}: there is no such pair."
    yield from few_errors(own)


def _cells(rate):
    return percent(rate.rate), percent_range(rate.interval)


def _row(name, group):
    ratios = (f"{group.fmr_ratio:.2f}", f"{group.fnmr_ratio:.2f}")
    ratios = ["-" if ratio == "nan" else ratio for ratio in ratios]
    fmr, fnmr = _cells(group.fmr), _cells(group.fnmr)
    return (name, *fmr, ratios[0], *fnmr, ratios[1], "")
