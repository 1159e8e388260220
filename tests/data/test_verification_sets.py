"""Lists of pairs and templates, and the one door to all of them."""

import io

import drawing
import numpy as np
import pytest
from PIL import Image

from keras_arcface.data import open_pairs
from keras_arcface.data import read_ijb
from keras_arcface.data import read_lfw_pairs
from keras_arcface.data import write_bin
from keras_arcface.data.integer_columns import read_integer_columns

SIZE = (32, 32)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawing.identities_folder(tmp_path_factory.mktemp("faces"), 4, 3)


def write(folder, *lines, name="pairs.txt"):
    path = folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def same(person, first, second):
    return f"person_{person:02d}\t{first}\t{second}"


def other(first, second):
    return f"person_{first:02d}\t0\tperson_{second:02d}\t1"


LINES = ["2\t1", same(0, 0, 1), other(0, 1), same(2, 0, 1), other(2, 3)]


def test_lfw_pairs(folder, tmp_path):
    pairs = read_lfw_pairs(write(tmp_path, *LINES), folder)
    assert pairs.is_same.tolist() == [True, False, True, False]
    assert pairs.fold.tolist() == [0, 0, 1, 1]
    names = [path.rsplit("/")[-1] for path in pairs.paths]
    assert names[pairs.left[1]] == "person_00_0000.png"
    assert names[pairs.right[1]] == "person_01_0001.png"
    subjects = pairs.subject[pairs.left] == pairs.subject[pairs.right]
    np.testing.assert_array_equal(subjects, pairs.is_same)


def test_lfw_view_1_gets_folds(folder, tmp_path):
    lines = ["2", same(0, 0, 1), same(1, 0, 1), other(0, 1), other(2, 3)]
    pairs = read_lfw_pairs(write(tmp_path, *lines), folder)
    assert pairs.is_same.tolist() == [True, True, False, False]
    assert pairs.fold.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("line", "text", "error", "message"),
    [
        (0, "fold,left", ValueError, "line 1: expected the number of folds"),
        (0, "0 3", ValueError, "line 1: expected the number of folds"),
        (0, "3 1", ValueError, "announces 3 x .1 . 1. = 6 pairs, and 4"),
        (1, other(0, 1), ValueError, "line 2: expected 'Name 1 4'"),
        (2, same(0, 0, 1), ValueError, "line 3: expected 'Name 1 Other 2'"),
        (2, other(1, 1), ValueError, "line 3: .*no pair of two people"),
        (3, same(2, 0, "x"), ValueError, "line 4"),
        (4, other(2, 9), FileNotFoundError, "line 5: no picture 'person_09"),
    ],
)
def test_wrong_lfw_lines(folder, tmp_path, line, text, error, message):
    lines = list(LINES)
    lines[line] = text
    with pytest.raises(error, match=message):
        read_lfw_pairs(write(tmp_path, *lines), folder)


def encoded(pictures):
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(picture).save(file, "PNG")
        yield file.getvalue()


@pytest.fixture
def sets(folder, tmp_path):
    """The same four pairs, as each kind of file."""
    text = write(tmp_path, *LINES)
    pairs = read_lfw_pairs(text, folder)
    rows = ["fold,left,right,is_same"]
    pictures = []
    for k in range(len(pairs)):
        files = [pairs.paths[side[k]] for side in (pairs.left, pairs.right)]
        pictures += files
        rows.append(f"{k // 2},{files[0]},{files[1]},{int(pairs.is_same[k])}")
    csv = write(tmp_path, *rows, name="pairs.csv")
    write_bin(tmp_path / "pairs.bin", pictures, pairs.is_same)
    return {".txt": text, ".csv": csv, ".bin": tmp_path / "pairs.bin"}


@pytest.mark.parametrize("renamed", [False, True])
def test_every_kind_gives_the_same_pictures_and_pairs(sets, folder, renamed):
    seen = []
    for kind, path in sets.items():
        if renamed:  # Then the content decides.
            path = path.rename(path.with_suffix(kind + "_set"))
        images = None if kind == ".bin" else folder
        opened = open_pairs(path, images, SIZE)
        pictures = opened.data.images()
        assert len(opened) == 4 and path.name in opened.describe()
        assert len(pictures) == len(np.unique(pictures, axis=0)) == 6
        seen.append(pictures[[opened.pairs.left, opened.pairs.right]])
    np.testing.assert_array_equal(seen[0], seen[1])
    np.testing.assert_array_equal(seen[0], seen[2])


