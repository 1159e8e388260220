"""Error rates of groups at one threshold."""

import json

import numpy as np
import pytest

from keras_arcface.evaluation import subgroup_errors
from keras_arcface.evaluation import wilson_interval

# Genuine pairs of a and of b, impostors within a, within b and across.
SCORES = [0.9, 0.8, 0.4, 0.9, 0.3]
SCORES += [0.6, 0.2, 0.1, 0.1, 0.7, 0.6, 0.5, 0.1]
SAME = [1] * 5 + [0] * 8
LEFT = ["a"] * 3 + ["b"] * 2 + ["a"] * 4 + ["b"] * 2 + ["a", "b"]
RIGHT = ["a"] * 3 + ["b"] * 2 + ["a"] * 4 + ["b"] * 2 + ["b", "a"]


def many(seed=0, subjects=60, each=6):
    """Group 1's strangers are more alike than group 0's."""
    rng = np.random.default_rng(seed)
    group = np.arange(subjects) % 2
    left = np.repeat(np.arange(subjects), 2 * each)
    is_same = np.tile(np.repeat([True, False], each), subjects)
    other = (left + rng.integers(1, subjects, left.size)) % subjects
    right = np.where(is_same, left, other)
    within = (group[left] == 1) & (group[right] == 1)
    scores = rng.normal(2.5 * is_same + 0.8 * (within & ~is_same))
    return scores, is_same, group[left], group[right], left, right


def test_by_hand():
    report = subgroup_errors(SCORES, SAME, LEFT, RIGHT, 0.5)
    a, b = report.groups["a"], report.groups["b"]
    assert (a.fmr.errors, a.fmr.trials) == (1, 4)
    assert (b.fmr.errors, b.fmr.trials) == (2, 2)
    assert (a.fnmr.rate, b.fnmr.rate) == (1 / 3, 1 / 2)
    cross = report.cross_fmr["a", "b"]
    assert (cross.errors, cross.trials) == (1, 2)
    assert (report.fmr.errors, report.fmr.trials) == (4, 8)
    assert a.fmr.interval == wilson_interval(1, 4)
    assert b.fmr_ratio == pytest.approx(1 / np.sqrt(0.25))
    assert a.fmr_ratio * b.fmr_ratio == pytest.approx(1)
    assert report.fmr_max_min == 4
    assert report.fnmr_max_min == pytest.approx(1.5)
    assert report.resampling == "none"
    assert np.isnan(a.fmr_ratio_interval).all()


def test_few_errors_are_said_of_every_group():
    report = subgroup_errors(SCORES, SAME, LEFT, RIGHT, 0.5)
    assert any(
        "FMR of a rests on 1 errors in 4 trials" in w for w in report.warnings
    )
    strict = subgroup_errors(SCORES, SAME, LEFT, RIGHT, 0.65)
    assert strict.fmr_max_min == np.inf
    assert np.isnan(strict.groups["a"].fmr_ratio)
    assert any(
        "FMR of a: no error in 4 trials" in w and "rule of three" in w
        for w in strict.warnings
    )
    json.dumps(strict.to_dict(), allow_nan=False)
    assert "a" in strict.summary() and "geometric mean" in strict.summary()


def test_a_difference_that_is_there_is_seen_with_intervals():
    scores, is_same, one, two, left, right = many()
    report = subgroup_errors(
        scores, is_same, one, two, 1.0,
        subject_left=left, subject_right=right, bootstrap=200,
    )  # fmt: skip
    assert report.resampling == "subjects"
    ratio = report.groups["1"].fmr_ratio
    low, high = report.groups["1"].fmr_ratio_interval
    assert 1 < low < ratio < high
    low, high = report.groups["1"].fnmr_ratio_interval
    assert low < 1 < high
    for group in report.groups.values():
        assert group.fmr.interval[0] < group.fmr.rate < group.fmr.interval[1]


def test_genuine_pairs_across_groups_are_counted_and_said():
    right = list(RIGHT)
    right[0] = "b"
    report = subgroup_errors(SCORES, SAME, LEFT, right, 0.5)
    assert report.groups["a"].fnmr.trials == 2
    assert "1 genuine pairs have another group" in report.warnings[0]


@pytest.mark.parametrize(
    "change, message",
    [
        ({"group_left": ["a"]}, "one entry a pair"),
        ({"group_left": ["a"] * 13, "group_right": ["a"] * 13}, "two groups"),
        ({"threshold": np.nan}, "finite"),
    ],
)
def test_unusable_arguments_are_refused(change, message):
    usual = {"group_left": LEFT, "group_right": RIGHT, "threshold": 0.5}
    with pytest.raises(ValueError, match=message):
        subgroup_errors(SCORES, SAME, **{**usual, **change})
