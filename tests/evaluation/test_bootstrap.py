"""Resampling: what is drawn, and whether the intervals mean anything."""

import math

import numpy as np
import pytest

from keras_arcface.evaluation import auc
from keras_arcface.evaluation import bootstrap
from keras_arcface.evaluation import bootstrap_samples
from keras_arcface.evaluation import equal_error_rate
from keras_arcface.evaluation import fold_accuracy
from keras_arcface.evaluation import paired_difference
from keras_arcface.evaluation import percentile_interval
from keras_arcface.evaluation import tar_at_far
from keras_arcface.evaluation.measures import Measures
from keras_arcface.evaluation.pairs import coded

FARS = (0.1, 0.05)


def pairs_of(subjects, each=6, seed=0, spread=0.8, distance=2.0):
    """Scores in which a subject's quality moves all of its genuine pairs."""
    rng = np.random.default_rng(seed)
    left = np.repeat(np.arange(subjects), 2 * each)
    is_same = np.tile(np.repeat([True, False], each), subjects)
    other = (left + rng.integers(1, subjects, left.size)) % subjects
    right = np.where(is_same, left, other)
    likeness = distance + 2 * spread * rng.normal(size=subjects)
    scores = rng.normal(size=left.size) + likeness[left] * is_same
    return scores, is_same, left, right


def interval(name, scores, is_same, left=None, right=None, resamples=300):
    measures = Measures(scores, is_same, None, FARS)
    samples = bootstrap_samples(
        measures,
        is_same,
        subject_left=left,
        subject_right=right,
        resamples=resamples,
    )
    return percentile_interval(samples[name])


def width(ends):
    return ends[1] - ends[0]


def drawn_weights(is_same, **subjects):
    seen = []

    def spy(weights):
        seen.append(weights)
        return {"sum": weights.sum(1)}

    bootstrap_samples(spy, is_same, resamples=40, **subjects)
    return np.concatenate(seen)


def test_subject_weights_are_counts_and_products_of_counts():
    left, right = ["a", "b", "c", "a", "b"], ["a", "b", "c", "b", "c"]
    is_same = np.array([1, 1, 1, 0, 0], dtype=bool)
    weights = drawn_weights(is_same, subject_left=left, subject_right=right)
    a, b, c, ab, bc = weights.T
    np.testing.assert_array_equal(a + b + c, 3)
    np.testing.assert_array_equal(ab, a * b)
    np.testing.assert_array_equal(bc, b * c)


def test_pair_weights_keep_the_number_of_each_kind():
    is_same = np.arange(50) < 20
    weights = drawn_weights(is_same)
    np.testing.assert_array_equal(weights[:, is_same].sum(1), 20)
    np.testing.assert_array_equal(weights[:, ~is_same].sum(1), 30)
    assert len(np.unique(weights, axis=0)) == 40


def test_weights_count_pairs_as_often_as_repeating_them():
    scores, is_same, _, _ = pairs_of(20)
    scores = np.round(scores, 1)
    counts = np.random.default_rng(1).integers(0, 4, scores.size)
    values = Measures(scores, is_same, None, FARS)(counts[None] * 1.0)
    scores, is_same = np.repeat(scores, counts), np.repeat(is_same, counts)
    assert values["auc"][0] == pytest.approx(auc(scores, is_same))
    assert values["eer"][0] == pytest.approx(
        equal_error_rate(scores, is_same)[0]
    )
    for far in FARS:
        assert values[f"tar_at_far_{far:g}"][0] == pytest.approx(
            tar_at_far(scores, is_same, far).tar
        )


def test_plain_measures_equal_the_unweighted_functions():
    scores, is_same, left, _ = pairs_of(30)
    values = Measures(scores, is_same, left % 7, FARS).plain()
    folds = fold_accuracy(scores, is_same, left % 7)
    assert values["accuracy"] == pytest.approx(folds.mean)
    assert values["auc"] == pytest.approx(auc(scores, is_same))


@pytest.mark.parametrize("by_subject", [False, True])
def test_neither_chunks_nor_repetition_change_the_samples(
    monkeypatch, by_subject
):
    scores, is_same, left, right = pairs_of(12)
    subjects = (left, right) if by_subject else ()
    whole = interval("eer", scores, is_same, *subjects)
    assert interval("eer", scores, is_same, *subjects) == whole
    monkeypatch.setattr(bootstrap, "CHUNK_ELEMENTS", 7 * scores.size)
    assert interval("eer", scores, is_same, *subjects) == whole


@pytest.mark.parametrize("name", ["accuracy", "eer", "auc", "tar_at_far_0.1"])
def test_the_interval_holds_the_value_and_shrinks_with_data(name):
    few, many = pairs_of(30), pairs_of(300)
    value = Measures(few[0], few[1], None, FARS).plain()[name]
    low, high = interval(name, *few)
    assert low < value < high
    assert width(interval(name, *many)) < 0.6 * (high - low)


