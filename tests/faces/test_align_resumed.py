"""Aligning a folder again, and what goes wrong on the way to the disk."""

import errno
import os

import numpy as np
import pytest
from PIL import Image

from keras_arcface.cli.main import main
from keras_arcface.data import read_image
from keras_arcface.faces import folder as folder_module
from keras_arcface.faces.folder import align_folder
from keras_arcface.faces.options import AlignOptions

pytestmark = pytest.mark.usefixtures("detector")


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def later(path, seconds=10):
    """Lets a file be changed some seconds after its last change."""
    now = os.stat(path).st_mtime_ns + seconds * 10**9
    os.utime(path, ns=(now, now))


def statuses(report):
    return {o.path: o.status for o in report.outcomes}


@pytest.fixture
def source(tmp_path, photograph):
    for name in "ab":
        save(tmp_path / "photos" / f"{name}.png", photograph((1, 1)))
    return tmp_path / "photos"


@pytest.fixture
def looked(monkeypatch):
    """Names of the photographs that were looked at, as they are."""
    names, real = [], folder_module.crop_face

    def crop_face(path, *args, **kwargs):
        names.append(path.name)
        return real(path, *args, **kwargs)

    monkeypatch.setattr(folder_module, "crop_face", crop_face)
    return names


def test_crops_of_other_options_are_never_kept(
    source, tmp_path, looked, capsys
):
    target = tmp_path / "crops"
    arguments = ["align", str(source), str(target), "--workers", "1"]
    assert main([*arguments, "--size", "56"]) == 0
    assert main([*arguments, "--size", "112"]) == 2
    message = capsys.readouterr().err
    assert "size=56 there and 112 now" in message and "--overwrite" in message
    assert read_image(target / "a.png").shape == (56, 56, 3)
    assert len(looked) == 2
    assert main([*arguments, "--size", "112", "--overwrite"]) == 0
    assert read_image(target / "a.png").shape == (112, 112, 3)
    assert main([*arguments, "--size", "112"]) == 0
    assert len(looked) == 4


def test_pictures_of_unknown_options_are_refused(source, tmp_path, photograph):
    save(tmp_path / "crops" / "deep" / "mine.png", photograph())
    with pytest.raises(ValueError, match="no options.json"):
        align_folder(source, tmp_path / "crops")
    assert os.listdir(tmp_path / "crops") == ["deep"]


def test_options_that_gave_no_crop_bind_nobody(tmp_path, photograph):
    source, target = tmp_path / "photos", tmp_path / "crops"
    save(source / "a.png", photograph())
    align_folder(source, target, AlignOptions(min_score=0.95))
    report = align_folder(source, target, AlignOptions(min_score=0.5))
    assert statuses(report) == {"a.png": "no_face"}


def test_an_overwriting_run_that_was_stopped_mixes_nothing(
    source, tmp_path, monkeypatch
):
    target, real = tmp_path / "crops", folder_module.crop_face
    align_folder(source, target, AlignOptions(size=56))
    for name in "ab":
        later(target / f"{name}.png", -10)

    def stop(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(folder_module, "crop_face", stop)
    with pytest.raises(KeyboardInterrupt):
        align_folder(source, target, overwrite=True)
    monkeypatch.setattr(folder_module, "crop_face", real)
    align_folder(source, target)
    assert read_image(target / "b.png").shape == (112, 112, 3)


@pytest.mark.parametrize("reported", [True, False])
def test_a_photograph_that_changed_is_aligned_again(
    source, tmp_path, photograph, looked, reported
):
    target = tmp_path / "crops"
    align_folder(source, target)
    looked.clear()
    save(source / "b.png", photograph((1, 1), (7, 7)))
    later(source / "b.png")
    if not reported:
        (target / "report.csv").unlink()
    report = align_folder(source, target)
    assert looked == ["b.png"]
    assert statuses(report) == {
        "a.png": "aligned" if reported else "kept",
        "b.png": "several",
    }


def test_a_crop_is_not_kept_for_another_photograph(
    source, tmp_path, photograph
):
    target = tmp_path / "crops"
    align_folder(source, target)
    (source / "b.png").unlink()
    save(source / "b.jpg", np.full((8, 8, 3), 0, np.uint8))
    later(source / "b.jpg", -3600)
    assert statuses(align_folder(source, target))["b.jpg"] == "no_face"


def test_overwriting_leaves_no_stale_crop(source, tmp_path, photograph):
    target = tmp_path / "crops"
    align_folder(source, target)
    save(source / "b.png", photograph())
    report = align_folder(source, target, overwrite=True)
    assert statuses(report)["b.png"] == "no_face"
    assert not (target / "b.png").exists()


def test_files_that_no_photograph_accounts_for_are_named(source, tmp_path):
    target = tmp_path / "crops"
    align_folder(source, target)
    (target / "deep").mkdir()
    (target / "deep" / "notes.txt").touch()
    (source / "a.png").unlink()
    for _ in range(2):
        report = align_folder(source, target)
        found = [outcome.crop for outcome in report.of("unclaimed")]
        assert found == ["a.png", "deep/notes.txt"]
    assert "no photograph accounts for\n           a.png" in report.summary()
    assert (target / "a.png").exists()
    assert "unclaimed" in (target / "report.csv").read_text("utf-8")


def test_a_crop_that_cannot_be_written_stops_nothing(
    source, tmp_path, photograph
):
    target = tmp_path / "crops"
    for ending in ("png", "webp"):
        save(source / f"{'x' * 250}.{ending}", photograph((1, 1)))
        save(source / f"{'y' * 250}.{ending}", photograph())
    (target / "b.png").mkdir(parents=True)
    for _ in range(2):
        report = align_folder(source, target)
        of = statuses(report)
        assert of["a.png"] == "aligned" and of["b.png"] == "unwritable"
        assert len(report.of("unwritable")) == 3
        assert len(report.of("no_face")) == 2
        assert all(outcome.message for outcome in report.of("unwritable"))


@pytest.mark.parametrize("code", ["ENOSPC", "EROFS"])
def test_a_disk_that_takes_nothing_more_stops_all(
    source, tmp_path, monkeypatch, code
):
    real = folder_module.atomic_path

    def full(path):
        if path.suffix == ".png":
            raise OSError(getattr(errno, code), "no more", str(path))
        return real(path)

    monkeypatch.setattr(folder_module, "atomic_path", full)
    with pytest.raises(OSError, match="no more"):
        align_folder(source, tmp_path / "crops")


def test_what_a_killed_run_left_is_removed(source, tmp_path, photograph):
    target = tmp_path / "crops"
    save(source / "deep" / "c.png", photograph((1, 1)))
    align_folder(source, target)
    for room in (target / ".writing-abc12345", target / "deep/.writing-x_8"):
        room.mkdir()
        (room / "half.png").touch()
    (target / "deep" / ".mine").mkdir()
    align_folder(source, target)
    assert sorted(os.listdir(target / "deep")) == [".mine", "c.png"]
    assert not list(target.rglob(".writing-*"))
