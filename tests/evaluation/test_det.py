"""FNMR at bounds on FMR, against loops, scikit-learn and `tar_at_far`."""

import json
import math

import numpy as np
import pytest

from keras_arcface.evaluation import det_curve
from keras_arcface.evaluation import roc_curve
from keras_arcface.evaluation import supported_fmrs
from keras_arcface.evaluation import tar_at_far
from keras_arcface.evaluation import wilson_interval
from keras_arcface.evaluation.curve import ScoreOrder
from keras_arcface.evaluation.curve import tar_of
from keras_arcface.evaluation.tradeoff import Tradeoff

GENUINE = [0.9, 0.8, 0.8, 0.6, 0.5, 0.3]
IMPOSTOR = [0.7, 0.6, 0.5, 0.2, 0.2, 0.1]
HAND = (GENUINE + IMPOSTOR, [1] * 6 + [0] * 6)
FMRS = (0.5, 0.2, 0.1, 0.03)


def tied(seed, pairs=400):
    rng = np.random.default_rng(seed)
    is_same = rng.random(pairs) < 0.4
    return np.round(rng.normal(is_same * 1.5), 1), is_same


def with_subjects(seed=0, subjects=40, each=8):
    rng = np.random.default_rng(seed)
    left = np.repeat(np.arange(subjects), 2 * each)
    is_same = np.tile(np.repeat([True, False], each), subjects)
    other = (left + rng.integers(1, subjects, left.size)) % subjects
    likeness = 2.5 + 1.5 * rng.normal(size=subjects)
    scores = rng.normal(size=left.size) + likeness[left] * is_same
    return scores, is_same, left, np.where(is_same, left, other)


def test_points_by_hand():
    curve = det_curve(*HAND, (0.5, 0.2), bootstrap=0)
    half, fifth = curve.points
    # Three impostors are allowed: 0.7, 0.6 and 0.5, tied with a genuine 0.5.
    assert (half.threshold, half.false_matches) == (0.3, 3)
    assert (half.fmr, half.fnmr) == (0.5, 0.0)
    assert (fifth.threshold, fifth.false_matches) == (0.7, 1)
    assert (fifth.fnmr, fifth.tar) == (0.5, 0.5)
    assert fifth.fnmr_interval == wilson_interval(3, 6)
    assert (
        fifth.tar_interval == tuple(1 - x for x in wilson_interval(3, 6))[::-1]
    )
    assert fifth.fmr_interval == wilson_interval(1, 6)
    assert half.fnmr_interval == wilson_interval(0, 6)


@pytest.mark.parametrize("seed", range(4))
def test_points_are_those_of_tar_at_far_and_of_a_loop(seed):
    scores, is_same = tied(seed)
    genuine, impostor = scores[is_same], scores[~is_same]
    for point in det_curve(scores, is_same, FMRS, bootstrap=0).points:
        known = tar_at_far(scores, is_same, point.target_fmr)
        assert point.tar == pytest.approx(known.tar)
        assert point.threshold == known.threshold
        assert point.false_matches == known.false_accepts
        fitting = [
            t
            for t in np.unique(scores)
            if np.mean(impostor >= t) <= point.target_fmr
        ]
        assert point.threshold == min(fitting)
        assert point.fnmr == np.mean(genuine < min(fitting))
        assert point.fmr == np.mean(impostor >= min(fitting))


def test_rates_are_those_of_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    scores, is_same = tied(5)
    fmr, fnmr, thresholds = metrics.det_curve(
        is_same, scores, drop_intermediate=False
    )
    for point in det_curve(scores, is_same, FMRS, bootstrap=0).points:
        place = np.flatnonzero(thresholds == point.threshold)
        assert fmr[place] == pytest.approx(point.fmr)
        assert fnmr[place] == pytest.approx(point.fnmr)
    ours = dict(zip(*roc_curve(scores, is_same)[:2], strict=True))
    false, true, cuts = metrics.roc_curve(
        is_same, scores, drop_intermediate=False
    )
    for one, two in zip(cuts[1:], false[1:], strict=True):
        assert ours[one] == pytest.approx(two)
    from keras_arcface.evaluation import auc

    assert auc(scores, is_same) == pytest.approx(metrics.auc(false, true))


