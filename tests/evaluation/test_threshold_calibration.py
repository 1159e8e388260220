"""A threshold from one set of pairs, checked on another."""

import numpy as np
import pytest

from keras_arcface.evaluation import check_threshold
from keras_arcface.evaluation import threshold_at_fmr
from keras_arcface.evaluation import wilson_interval

SCORES = [0.9, 0.8, 0.8, 0.6, 0.5, 0.3, 0.7, 0.6, 0.5, 0.2, 0.2, 0.1]
IS_SAME = [1] * 6 + [0] * 6


def pairs(seed, count=20_000):
    rng = np.random.default_rng(seed)
    is_same = rng.random(count) < 0.5
    return rng.normal(2.0 * is_same), is_same


def test_calibration_by_hand():
    result = threshold_at_fmr(SCORES, IS_SAME, 1 / 3)
    assert result.threshold == 0.6
    assert (result.fmr, result.fnmr) == (2 / 6, 2 / 6)
    assert (result.genuine_pairs, result.impostor_pairs) == (6, 6)
    assert (result.false_matches, result.reliable) == (2, False)


def test_a_calibrated_threshold_holds_on_other_pairs():
    calibrated = threshold_at_fmr(*pairs(0), fmr=0.01)
    assert calibrated.reliable and calibrated.fmr <= 0.01
    check = check_threshold(*pairs(1), calibrated.threshold)
    assert check.fmr_interval[0] < 0.01 < check.fmr_interval[1]
    assert check.fnmr == pytest.approx(calibrated.fnmr, abs=0.02)


def test_check_by_hand():
    check = check_threshold(SCORES, IS_SAME, 0.6)
    assert (check.false_matches, check.false_non_matches) == (2, 2)
    assert check.fmr == check.fnmr == 1 / 3
    assert check.fmr_interval == check.fnmr_interval == wilson_interval(2, 6)
    assert (check.genuine_pairs, check.impostor_pairs) == (6, 6)


def test_wilson_published_values():
    # Newcombe, 1998, Table I (method 3): 81/263, 15/148, 0/20, 1/29.
    for errors, trials, low, high in [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ]:
        interval = wilson_interval(errors, trials)
        assert interval == pytest.approx((low, high), abs=5e-5)
    assert wilson_interval(20, 20)[1] == 1.0


def test_too_few_pairs_cannot_calibrate():
    message = "6 impostor pairs.*at least 1000 impostor pairs.*30000"
    with pytest.raises(ValueError, match=message):
        threshold_at_fmr(SCORES, IS_SAME, 1e-3)


@pytest.mark.parametrize("fmr", [0.0, 1.0, 2.0])
def test_fmr_must_be_a_share(fmr):
    with pytest.raises(ValueError, match="`fmr` must be a share"):
        threshold_at_fmr(SCORES, IS_SAME, fmr)


def test_threshold_must_be_finite():
    with pytest.raises(ValueError, match="finite"):
        check_threshold(SCORES, IS_SAME, np.nan)


@pytest.mark.parametrize("errors, trials", [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses_impossible_counts(errors, trials):
    with pytest.raises(ValueError, match="between 0 and `trials`"):
        wilson_interval(errors, trials)


def test_subjects_widen_the_intervals_and_zero_errors_keep_a_width():
    rng = np.random.default_rng(0)
    left = np.repeat(np.arange(30), 20)
    is_same = np.tile(np.arange(20) < 10, 30)
    right = np.where(is_same, left, (left + 1) % 30)
    likeness = rng.normal(2.0, 1.5, 30)
    scores = rng.normal(size=left.size) + likeness[left] * is_same
    subjects = {"subject_left": left, "subject_right": right}
    plain = check_threshold(scores, is_same, 1.0)
    clustered = check_threshold(scores, is_same, 1.0, **subjects)
    assert (plain.resampling, clustered.resampling) == ("none", "subjects")
    assert clustered.fnmr == plain.fnmr
    widths = [
        c.fnmr_interval[1] - c.fnmr_interval[0] for c in (plain, clustered)
    ]
    assert widths[1] > 1.3 * widths[0]
    strict = check_threshold(scores, is_same, 99.0, **subjects)
    assert strict.fmr_interval == (0.0, 0.01)
    assert strict.fnmr_interval == (0.99, 1.0)
    assert any("rule of three" in warning for warning in strict.warnings)


def test_few_errors_are_said():
    check = check_threshold(SCORES, IS_SAME, 0.6)
    assert "fmr rests on 2 errors in 6 trials" in check.warnings[0]
