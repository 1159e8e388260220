"""CSV lists of pictures: what is read, what is refused, with the line."""

import drawing
import numpy as np
import pytest

from keras_arcface.data import from_csv
from keras_arcface.data import from_directory

SIZE = (32, 32)


@pytest.fixture
def folder(tmp_path):
    return drawing.identities_folder(tmp_path / "faces", 3, 2)


def listed(folder, *rows, header="path,identity"):
    path = folder / "list.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


def rows_of(folder, names):
    files = sorted(folder.rglob("*.png"))
    lines = [file.relative_to(folder).as_posix() for file in files]
    return [f"{line},{name}" for line, name in zip(lines, names, strict=True)]


def test_samples_follow_the_lines_and_classes_their_names(folder):
    rows = rows_of(folder, ["Łukasz", "Łukasz", "ada", "ada", "李", "李"])
    data = from_csv(listed(folder, *rows[::-1]), image_size=SIZE)
    assert data.class_names == ["ada", "Łukasz", "李"]
    assert data.labels.tolist() == [2, 2, 0, 0, 1, 1]
    expected = from_directory(folder, SIZE)
    assert list(data.samples) == list(expected.samples)[::-1]
    np.testing.assert_array_equal(data.images(), expected.images()[::-1])


def test_numbers_may_have_thousands_of_digits(folder):
    long = "1" * 5000
    names = [long, long, "9", "9", "0", "0"]
    data = from_csv(listed(folder, *rows_of(folder, names)), image_size=SIZE)
    assert data.class_names == ["0", "9", long]
    names[-2:] = ["00", "00"]  # No number: two of them could be one.
    data = from_csv(listed(folder, *rows_of(folder, names)), image_size=SIZE)
    assert data.class_names == ["00", long, "9"]


def test_numbers_are_in_numeric_order(folder):
    rows = rows_of(folder, [10, 9, 2, 10, 9, 2])
    data = from_csv(listed(folder, *rows), image_size=SIZE)
    assert data.class_names == ["2", "9", "10"]
    assert data.labels.tolist() == [2, 1, 0, 2, 1, 0]


def test_pictures_elsewhere(folder, tmp_path):
    rows = [f"{row},x" for row in rows_of(folder, "aabbcc")]
    path = listed(tmp_path, *rows, header="path,identity,notes")
    data = from_csv(path, folder, SIZE)
    assert len(data) == 6 and data.root == str(folder)
    with pytest.raises(FileNotFoundError, match="No such picture: .*person_00"):
        from_csv(path, image_size=SIZE)
    with pytest.raises(FileNotFoundError, match="No such folder.*gone"):
        from_csv(path, tmp_path / "gone", SIZE)
    unchecked = from_csv(path, image_size=SIZE, check=False)
    with pytest.raises(FileNotFoundError, match="No such picture: .*person_00"):
        unchecked.images()


@pytest.mark.parametrize(
    "rows, message",
    [
        ([], "lists no picture"),
        ([",ada"], "line 2: path or identity is empty"),
        (["a.png,ada", "b.png,"], "line 3: path or identity is empty"),
        (["a.png"], "line 2: expected 2 values"),
        (["a.png,x", "b.png,y", "a.png,y"], "picture 3 .*a.png, is picture 1"),
    ],
)
def test_wrong_lists_are_named(folder, rows, message):
    with pytest.raises(ValueError, match=message):
        from_csv(listed(folder, *rows), image_size=SIZE, check=False)


def test_other_sizes_and_other_columns(folder):
    path = listed(folder, *rows_of(folder, "aabbcc"))
    with pytest.raises(ValueError, match="is 32x32.*expected 112x112"):
        from_csv(path)
    assert from_csv(path, resize=True).images().shape == (6, 112, 112, 3)
    path = listed(folder, header="file,label")
    with pytest.raises(ValueError, match="Missing: path, identity"):
        from_csv(path)