def test_any_weights_give_what_the_whole_curve_gives():
    scores, is_same = tied(1)
    tradeoff = Tradeoff(scores, is_same, FMRS)
    rng = np.random.default_rng(0)
    weights = rng.integers(0, 4, (30, scores.size)).astype(float)
    values = tradeoff(weights[:, tradeoff.order])
    fmr, fnmr = ScoreOrder(scores, is_same).rates(weights)
    for target in FMRS:
        np.testing.assert_allclose(
            1 - values[f"fnmr_at_{target:g}"], tar_of(fmr, fnmr, target)
        )
        held = (
            scores
            >= det_curve(scores, is_same, (target,), bootstrap=0)
            .points[0]
            .threshold
        )
        impostor = weights * ~is_same
        np.testing.assert_allclose(
            values[f"fmr_at_{target:g}"],
            (impostor * held).sum(1) / impostor.sum(1),
        )


def test_a_resample_without_one_kind_is_unknown():
    tradeoff = Tradeoff(np.arange(4.0), np.array([0, 1, 0, 1], bool), (0.5,))
    weights = np.array([[1.0, 0, 1, 0], [0, 1, 0, 1]])
    genuine_only = tradeoff(weights)["fnmr_at_0.5"]
    assert np.isnan(genuine_only).all()


def test_intervals_hold_the_value_and_subjects_widen_them():
    scores, is_same, left, right = with_subjects()
    subjects = {"subject_left": left, "subject_right": right}
    by_subject = det_curve(scores, is_same, (0.1,), bootstrap=200, **subjects)
    by_pair = det_curve(scores, is_same, (0.1,), bootstrap=200)
    assert (by_subject.resampling, by_pair.resampling) == ("subjects", "pairs")
    assert by_subject.subjects == 40 and by_pair.subjects is None
    widths = []
    for curve in (by_subject, by_pair):
        point = curve.points[0]
        low, high = point.fnmr_interval
        assert low < point.fnmr < high
        assert point.fmr_interval[0] <= point.fmr <= point.fmr_interval[1]
        widths.append(high - low)
    assert widths[0] > 1.2 * widths[1]


def test_the_default_goes_down_to_one_expected_false_match():
    assert supported_fmrs(100) == (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
    assert supported_fmrs(3000)[-3:] == (0.002, 0.001, 0.0005)
    scores, is_same = tied(2)
    curve = det_curve(scores, is_same, bootstrap=0)
    assert len(curve.points) == len(supported_fmrs((~is_same).sum()))
    assert all(np.isfinite(point.fnmr) for point in curve.points)


def test_what_the_count_does_not_support_is_said():
    scores, is_same = tied(3)
    impostors = int((~is_same).sum())
    curve = det_curve(scores, is_same, (0.2, 0.05, 1e-5), bootstrap=0)
    assert [p.reliable for p in curve.points] == [True, False, False]
    assert math.isnan(curve.at(1e-5).fnmr)
    text = " ".join(curve.warnings)
    assert "FMR 1e-05: less than one false match" in text
    assert f"among {impostors:,} impostor pairs (rule of 30)" in text
    assert "not measurable" in curve.summary()
    assert "unreliable" in curve.summary()
    value = json.loads(json.dumps(curve.to_dict(), allow_nan=False))
    assert value["points"][2]["fnmr"] is None


def test_no_miss_seen_is_not_no_miss():
    curve = det_curve(
        np.arange(200) >= 100, np.arange(200) >= 100, (0.5,), bootstrap=20
    )
    assert curve.points[0].fnmr == 0
    assert curve.points[0].fnmr_interval == (0.0, 0.03)
    assert any("rule of three" in warning for warning in curve.warnings)


def test_a_point_that_was_not_asked_for_is_refused():
    curve = det_curve(*HAND, (0.5,), bootstrap=0)
    with pytest.raises(ValueError, match="asked for: 0.5. Received: 0.1"):
        curve.at(0.1)
    with pytest.raises(ValueError, match="`fmr_targets` must be a share"):
        det_curve(*HAND, (2.0,), bootstrap=0)
