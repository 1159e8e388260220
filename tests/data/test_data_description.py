"""The description of data: what it refuses, how it splits."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from keras_arcface.data import ImageData


def make_data(counts=(3, 1, 2, 4), side=6):
    labels = np.repeat(np.arange(len(counts)), counts)
    samples = np.zeros((len(labels), side, side, 3), np.uint8)
    samples += np.arange(len(labels), dtype=np.uint8)[:, None, None, None]
    names = [f"name {index}" for index in range(len(counts))]
    return ImageData(samples, labels, names)


def test_counts_and_description():
    data = make_data()
    assert len(data) == 10
    assert data.num_classes == 4
    assert data.labels.dtype == np.int64
    assert data.counts.tolist() == [3, 1, 2, 4]
    assert data.image_size == (6, 6)
    assert "10 pictures of 4 identities (1 to 4 each), 6x6" in repr(data)


def test_array_is_not_copied():
    samples = np.zeros((2, 4, 4, 3), np.uint8)
    assert ImageData(samples, [0, 1], ["a", "b"]).images() is samples


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"labels": [0.0, 1.0]}, "labels must be integer class ids.*float64"),
        ({"labels": [0, 1, 1]}, r"each of the 2 samples.*shape \(3,\)"),
        ({"labels": [[1, 0], [0, 1]]}, "argmax"),
        ({"labels": [0, 2]}, r"labels\[1\]=2"),
        ({"labels": [-1, 0]}, r"labels\[0\]=-1"),
        ({"labels": [0, 0]}, "Class 1 .'b'. has none"),
        ({"samples": np.zeros((2, 4, 4, 3))}, "uint8.*float64"),
        ({"samples": np.zeros((2, 4, 4), np.uint8)}, r"shape \(2, 4, 4\)"),
        ({"samples": []}, "samples must not be empty"),
        ({"samples": ["a.png", "b.png"]}, "image_size must be .height, width"),
        ({"image_size": (5, 4)}, "image_size must be that of the samples"),
    ],
)
def test_wrong_data_is_refused(change, message):
    good = {
        "samples": np.zeros((2, 4, 4, 3), np.uint8),
        "labels": [0, 1],
        "class_names": ["a", "b"],
    }
    ImageData(**good)
    with pytest.raises(ValueError, match=message):
        ImageData(**good | change)


def test_subset_keeps_classes():
    part = make_data().subset([9, 0])
    assert part.labels.tolist() == [3, 0]
    assert part.num_classes == 4
    assert part.images()[:, 0, 0, 0].tolist() == [9, 0]


def test_subset_of_paths_by_mask():
    data = ImageData(["x", "y", "z"], [0, 0, 1], ["a", "b"], (4, 4))
    part = data.subset(np.array([True, False, True]))
    assert part.samples == ["x", "z"]
    assert part.labels.tolist() == [0, 1]


def test_split_has_disjoint_identities_and_contiguous_ids():
    data = make_data(counts=[1] * 10 + [2] * 10 + [5] * 10)
    train, held_out = data.split_identities(0.2, seed=3)
    assert held_out.num_classes == 6
    assert set(train.class_names).isdisjoint(held_out.class_names)
    assert len(train) + len(held_out) == len(data)
    assert held_out.counts.min() >= 2
    for part in (train, held_out):
        assert np.unique(part.labels).tolist() == list(range(part.num_classes))
        for sample, label in zip(part.images(), part.labels, strict=True):
            original = data.labels[sample[0, 0, 0]]
            assert data.class_names[original] == part.class_names[label]


def test_split_depends_on_the_seed_alone():
    data = make_data(counts=[2] * 40)
    names = [data.split_identities(0.25, s)[1].class_names for s in (0, 0, 1)]
    assert names[0] == names[1] != names[2]


@pytest.mark.parametrize(
    ("fraction", "counts", "message"),
    [
        (1.5, [2] * 9, r"fraction must be in \(0, 1\)"),
        (0.1, [2] * 9, "holds out 1"),
        (0.5, [1] * 8 + [2, 2], "only 2 have the two pictures.*at most 0.2"),
    ],
)
def test_impossible_split(fraction, counts, message):
    with pytest.raises(ValueError, match=message):
        make_data(counts).split_identities(fraction)


def test_save_classes(tmp_path):
    path = tmp_path / "made" / "classes.json"
    make_data().save_classes(path)
    assert json.loads(path.read_text("utf-8"))[2] == "name 2"
    assert [file.name for file in path.parent.iterdir()] == ["classes.json"]


def test_import_needs_no_tensorflow():
    # The package's own __init__ imports Keras; data/ alone must not.
    root = Path(__file__).parents[2] / "keras_arcface"
    code = (
        "import sys, types; package = types.ModuleType('keras_arcface'); "
        f"package.__path__ = [{str(root)!r}]; "
        "sys.modules['keras_arcface'] = package; import keras_arcface.data; "
        "heavy = {'tensorflow', 'keras', 'matplotlib'} & set(sys.modules); "
        "sys.exit(repr(heavy) if heavy else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
