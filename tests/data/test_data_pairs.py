"""Verification pairs: balanced, folds without shared identities, names."""

import collections
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from keras_arcface.data import pairs_from_labels
from keras_arcface.data import read_pairs_csv

SHARED = Path(__file__).parents[2].parent / "shared" / "data" / "lfw112"


@pytest.fixture
def labels():
    rng = np.random.default_rng(0)
    return rng.permutation(np.repeat(np.arange(80), rng.integers(1, 9, 80)))


def test_pairs_are_balanced_and_true(labels):
    pairs = pairs_from_labels(labels, pairs=400, folds=10, seed=1)
    assert len(pairs) == 400 and pairs.folds == 10
    same = labels[pairs.left] == labels[pairs.right]
    np.testing.assert_array_equal(same, pairs.is_same)
    for fold in range(10):
        assert pairs.is_same[pairs.fold == fold].sum() == 20
        assert (pairs.fold == fold).sum() == 40
    np.testing.assert_array_equal(pairs.subject, labels)


def test_no_identity_is_in_two_folds(labels):
    pairs = pairs_from_labels(labels, pairs=400, folds=10)
    folds_of = collections.defaultdict(set)
    for side in (pairs.left, pairs.right):
        for picture, fold in zip(side, pairs.fold, strict=True):
            folds_of[labels[picture]].add(fold)
    assert all(len(folds) == 1 for folds in folds_of.values())


def test_no_pair_twice_nor_with_itself(labels):
    pairs = pairs_from_labels(labels, pairs=400, folds=5)
    ends = {frozenset(p) for p in zip(pairs.left, pairs.right, strict=True)}
    assert len(ends) == 400 and all(len(end) == 2 for end in ends)


def test_pairs_depend_on_the_seed_alone(labels):
    first, again, other = (
        pairs_from_labels(labels, 200, 10, seed).left for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_one_large_identity_does_not_dominate():
    labels = np.repeat(np.arange(11), [200] + [4] * 10)
    pairs = pairs_from_labels(labels, pairs=100, folds=1)
    genuine = labels[pairs.left[pairs.is_same]]
    assert np.bincount(genuine).max() <= 6


def test_all_possible_pairs_can_be_asked_for():
    pairs = pairs_from_labels([0, 0, 1, 1], pairs=4, folds=1)
    assert pairs.is_same.tolist() == [True, True, False, False]


@pytest.mark.parametrize(
    ("labels", "arguments", "message"),
    [
        ([0, 0, 1, 1], {"pairs": 7, "folds": 2}, "multiple of 2 . folds.*=8"),
        ([0, 0, 1, 1], {"pairs": 4, "folds": 2}, "needs 4 identities"),
        ([0, 0, 1, 1], {"pairs": 8, "folds": 1}, "allows 2 different genuine"),
        ([0] * 9 + [1], {"pairs": 20, "folds": 1}, "9 different impostor"),
    ],
)
def test_too_few(labels, arguments, message):
    with pytest.raises(ValueError, match=message):
        pairs_from_labels(labels, **arguments)


HEADER = "fold,left,right,is_same"


@pytest.fixture
def folder(tmp_path):
    names = ["Ada_B/Ada_B_0001.jpg", "Ada_B/Ada_B_0002.png", "Bob/x.jpg"]
    for name in [*names, "Bob/odd.png", "Cyd/odd.jpg", "Cyd_0001.jpg"]:
        path = tmp_path / "pictures" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(path)
    return tmp_path / "pictures"


def write(folder, *rows, header=HEADER):
    path = folder.parent / "pairs.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def test_csv(folder):
    path = write(
        folder,
        "0,Ada_B_0001,Ada_B_0002,1",
        "0,Ada_B_0001,Bob/x.jpg,0",
        "1,x,Cyd_0001,0",
        "1,Cyd_0001.jpg,Bob/x,False",
    )
    pairs = read_pairs_csv(path, folder)
    names = [str(Path(p).relative_to(folder)) for p in pairs.paths]
    assert names == [
        "Ada_B/Ada_B_0001.jpg",
        "Ada_B/Ada_B_0002.png",
        "Bob/x.jpg",
        "Cyd_0001.jpg",
    ]
    assert pairs.left.tolist() == [0, 0, 2, 3]
    assert pairs.right.tolist() == [1, 2, 3, 2]
    assert pairs.is_same.tolist() == [True, False, False, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    assert len(np.unique(pairs.subject)) == 3
    assert pairs.subject[0] == pairs.subject[1]


def test_csv_with_subjects(folder):
    header = HEADER + ",left_subject,right_subject"
    path = write(folder, "0,x,Cyd_0001,1,bob,bob", header=header)
    assert read_pairs_csv(path, folder).subject.tolist() == [0, 0]


@pytest.mark.parametrize(
    ("row", "error", "message"),
    [
        ("0,Ada_B_0001,who,0", FileNotFoundError, "line 2: no picture 'who'"),
        ("0,odd,x,0", ValueError, "line 2: 'odd' fits several pictures"),
        ("0,x,Ada_B_0001,2", ValueError, "is_same must be 1 or 0.*'2'"),
        ("a,x,Ada_B_0001,0", ValueError, "fold must be an integer.*'a'"),
        ("0,x,Ada_B_0001", ValueError, "line 2: expected 4 values"),
        ("0,x,Ada_B_0001,0,5", ValueError, "line 2: expected 4 values"),
        ("0,x,Ada_B_0001,1", ValueError, "line 2: is_same=1, but 'x' shows"),
        ("0,Ada_B_0001,Ada_B_0002,0", ValueError, "is_same=0, but"),
    ],
)
def test_wrong_rows(folder, row, error, message):
    with pytest.raises(error, match=message):
        read_pairs_csv(write(folder, row), folder)


def test_wrong_files(folder):
    with pytest.raises(ValueError, match="has no pairs"):
        read_pairs_csv(write(folder), folder)
    with pytest.raises(ValueError, match="Missing: is_same"):
        read_pairs_csv(write(folder, header="fold,left,right"), folder)
    with pytest.raises(FileNotFoundError, match="No such folder"):
        read_pairs_csv(write(folder), folder / "none")


@pytest.mark.skipif(not SHARED.is_dir(), reason=f"needs {SHARED.name} faces")
def test_real_pairs():
    pairs = read_pairs_csv(SHARED / "val_pairs.csv", SHARED / "val")
    assert (len(pairs), pairs.folds, pairs.is_same.sum()) == (2000, 10, 1000)
    assert len(pairs.paths) == len(set(pairs.paths)) == len(pairs.subject)
    same = pairs.subject[pairs.left] == pairs.subject[pairs.right]
    np.testing.assert_array_equal(same, pairs.is_same)
