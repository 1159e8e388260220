"""keras-arcface enroll and identify."""

import csv
import io
import json
import shutil

import drawing
import keras
import numpy as np
import pytest
from calling import call
from calling import error_of
from PIL import Image

from keras_arcface import Gallery
from keras_arcface import SmallNet


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """Gives the coarse pattern of a picture, by which drawings differ."""
    network = keras.Sequential(
        [
            keras.Input((32, 32, 3)),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
            keras.layers.AveragePooling2D(8),
            keras.layers.Flatten(),
        ]
    )
    path = tmp_path_factory.mktemp("model") / "pattern.keras"
    network.save(path)
    return path


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Pictures of person_00 ... 05 to enroll, and of 24 people to try."""
    root = tmp_path_factory.mktemp("data")
    drawing.identities_folder(root / "people", 6, 3)
    for identity in range(24):
        folder = root / "probes" / f"person_{identity:02d}"
        folder.mkdir(parents=True)
        for number in (7, 8):
            picture = drawing.picture(identity, number)
            Image.fromarray(picture).save(folder / f"{number}.png")
    return root / "people", root / "probes"


@pytest.fixture
def enrolled(model, folders, tmp_path, capsys):
    path = tmp_path / "people.gallery"
    assert call("enroll", path, folders[0], "--model", model) == 0
    capsys.readouterr()
    return path


@pytest.fixture
def calibrated(enrolled, folders, capsys):
    probes = folders[1]
    options = ("--calibrate", probes, "--fpir", 0.1)
    assert call("enroll", enrolled, *options) == 0
    capsys.readouterr()
    return enrolled


def test_folders_of_people_are_enrolled(model, folders, tmp_path, capsys):
    path = tmp_path / "new" / "people.gallery"
    assert call("enroll", path, folders[0], "--model", model, "--flip") == 0
    printed = capsys.readouterr().out
    assert "Enrolled 6 people, from 18 pictures" in printed
    gallery = Gallery.load(path)
    assert list(gallery) == [f"person_{i:02d}" for i in range(6)]
    assert gallery.describe("person_03").pictures == 3
    assert gallery.model.flip and gallery.model.name == str(model)
    assert len(gallery.model.digest) == 64
    assert [p.name for p in path.parent.iterdir()] == ["people.gallery"]


def test_one_person_by_folder_or_by_name(model, folders, tmp_path, capsys):
    path, people = tmp_path / "g", folders[0]
    assert call("enroll", path, people / "person_01", "--model", model) == 0
    pictures = sorted((people / "person_02").iterdir())[:2]
    assert call("enroll", path, *pictures, "--name", "Ada Lovelace") == 0
    gallery = Gallery.load(path)
    assert list(gallery) == ["person_01", "Ada Lovelace"]
    assert gallery.describe("Ada Lovelace").pictures == 2
    code, line = error_of(capsys, "enroll", path, *pictures)
    assert code == 2 and "Give --name" in line


def test_identify_names_the_known_and_no_stranger(calibrated, folders, capsys):
    probes = folders[1]
    assert call("identify", calibrated, probes) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert len(lines) == 49
    for line in lines[:-1]:
        person = line.split("/")[-2]
        if person < "person_06":
            assert f": {person} " in line
    known = [line for line in lines[:-1] if "unknown" not in line]
    strangers = [x for x in known if x.split("/")[-2] > "person_05"]
    assert len(known) >= 12 and len(strangers) <= 3
    assert "FPIR 0.1, calibrated on 36 non-mated searches with 6" in lines[-1]
    assert "rule of 30" in captured.err


def test_calibrate_says_what_it_costs_and_warns(enrolled, folders, capsys):
    probes = folders[1]
    code, line = error_of(capsys, "identify", enrolled, probes)
    assert code == 2 and "no threshold" in line
    assert call("enroll", enrolled, "--calibrate", probes, "--fpir", 0.1) == 0
    captured = capsys.readouterr()
    assert "36 non-mated searches" in captured.out
    assert "FNIR 0.0000 of 12" in captured.out
    assert "warning: the threshold for FPIR 0.1 rests on 3.6" in captured.err
    strangers = sorted(probes.iterdir())[10:]
    loose = [path for folder in strangers for path in folder.iterdir()]
    options = ("--calibrate", *loose, "--fpir", 0.2)
    assert call("enroll", enrolled, *options) == 0
    rates = [each.target_fpir for each in Gallery.load(enrolled).calibrations]
    assert rates == [0.1, 0.2]
    code, line = error_of(capsys, "enroll", enrolled, "--calibrate", probes)
    assert code == 2 and "cannot calibrate FPIR 0.01" in line


def test_json_and_csv_say_the_same(calibrated, folders, capsys):
    probes = folders[1]
    arguments = ("identify", calibrated, probes, "--top", 3)
    assert call(*arguments, "--json") == 0
    value = json.loads(capsys.readouterr().out)
    assert call(*arguments, "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    gallery = Gallery.load(calibrated)
    assert value["threshold"] == gallery.calibration().threshold
    assert value["calibration"] == gallery.calibration().to_dict()
    assert value["without_face"] == [] and len(value["results"]) == 48
    assert len(rows) == 3 * 48
    for number, result in enumerate(value["results"]):
        mine = rows[3 * number : 3 * number + 3]
        assert {row["path"] for row in mine} == {result["path"]}
        assert {row["name"] for row in mine} == {result["name"] or ""}
        assert [row["rank"] for row in mine] == ["1", "2", "3"]
        names = [each["name"] for each in result["candidates"]]
        assert [row["candidate"] for row in mine] == names
        assert result["similarity"] == result["candidates"][0]["similarity"]
        known = result["similarity"] >= value["threshold"]
        assert result["name"] == (names[0] if known else None)


def test_a_threshold_of_one_s_own(enrolled, folders, capsys):
    probe = sorted(folders[1].rglob("*.png"))[0]
    for threshold, expected in ((-1, "person_00 "), (1.5, "unknown (nearest")):
        options = ("--threshold", threshold, "--top", 2)
        assert call("identify", enrolled, probe, *options) == 0
        lines = capsys.readouterr().out.splitlines()
        assert expected in lines[0] and lines[1].startswith("    2. person_")
        assert "yours" in lines[2]


def test_known_people_are_not_enrolled_twice_by_accident(
    enrolled, folders, capsys, monkeypatch
):
    people, probes = folders

    def refuse(*arguments):
        raise AssertionError("A model was loaded.")

    before = enrolled.read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr("keras_arcface.cli.galleries.load_backbone", refuse)
        code, line = error_of(capsys, "enroll", enrolled, people)
    assert code == 2 and "'person_00' and 5 others" in line and "--add" in line
    assert enrolled.read_bytes() == before
    assert call("enroll", enrolled, probes, "--add") == 0
    printed = capsys.readouterr().out
    assert "Enrolled 18 people, added to 6, from 48 pictures" in printed
    gallery = Gallery.load(enrolled)
    assert len(gallery) == 24 and gallery.describe("person_00").pictures == 5
    assert call("enroll", enrolled, probes / "person_00", "--replace") == 0
    gallery = Gallery.load(enrolled)
    assert len(gallery) == 24 and gallery.describe("person_00").pictures == 2


def test_list_and_remove(calibrated, capsys):
    assert call("enroll", calibrated, "--list") == 0
    printed = capsys.readouterr().out
    assert "6 identities of 18 pictures" in printed
    assert "pattern.keras" in printed and "FPIR 0.1" in printed
    rows = [line.split() for line in printed.splitlines()[-6:]]
    assert [row[:2] for row in rows] == [
        [f"person_{i:02d}", "3"] for i in range(6)
    ]
    assert all(0.5 < float(row[2]) <= 1 for row in rows)
    before = calibrated.read_bytes()
    names = ["person_00", "nobody"]
    code, line = error_of(capsys, "enroll", calibrated, "--remove", *names)
    assert code == 2 and "'nobody'" in line
    assert calibrated.read_bytes() == before
    names = ["person_00", "person_03", "person_00"]
    assert call("enroll", calibrated, "--remove", *names) == 0
    assert "has 4 people" in capsys.readouterr().out
    assert "person_03" not in Gallery.load(calibrated)


def test_another_model_is_refused_by_name(enrolled, folders, tmp_path, capsys):
    other = tmp_path / "other.keras"
    SmallNet(input_shape=(32, 32, 3), embedding_dim=48).save(other)
    probes, before = folders[1], enrolled.read_bytes()
    for arguments in (
        ("identify", enrolled, probes, "--threshold", 0.5),
        ("enroll", enrolled, probes, "--add"),
        ("enroll", enrolled, "--calibrate", probes, "--fpir", 0.1),
    ):
        code, line = error_of(capsys, *arguments, "--model", other)
        assert code == 2 and "pattern.keras" in line and "other.keras" in line
    code, line = error_of(
        capsys, "identify", enrolled, probes, "--threshold", 0.5, "--flip"
    )
    assert code == 2 and "without flip" in line
    assert enrolled.read_bytes() == before


def test_a_gallery_of_an_unnamed_model_is_said(
    model, folders, tmp_path, capsys
):
    gallery = Gallery()
    gallery.enroll("somebody", np.ones(48))
    gallery.save(tmp_path / "g")
    probe = folders[1] / "person_00"
    options = ("--threshold", 0.5, "--model", model)
    assert call("identify", tmp_path / "g", probe, *options) == 0
    assert "does not say which model" in capsys.readouterr().err


def test_hostile_names_are_printed_harmlessly(model, folders, tmp_path, capsys):
    source = tmp_path / "people"
    names = ["\x1b[31mred", "line\nbreak", "名前", "<b>"]
    for name in names:
        shutil.copytree(folders[0] / "person_00", source / name)
    (source / "notes.txt").write_text("not a picture")
    path = tmp_path / "g"
    assert call("enroll", path, source, "--model", model) == 0
    captured = capsys.readouterr()
    assert "1 files beside the folders" in captured.err
    assert set(Gallery.load(path)) == set(names)
    probe = source / names[0]
    assert call("enroll", path, "--list") == 0
    for form in ([], ["--json"], ["--csv"]):
        options = ("--threshold", 0.5, "--top", 4, *form)
        assert call("identify", path, probe, *options) == 0
    printed = capsys.readouterr().out
    assert "\x1b" not in printed and "line\nbreak" not in printed
    assert "\\x1b[31mred" in printed


MISTAKES = [
    (["enroll", "g"], "Say what to do"),
    (["enroll", "g", "a", "--list"], "Say what to do"),
    (["enroll", "g", "gone"], "no file or folder gone"),
    (["enroll", "g", "--list"], "g is not there"),
    (["enroll", "g", "--remove", "x"], "no gallery g"),
    (["enroll", "g", "--calibrate", "x"], "g is not there"),
    (["enroll", "g", "a", "--fpir", "0.1"], "--fpir needs --calibrate"),
    (["enroll", "g", "--list", "--add"], "need pictures"),
    (["enroll", "g", "a.png", "--name", ""], "not empty"),
    (["identify", "g", "a.png"], "g is not there"),
    (["identify", ".", "a.png"], "is a folder"),
]


@pytest.mark.parametrize("arguments, message", MISTAKES)
def test_mistakes_end_in_one_line_that_helps(
    arguments, message, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    code, line = error_of(capsys, *arguments)
    assert code == 2 and message in line
    assert list(tmp_path.iterdir()) == []


def test_more_mistakes_on_a_gallery(enrolled, folders, tmp_path, capsys):
    people, probes = folders
    known = ("identify", enrolled, probes)
    for options, message in (
        (("--threshold", "nan"), "finite"),
        (("--threshold", 0, "--top", 0), "--top must be"),
        (("--threshold", 0, "--face", "central"), "--face needs --detect"),
    ):
        code, line = error_of(capsys, *known, *options)
        assert code == 2 and message in line
    both = ("enroll", enrolled, people, people / "person_00", "--add")
    assert call(*both) == 0  # The same picture under the same name: once.
    assert Gallery.load(enrolled).describe("person_00").pictures == 6
    other = tmp_path / "thesis.txt"
    other.write_text("years of work")
    code, line = error_of(capsys, "enroll", other, people)
    assert code == 2 and "no whole gallery" in line
    assert other.read_text() == "years of work"


def test_what_cannot_work_is_said_before_the_model_is_loaded(
    enrolled, folders, capsys, monkeypatch
):
    people, probes = folders

    def refuse(*arguments):
        raise AssertionError("A model was loaded.")

    monkeypatch.setattr("keras_arcface.cli.galleries.load_backbone", refuse)
    before = enrolled.read_bytes()
    calibrate = ("enroll", enrolled, "--calibrate", probes)
    for arguments, message in (
        ((*calibrate, "--fpir", 2), "`--fpir` must be a share"),
        ((*calibrate, "--fpir", "nan"), "`--fpir` must be a share"),
        (calibrate, "36 searches for people who are not enrolled cannot"),
        (("enroll", enrolled / "g", people), "people.gallery is a file"),
        (("identify", enrolled, probes, "--threshold", "inf"), "finite"),
    ):
        code, line = error_of(capsys, *arguments)
        assert code == 2 and message in line
    assert enrolled.read_bytes() == before


def test_a_picture_of_two_people_is_refused(enrolled, tmp_path, capsys):
    source = tmp_path / "source"
    drawing.identities_folder(source / "Ada", 2, 1)
    arguments = ("enroll", enrolled, source, source / "Ada")
    code, line = error_of(capsys, *arguments)
    assert code == 2 and "picture of 'Ada' and of 'person_00'" in line


def test_a_picture_given_twice_is_one_search(enrolled, folders, capsys):
    probes = folders[1]
    options = ("--calibrate", probes, probes.parent / "." / "probes", probes)
    assert call("enroll", enrolled, *options, "--fpir", 0.1) == 0
    calibration = Gallery.load(enrolled).calibration()
    assert (calibration.trials, calibration.mated_trials) == (36, 12)
    before = enrolled.read_bytes()
    arguments = ("enroll", enrolled, "--calibrate", probes)
    arguments += (probes / "person_00", "--fpir", 0.1)
    code, line = error_of(capsys, *arguments)
    assert code == 2 and "of 'person_00' and of a stranger" in line
    assert enrolled.read_bytes() == before
