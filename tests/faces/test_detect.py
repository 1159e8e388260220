import csv
import os

import keras
import numpy as np
import pytest
from PIL import Image

from keras_arcface import faces
from keras_arcface.cli.main import main
from keras_arcface.data import read_image
from keras_arcface.faces import Face
from keras_arcface.faces import detect as detect_function
from keras_arcface.faces.detect import choose


def face(left, top, side):
    box = np.array([left, top, left + side, top + side], float)
    return Face(box, faces.TEMPLATE, 0.9)


def test_the_largest_or_the_most_central_is_chosen():
    corner, middle = face(0, 0, 50), face(80, 80, 40)
    assert choose([middle, corner], (200, 200, 3), "largest") is corner
    assert choose([corner, middle], (200, 200, 3), "central") is middle
    with pytest.raises(ValueError, match="largest, central"):
        choose([corner], (9, 9), "first")


def test_without_the_package_the_error_has_the_command(monkeypatch):
    import sys

    from keras_arcface.faces.detect import _detector

    monkeypatch.setitem(sys.modules, "mtcnn", None)
    _detector.cache_clear()
    with pytest.raises(ImportError, match=r'pip install "keras-arcface\[det'):
        detect_function(np.zeros((50, 50, 3), "uint8"))


@pytest.mark.parametrize(
    "options, message",
    [
        ({"image": np.zeros((9, 9), "uint8")}, "RGB"),
        ({"pad": -0.1}, "pad"),
        ({"pad": float("nan")}, "pad"),
        ({"min_score": 1}, "min_score"),
        ({"longest_side": 10}, "longest_side"),
    ],
)
def test_wrong_arguments_are_refused(options, message):
    arguments = {"image": np.zeros((50, 50, 3), "uint8"), **options}
    with pytest.raises(ValueError, match=message):
        detect_function(**arguments)


@pytest.fixture
def mtcnn():
    pytest.importorskip("mtcnn", reason='pip install "keras-arcface[detect]"')


@pytest.fixture
def lfw_raw(shared, mtcnn):
    return shared / "data" / "lfw_raw"


@pytest.mark.parametrize("shape", [(1, 1), (5, 3), (14, 14), (30, 200)])
def test_pictures_without_a_face_have_none(mtcnn, shape):
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert detect_function(noise) == []


def test_landmarks_are_those_given(lfw_raw):
    with open(lfw_raw / "landmarks.csv", newline="") as file:
        rows = list(csv.reader(file))[1:9:2]
    for name, *numbers in rows:
        found = detect_function(read_image(lfw_raw / name))
        assert len(found) == 1 and found[0].score > 0.9
        given = np.array(numbers, float).reshape(5, 2)
        eyes = np.linalg.norm(given[1] - given[0])
        apart = np.linalg.norm(found[0].landmarks - given, axis=1)
        assert apart.mean() < 0.08 * eyes


def test_two_faces_in_a_large_photograph(lfw_raw):
    first, second = sorted(lfw_raw.glob("*.jpg"))[:2]
    wide = np.full((1200, 1600, 3), 128, np.uint8)
    wide[100:450, 100:450] = read_image(first)
    half = Image.open(second).convert("RGB").resize((260, 260))
    wide[700:960, 1000:1260] = np.asarray(half)
    large, small = detect_function(wide, pad=0)
    assert large.area > small.area
    assert (large.box[:2] < 450).all() and (small.box[:2] > 650).all()


def test_a_policy_of_half_floats_changes_nothing(lfw_raw):
    from keras_arcface.faces.detect import _detector

    image = read_image(sorted(lfw_raw.glob("*.jpg"))[0])
    (plain,) = detect_function(image)
    _detector.cache_clear()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        (mixed,) = detect_function(image)
        assert keras.config.dtype_policy().name == "mixed_float16"
    finally:
        keras.config.set_dtype_policy("float32")
    np.testing.assert_array_equal(plain.landmarks, mixed.landmarks)


def test_weights_in_the_current_folder_are_not_touched(
    lfw_raw, tmp_path, monkeypatch
):
    from keras_arcface.faces.detect import _detector

    (tmp_path / "pnet.lz4").write_bytes(b"hostile")
    monkeypatch.chdir(tmp_path)
    _detector.cache_clear()
    image = read_image(sorted(lfw_raw.glob("*.jpg"))[0])
    assert len(detect_function(image)) == 1
    assert os.listdir(tmp_path) == ["pnet.lz4"]


def test_verify_and_embed_take_photographs(lfw_raw, tmp_path, capsys):
    same = [str(lfw_raw / f"Alvaro_Uribe_00{n}.jpg") for n in ("22", "23")]
    assert main(["verify", *same, "--detect"]) == 0
    assert "the same person" in capsys.readouterr().out
    blank = tmp_path / "blank.png"
    Image.new("RGB", (80, 80)).save(blank)
    output = str(tmp_path / "e.npz")
    arguments = ["embed", *same, str(blank), "--output", output]
    assert main([*arguments, "--detect"]) == 0
    captured = capsys.readouterr()
    assert "blank.png: no face" in captured.err
    with np.load(output) as data:
        assert data["embeddings"].shape == (2, 192)
        assert list(data["paths"]) == same
