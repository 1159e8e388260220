"""The number that insightface prints, beside that of the protocol."""

import numpy as np
import pytest

from keras_arcface.evaluation import insightface_accuracy
from keras_arcface.evaluation import verification_report

LFW = np.tile(np.repeat([True, False], 30), 10)


def cosines(seed=0, distance=1.6):
    rng = np.random.default_rng(seed)
    return np.tanh(0.5 * rng.normal(distance * LFW))


def naive(similarity, is_same):
    """One threshold after the other, as the script goes about it."""
    distance, grid = 2 - 2 * similarity, np.arange(0, 4, 0.01)
    accuracies = []
    for held_out in np.array_split(np.arange(distance.size), 10):
        train = np.setdiff1d(np.arange(distance.size), held_out)
        train_accuracies = [
            np.mean((distance[train] < t) == is_same[train]) for t in grid
        ]
        best = grid[np.argmax(train_accuracies)]
        decided = distance[held_out] < best
        accuracies.append(np.mean(decided == is_same[held_out]))
    return np.mean(accuracies), np.std(accuracies)


@pytest.mark.parametrize("count", [600, 597])
def test_equals_the_script_done_naively(count):
    similarity, is_same = cosines()[:count], LFW[:count]
    found = insightface_accuracy(similarity, is_same)
    mean, deviation = naive(similarity, is_same)
    assert found.accuracy == pytest.approx(mean)
    assert found.deviation == pytest.approx(deviation)


def test_it_stands_beside_the_protocol_and_says_whose_it_is():
    report = verification_report(cosines(), LFW, bootstrap=0)
    assert report.insightface == insightface_accuracy(cosines(), LFW)
    # The deviation of ten folds is sqrt(9) times the error of their mean.
    folds = np.array(report.fold_accuracies)
    assert report.accuracy_standard_error == pytest.approx(folds.std() / 3)
    assert report.insightface.deviation > 2 * report.accuracy_standard_error
    assert "As insightface prints it" in report.summary()
    assert report.to_dict()["insightface"]["accuracy"] > 0.5


def test_scores_that_are_no_cosines_have_no_such_number():
    report = verification_report(3 * cosines(), LFW, bootstrap=0)
    assert report.insightface is None
    assert "insightface" not in report.summary()
    with pytest.raises(ValueError, match="needs cosines.*600 pairs"):
        insightface_accuracy(3 * cosines(), LFW)
