"""Real faces and the shipped preset: the known are named, strangers not."""

import json

import pytest

from keras_arcface import Gallery
from keras_arcface.cli.main import main

PEOPLE, STRANGERS = 40, 200


def link(folder, name, paths):
    (folder / name).mkdir(parents=True)
    for path in paths:
        (folder / name / path.name).symlink_to(path)


@pytest.fixture
def folders(shared, tmp_path):
    """People to enroll by three pictures, one more of each, and strangers."""
    root, data = tmp_path, shared / "data" / "lfw112"
    found = 0
    for person in sorted((data / "train").iterdir()):
        pictures = sorted(person.iterdir())
        if len(pictures) >= 4 and found < PEOPLE:
            link(root / "people", person.name, pictures[:3])
            link(root / "probes", person.name, pictures[3:4])
            found += 1
    for person in sorted((data / "val").iterdir())[:STRANGERS]:
        link(root / "probes", person.name, sorted(person.iterdir())[:1])
    return root


@pytest.mark.slow
def test_open_set_identification_of_real_faces(folders, capsys):
    path = str(folders / "people.gallery")
    assert main(["enroll", path, str(folders / "people")]) == 0
    probes = str(folders / "probes")
    assert main(["enroll", path, "--calibrate", probes, "--fpir", "0.1"]) == 0
    gallery = Gallery.load(path)
    found = gallery.calibration()
    assert found.trials == STRANGERS and found.mated_trials == PEOPLE
    assert found.fpir <= 0.1 and found.fnir <= 0.1
    capsys.readouterr()
    assert main(["identify", path, probes, "--json"]) == 0
    results = json.loads(capsys.readouterr().out)["results"]
    known = {each["path"]: each["name"] for each in results if each["name"]}
    right = sum(f"/{name}/" in path for path, name in known.items())
    assert right == PEOPLE - found.misses
    assert len(known) - right <= 0.1 * STRANGERS + found.misses
    nearest = [each["candidates"][0]["name"] for each in results]
    first = sum(
        f"/{name}/" in each["path"]
        for name, each in zip(nearest, results, strict=True)
    )
    assert first >= 0.95 * PEOPLE
