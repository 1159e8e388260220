"""No class on two sides."""

import numpy as np
import pytest

from keras_arcface.studies.compare.splits import class_disjoint_split


@pytest.mark.parametrize(
    "classes, train, validation, test",
    # Of the Reality Check's own code, for CUB200 and Cars196.
    [(200, 75, 25, 100), (196, 74, 24, 98)],
)
def test_counts_are_those_of_the_reality_check(
    classes, train, validation, test
):
    split = class_disjoint_split(np.repeat(np.arange(classes), 2), 4)
    assert len(np.unique(split.test_labels)) == test
    for fold in split.folds:
        assert len(np.unique(fold.train_labels)) == train
        assert len(np.unique(fold.validation_labels)) == validation


def test_no_class_is_on_two_sides():
    rng = np.random.default_rng(0)
    labels = rng.permutation(np.repeat(np.arange(30), 3))
    split = class_disjoint_split(labels, 3)
    assert (labels[split.test] == split.test_labels).all()
    assert set(split.test_labels.tolist()) == set(range(15, 30))
    seen = []
    for fold in split.folds:
        train = set(labels[fold.train].tolist())
        validation = set(fold.validation_labels.tolist())
        assert train | validation == set(range(15))
        assert not train & validation
        assert not set(fold.train) & set(split.test)
        assert set(fold.train_labels.tolist()) == set(range(10))
        seen += validation
    assert sorted(seen) == list(range(15))


def test_training_labels_are_one_to_one_with_classes():
    labels = np.repeat([100, 7, 2**40, 55, 31, 9, 12, 80], 2)
    (first, _) = class_disjoint_split(labels, 2).folds
    own = labels[first.train]
    pairs = set(zip(own.tolist(), first.train_labels.tolist()))
    assert len(pairs) == len(set(own.tolist())) == 2


def test_a_block_of_validation_are_neighbours():
    split = class_disjoint_split(np.repeat(np.arange(20), 2), 2)
    blocks = [sorted(set(f.validation_labels.tolist())) for f in split.folds]
    assert blocks == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_too_few_classes_are_refused():
    with pytest.raises(ValueError, match="folds=4 for 12 classes"):
        class_disjoint_split(np.repeat(np.arange(12), 2), 4)
    with pytest.raises(ValueError, match="folds=1"):
        class_disjoint_split(np.repeat(np.arange(12), 2), 1)


def test_a_part_in_which_nothing_can_be_found_is_refused():
    labels = np.concatenate([np.arange(16), np.arange(8, 16)])
    with pytest.raises(ValueError, match="validation of fold 1 has two"):
        class_disjoint_split(labels, 2)
    labels = np.concatenate([np.arange(16), np.arange(8)])
    with pytest.raises(ValueError, match="the test half has two"):
        class_disjoint_split(labels, 2)
