import json
import os
from pathlib import Path

import pytest

from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import check_output_file
from keras_arcface.utils.files import check_output_folder
from keras_arcface.utils.files import remove_unfinished
from keras_arcface.utils.files import sha256
from keras_arcface.utils.files import write_json


def make_folder(path, text="old"):
    path.mkdir()
    (path / "a.txt").write_text(text)
    return path


def test_a_file_and_a_folder_are_replaced_whole(tmp_path):
    with atomic_path(tmp_path / "deep" / "a.txt") as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
    assert (tmp_path / "deep" / "a.txt").read_text() == "new"
    folder = make_folder(tmp_path / "folder")
    with atomic_path(folder) as temporary:
        make_folder(temporary, "new")
    assert (folder / "a.txt").read_text() == "new"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["deep", "folder"]


@pytest.mark.skipif(
    not Path("/proc/self/fd").exists(), reason="needs Linux to name descriptors"
)
def test_what_is_durable_is_on_the_disk_before_it_has_its_name(
    tmp_path, monkeypatch
):
    flushed = []

    def fsync(descriptor):
        named = (tmp_path / "folder").exists()
        flushed.append((os.readlink(f"/proc/self/fd/{descriptor}"), named))

    monkeypatch.setattr(os, "fsync", fsync)
    with atomic_path(tmp_path / "folder", durable=True) as temporary:
        make_folder(temporary)
    assert flushed == [
        (str(temporary), False),
        (str(temporary / "a.txt"), False),
        (str(tmp_path), True),
    ]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
def test_after_an_error_all_is_as_before(tmp_path, error):
    folder = make_folder(tmp_path / "folder")
    with pytest.raises(error), atomic_path(folder) as temporary:
        make_folder(temporary, "new")
        raise error
    assert (folder / "a.txt").read_text() == "old"
    assert list(tmp_path.iterdir()) == [folder]


def test_a_body_that_wrote_nothing_destroys_nothing(tmp_path):
    folder = make_folder(tmp_path / "folder")
    with pytest.raises(FileNotFoundError), atomic_path(folder):
        pass
    assert (folder / "a.txt").read_text() == "old"


def test_what_a_kill_left_aside_comes_back(tmp_path):
    room = tmp_path / ".writing-abc"
    room.mkdir()
    make_folder(room / "folder.old")
    make_folder(room / "folder", "half")
    remove_unfinished(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]
    assert (tmp_path / "folder" / "a.txt").read_text() == "old"


def test_json_is_json(tmp_path):
    write_json(tmp_path / "a.json", {"a": [1, None]})
    assert json.loads((tmp_path / "a.json").read_text()) == {"a": [1, None]}
    with pytest.raises(ValueError):
        write_json(tmp_path / "b.json", float("nan"))
    assert not (tmp_path / "b.json").exists()


def test_sha256_is_the_known_one(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_an_output_that_cannot_be_a_folder_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert check_output_folder(tmp_path / "new" / "deep").name == "deep"
    for path in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(ValueError, match="is a file"):
            check_output_folder(path)


def test_a_folder_is_never_swapped_for_a_file_nor_a_file_for_one(tmp_path):
    folder = make_folder(tmp_path / "folder")
    with pytest.raises(IsADirectoryError, match="folder is a folder"):
        with atomic_path(folder) as temporary:
            temporary.write_text("new")
    assert (folder / "a.txt").read_text() == "old"
    file = folder / "a.txt"
    with pytest.raises(NotADirectoryError, match="a.txt is a file"):
        with atomic_path(file) as temporary:
            make_folder(temporary)
    assert file.read_text() == "old"
    assert [path.name for path in folder.iterdir()] == ["a.txt"]


def test_a_link_to_a_folder_is_a_folder(tmp_path):
    folder = make_folder(tmp_path / "folder")
    (tmp_path / "link").symlink_to(folder)
    with pytest.raises(IsADirectoryError), atomic_path(tmp_path / "link") as t:
        t.write_text("new")
    with atomic_path(tmp_path / "link") as temporary:
        make_folder(temporary, "new")
    assert (tmp_path / "link" / "a.txt").read_text() == "new"
    assert (folder / "a.txt").read_text() == "old"


@pytest.mark.parametrize("method", ["rename", "replace"])
def test_an_interrupt_behind_a_rename_loses_no_folder(
    tmp_path, monkeypatch, method
):
    folder = make_folder(tmp_path / "folder")
    move = getattr(Path, method)

    def interrupted(self, target):
        monkeypatch.undo()
        move(self, target)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        with atomic_path(folder) as temporary:
            make_folder(temporary, "new")
            monkeypatch.setattr(Path, method, interrupted)
    expected = {"rename": "old", "replace": "new"}[method]
    assert (folder / "a.txt").read_text() == expected
    assert list(tmp_path.iterdir()) == [folder]


def test_an_output_file_is_checked_before_work(tmp_path):
    (tmp_path / "d.npz").mkdir()
    assert check_output_file(tmp_path / "new" / "a.npz", ".npz")
    with pytest.raises(IsADirectoryError, match="d.npz is a folder"):
        check_output_file(tmp_path / "d.npz", ".npz")
    with pytest.raises(ValueError, match="must end in .npz"):
        check_output_file(tmp_path / "a.txt", ".npz")
