"""Error rates against hand fractions and naive loops."""

import numpy as np
import pytest

from keras_arcface.evaluation import auc
from keras_arcface.evaluation import equal_error_rate
from keras_arcface.evaluation import roc_curve
from keras_arcface.evaluation import tar_at_far

GENUINE = [0.9, 0.8, 0.8, 0.6, 0.5, 0.3]
IMPOSTOR = [0.7, 0.6, 0.5, 0.2, 0.2, 0.1]
HAND = (GENUINE + IMPOSTOR, [1] * 6 + [0] * 6)


def tied_scores(seed, pairs=300):
    rng = np.random.default_rng(seed)
    is_same = rng.random(pairs) < 0.4
    return np.round(rng.normal(is_same * 1.0), 1), is_same


def test_curve_is_the_hand_fractions():
    thresholds, fmr, fnmr = roc_curve(*HAND)
    expected = [0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert thresholds[:-1].tolist() == expected
    assert thresholds[-1] > 0.9
    assert (fmr * 6).tolist() == pytest.approx([6, 5, 3, 3, 2, 1, 0, 0, 0])
    assert (fnmr * 6).tolist() == pytest.approx([0, 0, 0, 1, 2, 3, 3, 5, 6])


def test_numbers_by_hand():
    eer, threshold = equal_error_rate(*HAND)
    assert eer == pytest.approx(1 / 3)
    assert threshold == pytest.approx(0.55)
    assert auc(*HAND) == pytest.approx(29 / 36)


def test_eer_between_two_points_is_the_mean_over_broken_ties():
    # The tied pair at 0.5 comes out right (EER 0) or wrong (EER 1/2).
    assert equal_error_rate([0.5, 0.9, 0.5, 0.1], [1, 1, 0, 0])[0] == 0.25


@pytest.mark.parametrize("seed", range(5))
def test_curve_and_auc_equal_naive_loops(seed):
    scores, is_same = tied_scores(seed)
    thresholds, fmr, fnmr = roc_curve(scores, is_same)
    genuine, impostor = scores[is_same], scores[~is_same]
    for threshold, one, two in zip(thresholds, fmr, fnmr, strict=True):
        assert one == sum(impostor >= threshold) / impostor.size
        assert two == sum(genuine < threshold) / genuine.size
    wins = [(g > i) + (g == i) / 2 for g in genuine for i in impostor]
    assert auc(scores, is_same) == pytest.approx(np.mean(wins))


@pytest.mark.parametrize("far", [0.01, 0.05, 0.3])
def test_tar_is_at_the_smallest_threshold_within_far(far):
    scores, is_same = tied_scores(7)
    genuine, impostor = scores[is_same], scores[~is_same]
    point = tar_at_far(scores, is_same, far)
    fitting = [t for t in np.unique(scores) if np.mean(impostor >= t) <= far]
    assert point.threshold == min(fitting)
    assert point.tar == pytest.approx(np.mean(genuine >= min(fitting)))
    assert point.false_accepts == sum(impostor >= min(fitting))
    assert point.impostor_pairs == impostor.size


def test_tar_by_hand_never_interpolates():
    point = tar_at_far(*HAND, far=0.2)
    assert (point.tar, point.threshold) == (0.5, 0.7)
    assert (point.false_accepts, point.impostor_pairs) == (1, 6)
    assert not point.reliable


def test_tar_at_exact_rate_is_not_lost_to_rounding():
    impostor = np.arange(100) / 1000
    scores = np.concatenate([impostor, [0.0705, 0.5]])
    is_same = np.arange(102) >= 100
    # 0.29 * 100 is 28.999999999999996 in floating point.
    assert tar_at_far(scores, is_same, 0.29).false_accepts == 29


@pytest.mark.parametrize(
    "impostors, far, measurable, reliable",
    [(999, 1e-3, False, False), (1000, 1e-3, True, False),
     (2999, 1e-2, True, False), (3000, 1e-2, True, True)],
)  # fmt: skip
def test_rule_of_30(impostors, far, measurable, reliable):
    rng = np.random.default_rng(0)
    scores = rng.random(impostors + 10)
    point = tar_at_far(scores, np.arange(impostors + 10) < 10, far)
    assert np.isfinite(point.tar) == measurable
    assert point.reliable == reliable


def test_all_impostors_on_top_leaves_a_finite_threshold():
    point = tar_at_far([0.1, 0.9, 0.9], [1, 0, 0], 0.5)
    assert point.tar == 0.0
    assert point.threshold > 0.9
    assert np.isfinite(point.threshold)


def test_perfect_and_useless_systems():
    is_same = np.arange(200) % 2
    assert equal_error_rate(is_same, is_same) == (0.0, 0.5)
    assert auc(is_same, is_same) == 1.0
    assert auc(np.zeros(200), is_same) == 0.5
    assert equal_error_rate(np.zeros(200), is_same)[0] == 0.5
    assert auc(-is_same, is_same) == 0.0
    assert equal_error_rate(-is_same, is_same)[0] == 1.0


def test_random_scores_are_near_one_half():
    rng = np.random.default_rng(0)
    scores, is_same = rng.random(20_000), rng.random(20_000) < 0.5
    assert auc(scores, is_same) == pytest.approx(0.5, abs=0.015)
    assert equal_error_rate(scores, is_same)[0] == pytest.approx(0.5, abs=0.015)


@pytest.mark.parametrize("change", [np.exp, np.arctan, lambda x: 3 * x - 5])
def test_rates_do_not_change_under_a_rising_transform(change):
    scores, is_same = tied_scores(3)
    other = change(scores)
    for one, two in zip(
        roc_curve(scores, is_same)[1:],
        roc_curve(other, is_same)[1:],
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)
    assert auc(scores, is_same) == auc(other, is_same)
    assert (
        equal_error_rate(scores, is_same)[0]
        == equal_error_rate(other, is_same)[0]
    )
    assert (
        tar_at_far(scores, is_same, 0.1).tar
        == tar_at_far(other, is_same, 0.1).tar
    )


def test_order_of_the_pairs_does_not_matter():
    scores, is_same = tied_scores(4)
    order = np.random.default_rng(0).permutation(scores.size)
    assert auc(scores, is_same) == auc(scores[order], is_same[order])


@pytest.mark.parametrize(
    "scores, is_same, message",
    [
        ([0.1, np.nan], [0, 1], "must be finite.*nan at pair 1"),
        ([np.inf, 0.1], [0, 1], "must be finite.*inf at pair 0"),
        ([0.1, 0.2, 0.3], [0, 1], r"equally long.*\(3,\).*\(2,\)"),
        ([[0.1, 0.2]], [[0, 1]], "one-dimensional"),
        ([0.1, 0.2], [1, 1], "2 genuine and 0 impostor"),
        ([0.1, 0.2], [0, 0], "0 genuine and 2 impostor"),
        ([], [], "0 genuine and 0 impostor"),
        ([0.1, 0.2], [1, -1], "0 and 1"),
        ([0.1, 0.2], ["a", "b"], "0 and 1"),
    ],
)
def test_unusable_pairs_are_refused(scores, is_same, message):
    with pytest.raises(ValueError, match=message):
        roc_curve(scores, is_same)


@pytest.mark.parametrize("far", [0, 1, -0.1, 5])
def test_far_must_be_a_share(far):
    with pytest.raises(ValueError, match="share between 0 and 1"):
        tar_at_far(*HAND, far=far)
