import csv
import os

import hostile
import numpy as np
import pytest
from PIL import Image

from keras_arcface.cli.main import main
from keras_arcface.data import read_image
from keras_arcface.faces import TEMPLATE
from keras_arcface.faces import Face
from keras_arcface.faces import folder as folder_module
from keras_arcface.faces.folder import align_folder
from keras_arcface.faces.folder import crop_names
from keras_arcface.faces.options import AlignOptions

pytestmark = pytest.mark.usefixtures("detector")


def save(path, image):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def statuses(report):
    return {o.path: o.status for o in report.outcomes}


def test_sub_folders_are_kept_and_every_file_is_named(tmp_path, photograph):
    source, target = tmp_path / "photos", tmp_path / "crops"
    save(source / "Ada" / "one.png", photograph((20, 10)))
    save(source / "Ada" / "deep" / "two.png", photograph((0, 0), (9, 9)))
    save(source / "Alan" / "none.png", photograph())
    (source / "Alan" / "notes.txt").write_text("x")
    (source / ".hidden.png").touch()
    report = align_folder(source, target)
    assert statuses(report) == {
        "Ada/one.png": "aligned",
        "Ada/deep/two.png": "several",
        "Alan/none.png": "no_face",
        "Alan/notes.txt": "not_a_picture",
    }
    crop = read_image(target / "Ada" / "one.png")
    assert crop.shape == (112, 112, 3) and (crop[0, 0] == 255).all()
    summary = report.summary()
    assert "Alan/none.png" in summary and "Ada/deep/two.png" in summary
    with open(target / "report.csv", newline="", encoding="utf-8") as file:
        rows = {row["path"]: row for row in csv.DictReader(file)}
    assert rows["Ada/deep/two.png"]["faces"] == "2"
    assert rows["Ada/one.png"]["left"] == "20.0"


def test_hostile_files_are_named_and_stop_nothing(tmp_path, photograph):
    source = tmp_path / "photos"
    source.mkdir()
    rgb = photograph((3, 4), width=120)
    # JPEG smears a pixel; one that fills its block it keeps.
    rgb[0:8, 0:8] = 255
    broken = hostile.broken_files(source, rgb)
    odd = hostile.odd_pictures(source, rgb)
    names = hostile.odd_names(source, rgb)
    hostile.odd_entries(source)
    report = align_folder(source, tmp_path / "crops")
    of = statuses(report)
    assert {p for p, s in of.items() if s == "unreadable"} == broken
    assert {of[name] for name in odd} == {"several"}
    assert sum(s == "several" for s in of.values()) == len(odd) + len(names)
    assert of["loop"] == "folder_again"
    assert of["gone.jpg"] == of["pipe.jpg"] == "special"
    by_path = {o.path: o for o in report.outcomes}
    assert "bomb" in by_path["bomb.png"].message.split("Image size")[1]
    assert r"\x1b[31mred.png" in of and "\x1b" not in report.summary()
    report.summary().encode("utf-8")


def test_the_exif_orientation_is_applied(tmp_path, photograph):
    source = tmp_path / "photos"
    source.mkdir()
    rgb = photograph(width=128, height=112)
    rgb[0:8, 120:128] = 255  # Upper right, once it is upright.
    hostile.odd_pictures(source, rgb)
    report = align_folder(source, tmp_path / "crops")
    outcome = {o.path: o for o in report.outcomes}["turned.jpg"]
    assert float(outcome.left) >= 120 and float(outcome.top) < 8


def test_a_stopped_run_goes_on(tmp_path, photograph, monkeypatch):
    source, target = tmp_path / "photos", tmp_path / "crops"
    for name in "abc":
        save(source / f"{name}.png", photograph((1, 1), (2, 2)))
    real, looked = folder_module.crop_face, []

    def stop_at_b(path, *args, **kwargs):
        looked.append(path.name)
        if path.name == "b.png":
            raise KeyboardInterrupt
        return real(path, *args, **kwargs)

    monkeypatch.setattr(folder_module, "crop_face", stop_at_b)
    assert main(["align", str(source), str(target), "--workers", "1"]) == 130
    left = sorted(path.name for path in target.iterdir())
    assert left == ["a.png", "options.json", "report.csv"]
    monkeypatch.setattr(folder_module, "crop_face", real)
    (target / "a.png").write_bytes(b"mine")
    report = align_folder(source, target)
    # What was found before is still said; the crop itself is left alone.
    assert set(statuses(report).values()) == {"several"}
    assert (target / "a.png").read_bytes() == b"mine"
    (target / "report.csv").unlink()
    assert set(statuses(align_folder(source, target)).values()) == {"kept"}
    align_folder(source, target, overwrite=True)
    assert read_image(target / "a.png").shape == (112, 112, 3)


def test_the_central_face_can_be_chosen(tmp_path, photograph):
    source = tmp_path / "photos"
    save(source / "a.png", photograph((0, 0), (30, 12)))
    for face, left in (("largest", "0.0"), ("central", "30.0")):
        options = AlignOptions(face=face, size=56, format="jpg")
        report = align_folder(source, tmp_path / face, options)
        assert report.outcomes[0].left == left
        assert read_image(tmp_path / face / "a.jpg").shape == (56, 56, 3)


def test_landmarks_that_cannot_be_aligned_are_named(
    tmp_path, photograph, monkeypatch
):
    def mirrored(image, **options):
        return [Face(np.array([0, 0, 9, 9.0]), TEMPLATE * [-1, 1], 0.9)]

    monkeypatch.setattr("keras_arcface.faces.photographs.detect", mirrored)
    save(tmp_path / "photos" / "a.png", photograph())
    report = align_folder(tmp_path / "photos", tmp_path / "crops")
    assert report.outcomes[0].status == "bad_landmarks"
    assert "left and right" in report.outcomes[0].message


def test_crops_never_replace_each_other():
    names = ["a.jpg", "a.png", "A.PNG", "b.jpg", "a.jpg.png", "d.jpg"]
    names.append("d.png/x.jpg")
    crops = crop_names(names, "png")
    assert len({name.lower() for name in crops.values()}) == len(names)
    assert crops["b.jpg"] == "b.png"
    assert crops["d.jpg"] != "d.png"


@pytest.mark.parametrize("target", ["photos", "photos/crops", ".", "link"])
def test_the_source_is_never_written_to(tmp_path, target, photograph, capsys):
    source = tmp_path / "photos"
    save(source / "a.png", photograph((0, 0)))
    (tmp_path / "link").symlink_to(source, target_is_directory=True)
    before = os.listdir(source)
    assert main(["align", str(source), str(tmp_path / target)]) == 2
    assert "must not lie in each other" in capsys.readouterr().err
    assert os.listdir(source) == before


def test_no_crop_at_all_is_an_error(tmp_path, photograph, capsys):
    save(tmp_path / "photos" / "a.png", photograph())
    arguments = ["align", str(tmp_path / "photos"), str(tmp_path / "crops")]
    assert main([*arguments, "--workers", "1"]) == 2
    captured = capsys.readouterr()
    assert "a.png" in captured.out and "Not one crop" in captured.err


@pytest.mark.parametrize(
    "option, value, message",
    [
        ("--size", "0", "size"),
        ("--pad", "-1", "pad"),
        ("--workers", "0", "workers"),
    ],
)
def test_wrong_options_are_refused(
    tmp_path, photograph, option, value, message, capsys
):
    save(tmp_path / "photos" / "a.png", photograph())
    arguments = ["align", str(tmp_path / "photos"), str(tmp_path / "crops")]
    assert main([*arguments, option, value]) == 2
    assert message in capsys.readouterr().err
