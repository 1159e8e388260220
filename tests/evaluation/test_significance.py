"""Intervals, paired tests and groups against SciPy and naive counting."""

import itertools
import math

import numpy as np
import pytest

from keras_arcface.evaluation import alike_groups
from keras_arcface.evaluation import holm
from keras_arcface.evaluation import paired_differences
from keras_arcface.evaluation import paired_t_test
from keras_arcface.evaluation import t_interval
from keras_arcface.evaluation.significance import PairedDifference
from keras_arcface.evaluation.significance import corrected
from keras_arcface.evaluation.student_t import t_quantile
from keras_arcface.evaluation.student_t import t_tails

FREEDOMS = (1, 2, 3, 4, 9, 30, 99, 1000, 10_000)


def test_quantiles_of_tables():
    # Two-sided 95 %, from any table of Student's t.
    for freedom, value in (
        (1, 12.7062),
        (4, 2.7764),
        (9, 2.2622),
        (30, 2.0423),
    ):
        assert t_quantile(0.975, freedom) == pytest.approx(value, abs=5e-5)
    assert t_quantile(0.5, 3) == pytest.approx(0, abs=1e-12)
    assert t_quantile(0.025, 4) == -t_quantile(0.975, 4)


@pytest.mark.parametrize("freedom", FREEDOMS)
def test_tails_and_quantiles_are_those_of_scipy(freedom):
    t = pytest.importorskip("scipy.stats").t
    for value in (0, 1e-6, 0.1, 1, 2.5, 12, 80, 1e4):
        wanted = 2 * t.sf(value, freedom)
        assert t_tails(value, freedom) == pytest.approx(wanted, rel=1e-10)
        assert t_tails(-value, freedom) == t_tails(value, freedom)
    for share in (0.6, 0.9, 0.975, 0.9995):
        wanted = t.ppf(share, freedom)
        assert t_quantile(share, freedom) == pytest.approx(wanted, rel=1e-9)


def test_one_degree_of_freedom_has_a_closed_form():
    for value in (0.3, 1.0, 7.0):
        wanted = 1 - 2 * math.atan(value) / math.pi
        assert t_tails(value, 1) == pytest.approx(wanted, rel=1e-12)


def test_interval_by_hand():
    result = t_interval([1.0, 2.0, 3.0, 4.0])
    half = 3.182446 * math.sqrt(5 / 3) / 2
    assert result.mean == 2.5 and result.count == 4
    assert result.deviation == pytest.approx(math.sqrt(5 / 3))
    assert result.interval == pytest.approx((2.5 - half, 2.5 + half), rel=1e-6)


def test_one_training_has_no_interval():
    result = t_interval([0.7])
    assert result.interval is None and result.deviation is None


def test_what_never_differs_has_no_deviation():
    # 0.1 ten times has a rounded mean that is not 0.1.
    for value in (0.1, *np.random.default_rng(0).random(50)):
        result = t_interval([value] * 10)
        assert result.deviation == 0
        assert (result.mean, result.interval) == (value, (value, value))


def test_intervals_hold_the_truth_in_95_of_100():
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(2000):
        low, high = t_interval(rng.normal(3.0, 2.0, size=5)).interval
        held += low <= 3.0 <= high
    assert 0.935 < held / 2000 < 0.965


def test_paired_test_is_that_of_scipy():
    stats = pytest.importorskip("scipy.stats")
    rng = np.random.default_rng(1)
    for count in (2, 5, 40):
        first = rng.normal(size=count)
        second = first + rng.normal(0.1, 0.2, size=count)
        wanted = stats.ttest_rel(first, second).pvalue
        assert paired_t_test(first, second) == pytest.approx(wanted, rel=1e-9)


def test_what_never_varies():
    assert paired_t_test([1, 2, 3], [1, 2, 3]) == 1
    assert paired_t_test([2, 3, 4], [1, 2, 3]) == 0
    assert paired_t_test([2], [1]) == 1


def test_holm_by_hand():
    assert holm([]) == []
    assert holm([0.04]) == [0.04]
    # 3 * 0.01, 2 * 0.03, max(0.06, 0.04)
    assert holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert holm([0.5, 0.6]) == [1.0, 1.0]


def test_holm_keeps_false_alarms_below_five_of_100():
    rng = np.random.default_rng(2)
    alarms = 0
    for _ in range(300):
        values = {str(n): rng.normal(size=5) for n in range(6)}
        alarms += any(p.told_apart for p in paired_differences(values))
    assert alarms / 300 < 0.07


def test_differences_are_paired():
    luck = np.random.default_rng(3).normal(0, 1, size=8)
    values = {
        "good": luck + 0.2 + 0.01 * np.arange(8),
        "bad": luck,
        "worse": luck - 0.1 * (1 + np.arange(8) % 2),
    }
    pairs = paired_differences(values)
    assert [(p.first, p.second) for p in pairs] == [
        ("good", "bad"),
        ("good", "worse"),
        ("bad", "worse"),
    ]
    assert all(p.told_apart for p in pairs)
    assert pairs[0].difference == pytest.approx(0.235)
    low, high = pairs[0].interval
    assert low < 0.235 < high and high - low < 0.05
    assert holm([p.p_value for p in pairs]) == [p.adjusted for p in pairs]


def test_more_pairs_are_corrected_for_more():
    rng = np.random.default_rng(4)
    pairs = paired_differences({n: rng.normal(size=6) for n in "abc"})
    both = corrected(pairs + pairs)
    assert len(both) == 6
    for alone, among in zip(pairs, both):
        assert among.p_value == alone.p_value
        assert among.adjusted >= alone.adjusted


def pair(first, second, apart):
    p_value = 0.001 if apart else 0.9
    return PairedDifference(first, second, 0.1, None, p_value, p_value)


def test_groups_are_the_largest_without_a_difference():
    rng = np.random.default_rng(5)
    names = "abcdefg"
    for _ in range(20):
        pairs = [
            pair(a, b, rng.random() < 0.5)
            for a, b in itertools.combinations(names, 2)
        ]
        apart = {(p.first, p.second) for p in pairs if p.told_apart}
        alike = [
            set(some)
            for size in range(1, len(names) + 1)
            for some in itertools.combinations(names, size)
            if not apart & set(itertools.combinations(some, 2))
        ]
        wanted = [s for s in alike if not any(s < other for other in alike)]
        groups = alike_groups(names, pairs)
        assert sorted(map(sorted, groups)) == sorted(map(sorted, wanted))
        assert all(list(g) == sorted(g) for g in groups)
        assert groups == sorted(groups)


def test_like_is_not_handed_on():
    pairs = [pair("a", "b", False), pair("b", "c", False), pair("a", "c", True)]
    assert alike_groups("abc", pairs) == [("a", "b"), ("b", "c")]
    assert alike_groups("", []) == []


@pytest.mark.parametrize("bad", [[], [[1.0]], [float("nan")], [1.0, np.inf]])
def test_what_cannot_be_judged(bad):
    with pytest.raises(ValueError, match="`values` must hold finite numbers"):
        t_interval(bad)
    with pytest.raises(ValueError, match="same seeds on both sides"):
        paired_t_test([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="share must be in"):
        t_quantile(1.0, 3)
    with pytest.raises(ValueError, match="freedom must be at least 1"):
        t_tails(1.0, 0)
