"""What a user names as a model, and what is no model for pictures."""

import keras
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import SmallNet
from keras_arcface.pretrained import load_backbone
from keras_arcface.pretrained import save_pretrained


def network(side=8, channels=3):
    return keras.Sequential(
        [
            keras.Input((side, side, channels)),
            keras.layers.Flatten(),
            keras.layers.Dense(16),
        ]
    )


def test_a_model_file_and_a_backbone_file_mean_the_backbone(tmp_path):
    ArcFaceModel(network(), 5).save(tmp_path / "model.keras")
    network().save(tmp_path / "backbone.keras")
    for name in ("model", "backbone"):
        backbone = load_backbone(str(tmp_path / f"{name}.keras"))
        assert backbone.output_shape == (None, 16)


@pytest.mark.parametrize(
    "model, message",
    [
        (network(channels=1), "pictures of 1 channels. Pictures are RGB"),
        (keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)]), "maps"),
        (
            keras.Sequential([network(), ArcMarginLayer(5)]),
            "is a classifier",
        ),
    ],
)
def test_what_embeds_no_pictures_is_refused(model, message, tmp_path):
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match=rf"model.keras .*{message}"):
        load_backbone(str(tmp_path / "model.keras"))
    save_pretrained(model, tmp_path / "preset")
    with pytest.raises(ValueError, match=rf"preset .*{message}"):
        load_backbone(str(tmp_path / "preset"))


@pytest.mark.filterwarnings("ignore:You are saving a model that has not")
def test_a_model_without_shapes_is_refused(tmp_path):
    keras.Sequential([keras.layers.Dense(4)]).save(tmp_path / "open.keras")
    with pytest.raises(ValueError, match="is no backbone"):
        load_backbone(str(tmp_path / "open.keras"))


def test_a_preset_of_our_own_loads(tmp_path):
    save_pretrained(SmallNet(), tmp_path / "preset")
    assert load_backbone(tmp_path / "preset").output_shape == (None, 128)
