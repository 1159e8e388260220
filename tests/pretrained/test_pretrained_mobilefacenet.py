"""The shipped preset against the original, without the original's file."""

from pathlib import Path

import keras
import numpy as np
import pytest
from drawn_faces import drawn_faces

from keras_arcface.backbones import MobileFaceNet
from keras_arcface.pretrained import load_pretrained
from keras_arcface.pretrained import save_pretrained

NAME = "mobilefacenet_ms1m_192"
GOLDEN = Path(__file__).with_name("mobilefacenet_golden.npz")


@pytest.fixture(scope="module")
def model():
    return load_pretrained(NAME)


def cosines(left, right):
    lengths = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    return np.sum(left * right, axis=1) / lengths


def test_drawn_faces_stay_as_they_were():
    faces = drawn_faces()
    assert faces.shape == (6, 112, 112, 3)
    weights = np.arange(faces.size, dtype=np.int64) % 1009
    assert int((faces.reshape(-1) * weights).sum()) == 11_378_326_495


def test_embeddings_are_those_of_the_original(model):
    golden = np.load(GOLDEN)["embeddings"]
    features = keras.ops.convert_to_numpy(model(drawn_faces()))
    assert features.shape == (6, 192)
    assert cosines(features, golden).min() >= 0.99999
    # Not normalised: the lengths are the original's too.
    np.testing.assert_allclose(
        np.linalg.norm(features, axis=1),
        np.linalg.norm(golden, axis=1),
        rtol=1e-4,
    )
    # The six faces differ, so agreement means something.
    assert cosines(golden[:1], golden[1:]).max() < 0.999


def test_training_mode_is_near_inference(model):
    """The BN statistics are real ones: fine-tuning starts where it should."""
    for layer in (model.get_layer("stem_bn"), model.get_layer("head").features):
        assert np.array(layer.moving_variance).std() > 0
        np.testing.assert_allclose(
            np.array(layer.gamma) ** 2,
            np.array(layer.moving_variance) + layer.epsilon,
            rtol=1e-5,
        )


def test_weights_by_name(model):
    same = MobileFaceNet(
        192,
        layout="sirius_tf",
        pixel_scaling={"std": 128.0},
        weights=NAME,
    )
    for ours, theirs in zip(model.weights, same.weights):
        np.testing.assert_array_equal(ours, theirs)


def test_saved_again_with_the_facts_of_the_model(model, tmp_path):
    folder = save_pretrained(model, tmp_path / "again")
    again = load_pretrained(folder)
    np.testing.assert_array_equal(
        model(drawn_faces()),
        again(drawn_faces()),
    )
    metadata = (folder / "metadata.json").read_text()
    assert '"embedding_dim": 192' in metadata
    assert '"std": 128.0' in metadata
