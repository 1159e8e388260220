"""Error versus reject: does quality predict errors?"""

import itertools
import json

import numpy as np
import pytest

from keras_arcface.evaluation import error_versus_reject


def pairs(seed=0, count=400, knows=1.0):
    rng = np.random.default_rng(seed)
    is_same = np.arange(2 * count) < count
    quality = rng.normal(size=2 * count)
    scores = rng.normal(size=2 * count) + (2 + knows * quality) * is_same
    return scores, is_same, quality


def curve(scores, is_same, quality, threshold=1.0, **options):
    options = {"bootstrap": 0, **options}
    high = quality + 5  # The lower of the two counts.
    return error_versus_reject(
        scores, is_same, high, quality, threshold, **options
    )


def test_by_hand():
    scores = np.array([0.1, 0.9, 0.2, 0.9, 0.0])
    is_same = np.array([1, 1, 1, 1, 0])
    quality = np.array([1.0, 2, 3, 4, 0])
    result = curve(scores, is_same, quality, 0.5, rejected=(0, 0.25, 0.5, 0.75))
    assert result.fnmr == pytest.approx((2 / 4, 1 / 3, 1 / 2, 0))
    assert result.best == pytest.approx((2 / 4, 1 / 3, 0, 0))
    assert result.area == pytest.approx((1 / 2 + 1 / 3 + 1 / 2) / 4 / 0.5)
    assert (result.errors, result.genuine_pairs) == (2, 4)
    assert "rests on 2 errors" in result.warnings[0]


def test_ties_are_the_mean_over_all_orders():
    wrong = np.array([1, 0, 0, 1, 0])
    scores, is_same = np.append(1.0 - wrong, 0), np.array([1] * 5 + [0])
    quality = np.array([1.0, 1, 1, 1, 2, 0])
    result = curve(scores, is_same, quality, 0.5, rejected=(0, 0.4))
    means = [
        np.mean(np.delete(wrong, order[:2]))
        for order in itertools.permutations(range(4))
    ]
    assert result.fnmr[1] == pytest.approx(np.mean(means))


@pytest.mark.parametrize("seed", range(3))
def test_equals_a_naive_loop(seed):
    scores, is_same, quality = pairs(seed)
    result = curve(scores, is_same, quality, rejected=(0, 0.1, 0.25, 0.6))
    order = np.argsort(quality[is_same])
    wrong = (scores[is_same] < 1.0)[order]
    for share, fnmr in zip(result.rejected, result.fnmr, strict=True):
        assert fnmr == pytest.approx(wrong[int(share * wrong.size) :].mean())


def test_a_quality_that_knows_lowers_errors_and_a_blind_one_does_not():
    knowing = curve(*pairs(knows=1.5), bootstrap=100)
    blind = curve(*pairs(knows=0.0), bootstrap=100)
    assert knowing.best_area < knowing.area < 0.75 < blind.area
    low, high = blind.intervals[4]
    assert low < blind.fnmr[4] < high
    assert knowing.intervals[4][1] < knowing.fnmr[0]
    assert knowing.resampling == "pairs"


def test_text_and_json():
    result = curve(*pairs())
    assert "perfect quality" in result.summary()
    json.dumps(result.to_dict(), allow_nan=False)
    subjects = np.arange(800)
    left = {"subject_left": subjects, "subject_right": subjects[::1]}
    left["subject_right"] = np.where(pairs()[1], subjects, subjects + 1000)
    assert curve(*pairs(), bootstrap=5, **left).resampling == "subjects"


@pytest.mark.parametrize(
    "change, message",
    [
        ({"threshold": -99.0}, "No genuine pair is below"),
        ({"rejected": (0.1, 0.2)}, "rise from 0"),
        ({"rejected": (0, 1.0)}, "rise from 0"),
    ],
)
def test_unusable_arguments_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        curve(*pairs(), **change)


def test_qualities_must_be_finite_and_one_a_pair():
    scores, is_same, quality = pairs()
    quality[3] = np.nan
    with pytest.raises(ValueError, match="finite. Received nan at pair 3"):
        curve(scores, is_same, quality)
    with pytest.raises(ValueError, match="one value a pair"):
        curve(scores, is_same, quality[:5])
