"""The fold protocol against brute force."""

import numpy as np
import pytest

from keras_arcface.evaluation import best_threshold
from keras_arcface.evaluation import fold_accuracy
from keras_arcface.evaluation import lfw_folds

LFW = np.tile(np.repeat([True, False], 300), 10)


def lfw_like(seed, is_same=LFW, distance=3.0):
    rng = np.random.default_rng(seed)
    return np.tanh(0.3 * rng.normal(distance * is_same))


def brute_force_threshold(scores, is_same):
    """Tries every midpoint, strictest first; the first best one wins."""
    values = np.unique(scores)[::-1]
    candidates = [np.nextafter(values[0], np.inf)]
    candidates += [(a + b) / 2 for a, b in zip(values, values[1:])]
    candidates.append(values[-1])
    right = [np.sum((scores >= t) == is_same) for t in candidates]
    return candidates[int(np.argmax(right))]


def test_lfw_layout_gives_the_official_folds():
    np.testing.assert_array_equal(lfw_folds(LFW), np.repeat(range(10), 600))


def test_both_kinds_are_dealt_evenly_in_order():
    is_same = np.array([1] * 7 + [0] * 23, dtype=bool)
    fold = lfw_folds(is_same, folds=3)
    assert np.bincount(fold[is_same]).tolist() == [3, 2, 2]
    assert np.bincount(fold[~is_same]).tolist() == [8, 8, 7]
    assert (np.diff(fold[is_same]) >= 0).all()


def test_best_threshold_by_hand():
    scores = [0.9, 0.8, 0.8, 0.6, 0.5, 0.3, 0.7, 0.6, 0.5, 0.2, 0.2, 0.1]
    # 9 of 12 right at 0.3 and at 0.8: the stricter, midway to 0.7.
    assert best_threshold(scores, [1] * 6 + [0] * 6) == pytest.approx(0.75)


def test_best_threshold_may_accept_or_reject_everything():
    assert best_threshold([0.2, 0.5, 0.6], [0, 1, 1]) == pytest.approx(0.35)
    assert best_threshold([0.9, 0.1, 0.2], [0, 1, 1]) <= 0.1
    assert best_threshold([0.9, 0.8, 0.1], [0, 0, 1]) > 0.9


def test_neighbouring_floats_are_still_told_apart():
    low = 0.5
    high = np.nextafter(low, 1)
    assert best_threshold([low, high], [0, 1]) == high


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("digits", [1, 6])
def test_equals_brute_force_exactly(seed, digits):
    rng = np.random.default_rng(seed)
    is_same = rng.random(240) < 0.5
    scores = np.round(rng.normal(is_same * 1.5), digits)
    fold = rng.integers(0, 6, 240)
    result = fold_accuracy(scores, is_same, fold)
    for number in range(6):
        inside = fold == number
        threshold = brute_force_threshold(scores[~inside], is_same[~inside])
        decided = scores[inside] >= threshold
        assert result.thresholds[number] == threshold
        assert result.accuracies[number] == np.mean(decided == is_same[inside])


def test_agrees_with_a_grid_of_distances_as_insightface_scans_it():
    scores = lfw_like(0)
    distance = 2 - 2 * scores
    grid = np.arange(0, 4, 0.01)
    right = (distance < grid[:, None]) == LFW
    fold = np.repeat(range(10), 600)
    result = fold_accuracy(scores, LFW)
    accuracies = []
    for number in range(10):
        inside = fold == number
        best = right[:, ~inside].mean(1).argmax()
        accuracies.append(right[best, inside].mean())
        ours = (scores >= result.thresholds[number]) == LFW
        assert ours[~inside].mean() >= right[best, ~inside].mean()
    assert result.mean == pytest.approx(np.mean(accuracies), abs=2e-3)


def test_standard_error_divides_by_the_root_of_the_folds():
    result = fold_accuracy(lfw_like(1), LFW)
    by_hand = np.std(result.accuracies, ddof=1) / np.sqrt(10)
    assert result.standard_error == pytest.approx(by_hand)


def test_fold_numbers_need_not_start_at_zero():
    scores, fold = lfw_like(2), np.repeat(range(10), 600)
    one = fold_accuracy(scores, LFW, fold)
    two = fold_accuracy(scores, LFW, 7 * fold - 3)
    np.testing.assert_array_equal(one.accuracies, two.accuracies)


def test_the_held_out_fold_does_not_choose_its_threshold():
    scores, fold = lfw_like(3), np.repeat(range(10), 600)
    changed = np.where(fold == 4, -scores, scores)
    one = fold_accuracy(scores, LFW, fold)
    two = fold_accuracy(changed, LFW, fold)
    assert one.thresholds[4] == two.thresholds[4]
    assert two.accuracies[4] < 0.6


def test_accuracy_does_not_change_under_a_rising_transform():
    # Midpoints move under a curve, so scores share a coarse grid here.
    scores = np.round(lfw_like(5), 1)
    one = fold_accuracy(scores, LFW)
    two = fold_accuracy(np.exp(scores), LFW)
    np.testing.assert_array_equal(one.accuracies, two.accuracies)


SMALL = np.array([1, 0, 1, 0, 1, 0])


@pytest.mark.parametrize(
    "fold, message",
    [
        (None, "into 10 folds.*3 genuine and 3 impostor.*lfw_folds"),
        ([0, 0, 0, 0, 0, 0], "at least 2 folds"),
        ([0, 0, 0, 0, 5, 0], "Fold 5 has 1 genuine and 0 impostor"),
        ([0, 0, 1, 1], "one integer a pair"),
        ([0.0, 0.0, 0.0, 1.0, 1.0, 1.0], "one integer a pair"),
    ],
)
def test_unusable_folds_are_refused(fold, message):
    with pytest.raises(ValueError, match=message):
        fold_accuracy([0.9, 0.1, 0.8, 0.2, 0.7, 0.3], SMALL, fold)


def test_one_fold_cannot_be_made():
    with pytest.raises(ValueError, match="at least 2 folds"):
        lfw_folds(SMALL, folds=1)