def test_subjects_give_wider_intervals_than_pairs_when_few():
    scores, is_same, left, right = pairs_of(12, each=40)
    by_pair = interval("auc", scores, is_same)
    by_subject = interval("auc", scores, is_same, left, right)
    assert width(by_subject) > 1.5 * width(by_pair)


def coverage(by_subject, spread, runs=60):
    """How often a 95 % interval holds the true AUC."""
    held = 0
    for seed in range(runs):
        scores, is_same, left, right = pairs_of(40, 5, seed, spread, 1.0)
        subjects = (left, right) if by_subject else ()
        low, high = interval("auc", scores, is_same, *subjects, resamples=200)
        # Genuine: N(1, 1 + 4 spread^2); impostor: N(0, 1).
        z = 1.0 / math.sqrt(2 + 4 * spread**2)
        held += low <= 0.5 * (1 + math.erf(z / math.sqrt(2))) <= high
    return held / runs


def test_pair_bootstrap_covers_independent_pairs():
    assert coverage(by_subject=False, spread=0.0) >= 0.88


def test_only_the_subject_bootstrap_covers_pairs_that_share_subjects():
    assert coverage(by_subject=False, spread=1.0) < 0.8
    assert coverage(by_subject=True, spread=1.0) >= 0.88


def test_too_few_defined_resamples_give_no_interval():
    samples = np.array([0.5] * 8 + [np.nan] * 2)
    assert np.isnan(percentile_interval(samples)).all()
    assert percentile_interval(np.full(20, 0.5)) == (0.5, 0.5)


def test_two_subjects_do_not_crash_but_promise_nothing():
    scores = [0.9, 0.8, 0.3, 0.2, 0.7, 0.85, 0.1, 0.4]
    is_same = np.array([1, 1, 0, 0, 1, 1, 0, 0], dtype=bool)
    left = np.array([0, 1, 0, 0, 0, 1, 1, 1])
    right = np.where(is_same, left, 1 - left)
    measures = Measures(scores, is_same, [0, 0, 0, 0, 1, 1, 1, 1], (0.5,))
    samples = bootstrap_samples(
        measures, is_same, subject_left=left, subject_right=right
    )
    assert np.isnan(percentile_interval(samples["eer"])).all()


def test_resamples_must_be_positive():
    with pytest.raises(ValueError, match="positive"):
        bootstrap_samples(lambda w: {}, [True, False], resamples=0)


# === Two systems ===


def test_a_system_does_not_differ_from_itself():
    scores, is_same, left, right = pairs_of(30)
    result = paired_difference(
        scores,
        scores,
        is_same,
        subject_left=left,
        subject_right=right,
        bootstrap=50,
    )
    assert list(result) == [
        "accuracy",
        "eer",
        "auc",
        "tar_at_far_0.1",
        "tar_at_far_0.01",
        "tar_at_far_0.001",
    ]
    for name in ("accuracy", "eer", "auc", "tar_at_far_0.1"):
        assert result[name].difference == 0
        assert result[name].interval == (0, 0)
        assert not result[name].distinguishable


def test_a_better_system_is_told_apart_and_the_sign_says_which():
    scores, is_same, left, right = pairs_of(100)
    noise = np.random.default_rng(5).normal(size=scores.size)
    worse = scores + 2 * noise
    result = paired_difference(
        scores,
        worse,
        is_same,
        subject_left=left,
        subject_right=right,
        bootstrap=200,
    )
    assert result["auc"].difference == pytest.approx(
        auc(scores, is_same) - auc(worse, is_same)
    )
    assert result["auc"].interval[0] > 0
    assert result["eer"].interval[1] < 0
    assert result["auc"].distinguishable and result["eer"].distinguishable


def test_pairing_removes_what_both_systems_share():
    scores, is_same, left, right = pairs_of(40)
    noise = 0.1 * np.random.default_rng(5).normal(size=scores.size)
    result = paired_difference(
        scores,
        scores + noise,
        is_same,
        subject_left=left,
        subject_right=right,
        bootstrap=200,
    )
    alone = interval("auc", scores, is_same, left, right)
    assert width(result["auc"].interval) < 0.5 * width(alone)


def test_unmeasurable_tar_stays_unmeasurable():
    scores, is_same, _, _ = pairs_of(20)
    result = paired_difference(
        scores, -scores, is_same, far_targets=(1e-4,), bootstrap=20
    )
    difference = result["tar_at_far_0.0001"]
    assert math.isnan(difference.difference)
    assert math.isnan(difference.interval[0])
    assert not difference.distinguishable


@pytest.mark.parametrize(
    "values",
    [
        [5, 3, 3, 9],
        [-2, 10**12, -2],
        ["b", "a", "b"],
        np.array([250, 3, 250], np.uint8),
        np.array([-100, 100, 27], np.int8),
        np.array([2**64 - 1, 2**64 - 3], np.uint64),
    ],
)
def test_codes_are_those_of_unique(values):
    values = np.asarray(values)
    values = np.tile(values, 80)
    for ours, theirs in zip(
        coded(values), np.unique(values, return_inverse=True), strict=True
    ):
        np.testing.assert_array_equal(ours, theirs)
