import drawing
import numpy as np
import pytest

from keras_arcface.data import from_directory
from keras_arcface.data import glyphs
from keras_arcface.data import keep_listed
from keras_arcface.data import read_keep_list
from keras_arcface.data import read_pairs_csv
from keras_arcface.data.keep_list import relative_paths


def read_pairs(path):
    return read_pairs_csv(path, path.parent)


@pytest.fixture
def data(tmp_path):
    folder = drawing.identities_folder(tmp_path / "faces", 4, 3)
    return from_directory(folder, (32, 32))


def listed(tmp_path, *rows, header="path,keep"):
    path = tmp_path / "keep.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def test_pictures_are_dropped_and_ids_stay_contiguous(data, tmp_path):
    names = relative_paths(data)
    drop = [
        n for n, label in zip(names, data.labels, strict=True) if label == 1
    ]
    path = listed(tmp_path, *[f"{n},0" for n in drop], f"{names[-1]},0")
    kept = keep_listed(data, path)
    assert len(kept) == len(data) - 4
    assert kept.num_classes == 3
    assert kept.class_names == [data.class_names[i] for i in (0, 2, 3)]
    np.testing.assert_array_equal(kept.counts, [3, 3, 2])
    assert set(relative_paths(kept)) == set(names) - set(drop) - {names[-1]}


@pytest.mark.parametrize(
    "rows, header, message",
    [
        (["Nobody/1.png,1"], "path,keep", "names no picture"),
        (["a,maybe"], "path,keep", r"keep.csv, line 2: keep must be 1 or 0"),
        (["a,1"], "file,keep", "line 1: the header must.*Missing: path"),
        (["a"], "path,keep", "line 2: expected 2 values"),
        (["a,1,2"], "path,keep", "line 2: expected 2 values"),
        (["a,1", "a,1", "a,0"], "path,keep", "line 4: keep=0 for 'a', and 1"),
    ],
)
def test_wrong_lists_are_named(data, tmp_path, rows, header, message):
    with pytest.raises(ValueError, match=message):
        keep_listed(data, listed(tmp_path, *rows, header=header))


@pytest.mark.parametrize("read", [read_keep_list, read_pairs])
def test_what_is_no_list_is_named(tmp_path, read):
    with pytest.raises(FileNotFoundError, match="no CSV file .*gone.csv"):
        read(tmp_path / "gone.csv")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        read(tmp_path)
    for name, content in {
        "picture.csv": b"\x89PNG\r\n\x1a\n\x00\xff",
        "empty.csv": b"",
    }.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ValueError, match=name):
            read(tmp_path / name)


def test_a_list_saved_by_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "keep.csv"
    path.write_bytes("\ufeffpath,keep\r\n b/ä.png,0\r\n".encode())
    assert read_keep_list(path) == {" b/ä.png": False}


def test_a_list_that_leaves_one_identity_is_refused(data, tmp_path):
    names = relative_paths(data)
    rows = [
        f"{n},{int(c == 0)}" for n, c in zip(names, data.labels, strict=True)
    ]
    with pytest.raises(ValueError, match="at least two"):
        keep_listed(data, listed(tmp_path, *rows))


def test_pictures_in_memory_have_no_paths(tmp_path):
    data = glyphs.load("train", identities=2, pictures_per_identity=1)
    with pytest.raises(ValueError, match="from_directory"):
        keep_listed(data, listed(tmp_path, "a,1"))
