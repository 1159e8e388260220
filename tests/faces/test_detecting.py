"""The option --detect of the commands, without a detector's weights."""

import keras
import numpy as np
import pytest
from PIL import Image

from keras_arcface.cli.main import main
from keras_arcface.cli.sources import embed_pictures

pytestmark = pytest.mark.usefixtures("detector")


@pytest.fixture
def model():
    """Gives the mean colours of pictures of 112x112."""
    return keras.Sequential(
        [keras.Input((112, 112, 3)), keras.layers.GlobalAveragePooling2D()]
    )


@pytest.fixture
def photographs(tmp_path, photograph):
    image = photograph((1, 1), width=200, height=200)
    image[40:80, 30:90] = (10, 90, 30)
    Image.fromarray(image).save(tmp_path / "face.png")
    Image.fromarray(photograph()).save(tmp_path / "blank.png")
    return tmp_path / "face.png", tmp_path / "blank.png"


@pytest.fixture
def embed(tmp_path, model, monkeypatch):
    """Runs `embed --detect`; the commands get the small model."""

    for command in ("embed", "verify"):
        name = f"keras_arcface.cli.{command}.load_backbone"
        monkeypatch.setattr(name, lambda name: model)

    def run(*paths):
        arguments = ["embed", *map(str, paths), "--detect"]
        return main([*arguments, "--output", str(tmp_path / "out.npz")])

    return run


def test_a_path_given_twice_has_two_rows(embed, photographs, tmp_path, capsys):
    face, blank = photographs
    assert embed(face, blank, face) == 0
    with np.load(tmp_path / "out.npz") as data:
        assert data["paths"].tolist() == [str(face)] * 2
        assert data["embeddings"].shape == (2, 3)
        assert (data["embeddings"][0] == data["embeddings"][1]).all()
    captured = capsys.readouterr()
    assert "Left out: 1 pictures" in captured.out
    assert "blank.png: no face" in captured.err


def test_no_face_at_all_is_an_error(embed, photographs, tmp_path, capsys):
    assert embed(photographs[1], photographs[1]) == 2
    assert "No face in any of 2 pictures" in capsys.readouterr().err
    assert not (tmp_path / "out.npz").exists()


def test_no_more_than_a_batch_of_crops_is_held(model, monkeypatch):
    given, held = [], []
    real = model.predict_on_batch

    def predict(batch):
        held.append(len(given) - sum(held))
        return real(batch)

    def crops():
        for number in range(150):
            given.append(number)
            yield str(number), np.full((112, 112, 3), number + 1, np.uint8)

    monkeypatch.setattr(model, "predict_on_batch", predict)
    paths, embeddings = embed_pictures(model, crops())
    assert held == [64, 64, 22]
    assert paths == [str(number) for number in given]
    assert embeddings.shape == (150, 3)


@pytest.mark.parametrize(
    "options, message",
    [
        (["--detect"], "blank.png: no face"),
        (["--detect", "--resize"], "Leave out --resize"),
        (["--face", "central"], "--face needs --detect"),
    ],
)
def test_verify_refuses_what_it_cannot_do(
    embed, photographs, options, message, capsys
):
    arguments = ["verify", *map(str, photographs), "--threshold", "0.5"]
    assert main([*arguments, *options]) == 2
    assert message in capsys.readouterr().err
