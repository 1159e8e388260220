"""The file of a gallery: whole, and one writer's at a time."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from saved_gallery import MODEL
from saved_gallery import make
from saved_gallery import state

from keras_arcface import Gallery
from keras_arcface.gallery import ModelFingerprint
from keras_arcface.gallery import archive
from keras_arcface.gallery.lock import sole_writer

WRITERS = Path(__file__).with_name("gallery_writers.py")


def test_what_was_saved_is_loaded_bit_for_bit(file):
    loaded, gallery = Gallery.load(file), make()
    assert state(loaded) == state(gallery)
    probes = np.random.default_rng(5).normal(size=(9, 4))
    assert loaded.identify(probes, 3) == gallery.identify(probes, 3)
    again = file.with_name("again")
    loaded.save(again)
    assert again.read_bytes() == file.read_bytes()
    assert sorted(p.name for p in file.parent.iterdir()) == [
        "again",
        "people.gallery",
    ]


def test_numpy_reads_it_without_pickles(file):
    with np.load(file, allow_pickle=False) as data:
        templates = data["templates"]
        assert templates.dtype == np.float32 and templates.shape == (5, 4)
        np.testing.assert_array_equal(data["pictures"], [3, 1, 1, 1, 1])


@pytest.mark.parametrize(
    "gallery", [Gallery(), Gallery(7), Gallery(7, model="x")]
)
def test_an_empty_gallery_is_one(gallery, tmp_path):
    gallery.save(tmp_path / "g")
    loaded = Gallery.load(tmp_path / "g")
    assert (len(loaded), loaded.dim, loaded.model) == (
        0,
        gallery.dim,
        gallery.model,
    )
    loaded.enroll("a", np.ones(gallery.dim or 3))
    loaded.save(tmp_path / "g")
    assert list(Gallery.load(tmp_path / "g")) == ["a"]


def test_a_loaded_gallery_grows_and_shrinks(file):
    gallery = Gallery.load(file, engine="exact")
    gallery.enroll("new", np.ones(4))
    gallery.remove("n0")
    gallery.save(file)
    loaded = Gallery.load(file)
    assert state(loaded) == state(gallery) and "n0" not in loaded


# === Writers ===


def test_a_file_that_is_no_gallery_is_not_written_over(tmp_path):
    other = tmp_path / "thesis.txt"
    other.write_text("years of work")
    np.savez(tmp_path / "other.npz", a=np.eye(2))
    for path in (other, tmp_path / "other.npz"):
        before = path.read_bytes()
        with pytest.raises(ValueError, match="exists and is no gallery"):
            make().save(path)
        assert path.read_bytes() == before


def test_a_link_stays_a_link_and_permissions_stay(file):
    os.chmod(file, 0o640)
    link = file.with_name("link")
    link.symlink_to(file.name)
    with Gallery.writing(link) as gallery:
        gallery.enroll("new", np.ones(4))
    assert link.is_symlink() and "new" in Gallery.load(file)
    assert stat.S_IMODE(file.stat().st_mode) == 0o640


def test_saving_does_not_undo_what_others_saved(file):
    mine, other = Gallery.load(file), Gallery.load(file)
    other.enroll("theirs", np.ones(4))
    other.save(file)
    mine.enroll("mine", np.ones(4))
    with pytest.raises(ValueError, match="changed since it was loaded"):
        mine.save(file)
    assert "theirs" in Gallery.load(file)
    other.save(file)  # Its own save is no change of others.
    mine.save(file.with_name("elsewhere"))
    file.unlink()
    with pytest.raises(ValueError, match="changed since it was loaded"):
        mine.save(file)


def test_an_error_while_writing_saves_nothing(file):
    before = file.read_bytes()
    with pytest.raises(ValueError, match="enrolled already"):
        with Gallery.writing(file) as gallery:
            gallery.enroll("new", np.ones(4))
            gallery.enroll("n0", np.ones(4))
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_who_waits_in_vain_is_told(file):
    with (
        sole_writer(file),
        pytest.raises(TimeoutError, match="Another process"),
    ):
        with Gallery.writing(file, timeout=0):
            raise AssertionError("It came in.")
    with Gallery.writing(file, timeout=0) as gallery:
        gallery.enroll("new", np.ones(4))


def test_a_lock_that_a_killed_writer_left_is_none(file):
    file.with_name(f".{file.name}.lock").touch()
    make().save(file)
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_a_file_system_without_locks_is_said(file, monkeypatch):
    def flock(*arguments):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("fcntl.flock", flock)
    with pytest.warns(UserWarning, match="has no locks"):
        make().save(file)
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_only_what_this_file_left_is_removed(file):
    left, other = (file.with_name(f".writing-{n}") for n in "ab")
    for room, name in ((left, file.name), (other, "model.keras")):
        room.mkdir()
        (room / name).write_text("half")
    make().save(file)
    assert not left.exists() and (other / "model.keras").exists()


def run(*arguments):
    return subprocess.Popen(
        [sys.executable, WRITERS, *map(str, arguments)],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_kill_anywhere_leaves_the_old_or_the_new_gallery(tmp_path):
    process = run("kill", tmp_path)
    printed, _ = process.communicate()
    assert process.returncode == 0
    outcomes = [json.loads(line) for line in printed.splitlines()]
    assert len(outcomes) > 8 and {after for _, after, _, _ in outcomes} == {
        3,
        4,
    }
    for _, after, whole, names in outcomes:
        assert after in (3, 4) and whole == after + 1
        left = [name for name in names if name != "people.gallery"]
        # A room that was empty when its maker was killed says not whose it is.
        assert len(left) <= 1 and all(".writing-" in name for name in left)
    assert not outcomes[-1][0] and outcomes[-1][1] == 4


def test_writers_at_the_same_time_lose_nobody(tmp_path):
    path = tmp_path / "people.gallery"
    writers = [run("enroll", path, who, 25) for who in "abc"]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    for writer in writers:
        writer.stdout.close()
    expected = {f"{who} {number}" for who in "abc" for number in range(25)}
    assert set(Gallery.load(path)) == expected
    assert [p.name for p in tmp_path.iterdir()] == ["people.gallery"]


def test_a_full_disk_leaves_the_old_gallery(file, monkeypatch):
    before = file.read_bytes()

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(archive, "_write", full)
    with pytest.raises(OSError, match="No space left"):
        make().save(file)
    assert file.read_bytes() == before
    assert [p.name for p in file.parent.iterdir()] == [file.name]


# === Models ===


def test_another_model_is_refused(file):
    assert Gallery.load(file, model=MODEL).model == MODEL
    renamed = ModelFingerprint(MODEL.digest, True, "another name")
    assert Gallery.load(file, model=renamed).model.name == "some_model"
    other = ModelFingerprint("cd" * 32, True, "other_model")
    with pytest.raises(ValueError, match="some_model.*other_model.*two models"):
        Gallery.load(file, model=other)
    with pytest.raises(ValueError, match="with flip"):
        Gallery.load(file, model=ModelFingerprint(MODEL.digest, False))
    before = file.read_bytes()
    with pytest.raises(ValueError, match="two models"):
        with Gallery.writing(file, model="foreign"):
            raise AssertionError("It was opened.")
    assert file.read_bytes() == before
