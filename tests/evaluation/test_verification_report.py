"""The one call: its numbers, its warnings, its text and its JSON."""

import ast
import json
import math
import sys
from pathlib import Path

import numpy as np
import pytest

import keras_arcface.evaluation
from keras_arcface.evaluation import auc
from keras_arcface.evaluation import equal_error_rate
from keras_arcface.evaluation import fold_accuracy
from keras_arcface.evaluation import tar_at_far
from keras_arcface.evaluation import verification_report

LFW = np.tile(np.repeat([True, False], 300), 10)


def lfw_pairs(distance=4.0, seed=0):
    """Scores and subjects; no subject is in two folds, as in LFW."""
    rng = np.random.default_rng(seed)
    fold = np.repeat(np.arange(10), 600)
    left = rng.integers(0, 100, 6000)
    other = (left + rng.integers(1, 100, 6000)) % 100
    right = np.where(LFW, left, other)
    scores = rng.normal(distance * LFW)
    return scores, 100 * fold + left, 100 * fold + right


def test_every_number_is_that_of_its_own_function():
    scores, left, right = lfw_pairs()
    report = verification_report(
        scores, LFW, subject_left=left, subject_right=right, bootstrap=60
    )
    folds = fold_accuracy(scores, LFW)
    assert report.accuracy == folds.mean
    assert report.accuracy_standard_error == folds.standard_error
    assert report.fold_accuracies == tuple(folds.accuracies)
    assert report.fold_thresholds == tuple(folds.thresholds)
    assert (report.eer, report.eer_threshold) == equal_error_rate(scores, LFW)
    assert report.auc == pytest.approx(auc(scores, LFW))
    assert (report.genuine_pairs, report.impostor_pairs) == (3000, 3000)
    assert report.subjects == len(np.unique([left, right]))
    for far, point in report.tar_at_far.items():
        assert point.tar == tar_at_far(scores, LFW, far).tar
        assert point.interval[0] <= point.tar <= point.interval[1]
    assert set(report.intervals) == {"accuracy", "eer", "auc"}
    for name, (low, high) in report.intervals.items():
        assert low < getattr(report, name) < high


def test_lfw_cannot_measure_far_1e_3_reliably_and_says_so():
    report = verification_report(lfw_pairs()[0], LFW, bootstrap=0)
    assert [p.reliable for p in report.tar_at_far.values()] == [
        True,
        True,
        False,
    ]
    (warning,) = report.warnings
    assert "FAR 0.001 rests on 3 expected" in warning
    assert "3,000 impostor pairs" in warning


def test_far_below_one_expected_error_has_no_value():
    report = verification_report(
        lfw_pairs()[0], LFW, far_targets=(1e-4,), bootstrap=10
    )
    point = report.tar_at_far[1e-4]
    assert math.isnan(point.tar) and math.isnan(point.interval[0])
    assert "too few to mean anything" in report.warnings[0]
    assert "not measurable with 3,000 impostor pairs" in report.summary()


def test_the_report_says_what_was_resampled():
    scores, left, right = lfw_pairs()
    subjects = {"subject_left": left, "subject_right": right}
    by_subject = verification_report(scores, LFW, bootstrap=10, **subjects)
    by_pair = verification_report(scores, LFW, bootstrap=10)
    without = verification_report(scores, LFW, bootstrap=0)
    assert by_subject.resampling == "subjects"
    assert by_pair.resampling == "pairs"
    assert (without.resampling, without.intervals) == ("none", {})
    assert "10 bootstrap resamples of subjects" in by_subject.summary()
    assert "resamples" not in without.summary()


def test_same_seed_same_report():
    scores = lfw_pairs()[0]
    one, two, three = (
        verification_report(scores, LFW, bootstrap=20, seed=seed).to_dict()
        for seed in (1, 1, 2)
    )
    assert one == two
    assert one != three


def test_json_is_strict_and_complete():
    report = verification_report(
        lfw_pairs()[0], LFW, far_targets=(1e-2, 1e-5), bootstrap=10
    )
    value = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert value["accuracy"] == report.accuracy
    assert value["tar_at_far"]["1e-05"]["tar"] is None
    assert value["tar_at_far"]["0.01"]["tar"] == report.tar_at_far[0.01].tar
    assert len(value["fold_thresholds"]) == 10


def test_summary_shows_the_numbers():
    scores, left, right = lfw_pairs()
    report = verification_report(
        scores, LFW, subject_left=left, subject_right=right, bootstrap=20
    )
    text = report.summary()
    assert "3,000 genuine and 3,000 impostor pairs, 1,000 subjects" in text
    assert f"{100 * report.accuracy:.2f}%" in text
    assert f"{100 * report.eer:.2f}%" in text
    assert "3 of 3,000 false accepts: unreliable" in text
    assert all(f"Warning: {warning}" in text for warning in report.warnings)


def test_no_error_seen_is_not_no_error():
    report = verification_report(LFW * 1.0, LFW, bootstrap=10)
    assert (report.accuracy, report.eer, report.auc) == (1.0, 0.0, 1.0)
    assert report.intervals["accuracy"] == (1.0, 1.0)
    assert any("rule of three" in warning for warning in report.warnings)


def test_distances_are_recognised():
    report = verification_report(-lfw_pairs()[0], LFW, bootstrap=0)
    assert any("pass their negative" in w for w in report.warnings)


def test_subjects_across_folds_and_few_subjects_are_reported():
    scores, left, right = lfw_pairs()
    left, right = left % 20, right % 20
    right = np.where(LFW, left, np.where(left == right, 20, right))
    report = verification_report(
        scores, LFW, subject_left=left, subject_right=right, bootstrap=10
    )
    text = " ".join(report.warnings)
    assert "only 21 subjects" in text
    assert "21 of 21 subjects are in several folds" in text


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"subject_right": None}, "`subject_right` is missing"),
        ({"subject_left": None}, "`subject_left` is missing"),
        ({"subject_left": np.arange(5)}, "one entry a pair"),
        ({"subject_left": np.arange(6000)}, "contradict.*first is pair 0"),
        ({"far_targets": (0.1, 1.5)}, "share between 0 and 1"),
        ({"bootstrap": -1}, "positive"),
    ],
)
def test_unusable_arguments_are_refused(changes, message):
    scores, left, right = lfw_pairs()
    subjects = {"subject_left": left * 0 + 1, "subject_right": right * 0 + 1}
    if "far_targets" in changes or "bootstrap" in changes:
        subjects = {}
    with pytest.raises(ValueError, match=message):
        verification_report(scores, LFW, **{**subjects, **changes})


def test_evaluation_needs_numpy_only():
    folder = Path(keras_arcface.evaluation.__file__).parent
    allowed = {"numpy", "keras_arcface", *sys.stdlib_module_names}
    for file in folder.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module]
            else:
                continue
            assert {name.split(".")[0] for name in names} <= allowed, file
