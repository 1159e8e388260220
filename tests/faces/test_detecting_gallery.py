"""--detect of enroll and identify, without a detector's weights."""

import json

import keras
import numpy as np
import pytest
from PIL import Image

from keras_arcface import Gallery
from keras_arcface.cli.main import main

pytestmark = pytest.mark.usefixtures("detector")


@pytest.fixture
def people(tmp_path, photograph, monkeypatch):
    """Two with a face, one of them beside a blank, and one without any."""
    model = keras.Sequential(
        [keras.Input((112, 112, 3)), keras.layers.GlobalAveragePooling2D()]
    )
    name = "keras_arcface.cli.galleries.load_backbone"
    monkeypatch.setattr(name, lambda name: model)

    def save(name, image):
        path = tmp_path / "people" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path)

    for person, colour in (("red", (200, 9, 9)), ("blue", (9, 9, 200))):
        image = photograph((1, 1), width=200, height=200)
        image[40:80, 30:90] = colour
        save(f"{person}/face.png", image)
    save("red/blank.png", photograph())
    save("nobody/blank.png", photograph())
    return tmp_path / "people"


def test_pictures_without_a_face_are_left_out_by_name(people, tmp_path, capsys):
    path = str(tmp_path / "g")
    assert main(["enroll", path, str(people), "--detect"]) == 0
    captured = capsys.readouterr()
    assert "Enrolled 2 people, from 2 pictures" in captured.out
    assert "Left out: 2 pictures without a face" in captured.out
    assert "without any face: 1, such as nobody" in captured.out
    assert set(Gallery.load(path)) == {"red", "blue"}
    options = ["--detect", "--threshold", "0.99", "--json"]
    assert main(["identify", path, str(people), *options]) == 0
    value = json.loads(capsys.readouterr().out)
    assert [each["name"] for each in value["results"]] == ["blue", "red"]
    assert len(value["without_face"]) == 2
    assert np.isfinite(value["threshold"])


def test_no_face_at_all_enrols_nobody(people, tmp_path, capsys):
    arguments = ["enroll", str(tmp_path / "g"), str(people / "nobody")]
    assert main([*arguments, "--detect"]) == 2
    assert "No face in any of 1 pictures" in capsys.readouterr().err
    assert not (tmp_path / "g").exists()