def test_images_go_with_names_alone(sets, folder, tmp_path):
    with pytest.raises(ValueError, match="Leave out images"):
        open_pairs(sets[".bin"], folder)
    with pytest.raises(ValueError, match="only names its pictures"):
        open_pairs(sets[".csv"])
    with pytest.raises(IsADirectoryError, match="Give a file of pairs"):
        open_pairs(tmp_path)
    for name in ("gone", "gone.bin", "gone.txt"):
        with pytest.raises(FileNotFoundError, match=name):
            open_pairs(tmp_path / name, None if "bin" in name else folder)


def test_a_broken_picture_of_a_bin_is_named(tmp_path):
    path = tmp_path / "pairs.bin"
    whole = next(encoded([drawing.picture(0, 0)]))
    write_bin(path, [whole, b"none"], [True])
    with pytest.raises(ValueError, match=r"pair 0 \(from 0\), right picture"):
        open_pairs(path, image_size=SIZE).data.images()


POINTS = " ".join(["1.5"] * 10) + " 0.9"


@pytest.fixture
def ijb(tmp_path):
    meta = tmp_path / "meta"
    meta.mkdir()
    write(
        meta,
        "1.jpg 1 7",
        "2.jpg 1 8",
        "3.jpg 5 9",
        name="ijbb_face_tid_mid.txt",
    )
    write(meta, "1 5 0", "1 1 1", name="ijbb_template_pair_label.txt")
    lines = [f"{n}.jpg {POINTS}" for n in (1, 2, 3)]
    write(meta, *lines, name="ijbb_name_5pts_score.txt")
    return tmp_path


def test_ijb(ijb):
    templates = read_ijb(ijb)
    assert templates.names == ["1.jpg", "2.jpg", "3.jpg"]
    assert templates.template.tolist() == [1, 1, 5]
    assert templates.media.tolist() == [7, 8, 9]
    assert templates.landmarks.shape == (3, 5, 2)
    assert templates.score == pytest.approx([0.9] * 3)
    assert templates.left.tolist() == [1, 1]
    assert templates.right.tolist() == [5, 1]
    assert templates.is_same.tolist() == [False, True]
    assert templates.describe().startswith("3 pictures in 2 templates, 2 pairs")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("template_pair_label", "1 5", "line 1: expected 3 integers"),
        ("template_pair_label", "1 5 0\n1 x 1", "line 2: expected 3 integers"),
        ("template_pair_label", "1 5 0\n1 -1 1", "line 2: expected 3"),
        ("template_pair_label", "1 5.5 0", "line 1: expected 3 integers"),
        ("template_pair_label", "1 5 2", "the label must be 1 or 0"),
        ("template_pair_label", "1 6 0", "right template 6 of pair 0"),
        ("template_pair_label", "1 9999999999 0", "line 1: expected 3"),
        ("face_tid_mid", "1.jpg 1", "line 1: expected a name and 2 numbers"),
        ("face_tid_mid", "1.jpg 1 7\n3.jpg 5 9", "differ from line 2 on"),
        ("name_5pts_score", "1.jpg 1 2", "line 1: expected a name and 11"),
        ("name_5pts_score", "1.jpg" + " nan" * 11, "line 1: a number is"),
    ],
)
def test_wrong_ijb_lists(ijb, name, text, message):
    write(ijb / "meta", text, name=f"ijbb_{name}.txt")
    with pytest.raises(ValueError, match=message):
        read_ijb(ijb)


def test_a_missing_ijb_list_is_named(ijb):
    (ijb / "meta" / "ijbb_face_tid_mid.txt").unlink()
    with pytest.raises(FileNotFoundError, match="face_tid_mid"):
        read_ijb(ijb)


def test_integers_are_read_over_several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr("keras_arcface.data.integer_columns._LINES", 7)
    numbers = np.random.default_rng(0).integers(0, 2**31, (50, 3))
    lines = [" ".join(map(str, row)) for row in numbers]
    lines[20:20] = [""]
    columns = read_integer_columns(write(tmp_path, *lines), 3)
    np.testing.assert_array_equal(np.stack(columns, 1), numbers)
    lines[30] += " 4"
    with pytest.raises(ValueError, match="line 31: expected 3"):
        read_integer_columns(write(tmp_path, *lines), 3)
