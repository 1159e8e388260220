"""What every backbone promises, on small instances of each."""

import inspect
import re
from pathlib import Path

import keras
import numpy as np
import pytest

import keras_arcface
from keras_arcface.backbones import BACKBONES
from keras_arcface.backbones import IResNet
from keras_arcface.backbones import MobileFaceNet
from keras_arcface.backbones import SmallNet
from keras_arcface.backbones import create_backbone

SMALL = {
    "iresnet": (
        IResNet,
        {"blocks": (1, 2, 1, 1), "input_shape": (32, 32, 3), "head": "E"},
    ),
    "mobilefacenet": (
        MobileFaceNet,
        {"blocks": (1, 1, 1, 1), "input_shape": (32, 32, 3)},
    ),
    "mobilefacenet_sirius": (
        MobileFaceNet,
        {
            "layout": "sirius_tf",
            "blocks": (1, 1, 1, 1),
            "input_shape": (32, 32, 3),
            "pixel_scaling": {"std": 128.0, "channels": "bgr"},
        },
    ),
    "mobilefacenet_slim": (
        MobileFaceNet,
        {
            "layout": "slim",
            "blocks": (1, 1, 1, 1),
            "input_shape": (32, 32, 3),
        },
    ),
    "smallnet": (SmallNet, {"head": "GAP", "dropout": 0.1}),
}
every_backbone = pytest.mark.parametrize("kind", SMALL)


def build(kind):
    cls, arguments = SMALL[kind]
    return cls(embedding_dim=16, **arguments)


def images(dtype="uint8", count=3):
    random = np.random.default_rng(0)
    return random.integers(0, 256, (count, 32, 32, 3)).astype(dtype)


@every_backbone
def test_float32_features_under_every_policy(kind, policy):
    model = build(kind)
    assert model.output.dtype == "float32"
    outputs = model(images())
    assert outputs.shape == (3, 16)
    assert keras.backend.standardize_dtype(outputs.dtype) == "float32"
    assert np.isfinite(keras.ops.convert_to_numpy(outputs)).all()


@every_backbone
def test_uint8_and_float_pixels_agree(kind):
    model = build(kind)
    np.testing.assert_array_equal(
        model(images("uint8")), model(images("float32"))
    )


def test_predict_takes_uint8_too():
    model = build("smallnet")
    np.testing.assert_array_equal(
        model.predict(images("uint8"), verbose=0),
        model.predict(images("float32"), verbose=0),
    )


@every_backbone
def test_config_covers_every_argument(kind):
    model = build(kind)
    arguments = set(inspect.signature(type(model).__init__).parameters)
    config = model.get_config()
    assert set(config) == arguments - {"self", "kwargs"} | {"name", "trainable"}
    again = type(model).from_config(config)
    assert again.get_config() == config


@every_backbone
def test_keras_file_round_trip(kind, tmp_path):
    model = build(kind)
    for weight in model.weights:
        if "moving_variance" not in weight.path:
            weight.assign(weight + 0.01)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    assert loaded.get_config() == model.get_config()
    np.testing.assert_array_equal(model(images()), loaded(images()))


@every_backbone
def test_one_step_of_training_moves_every_trainable_weight(kind):
    backbone = build(kind)
    model = keras.Sequential([backbone, keras.layers.Dense(4)])
    model.compile(
        keras.optimizers.SGD(0.1),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.build((None, 32, 32, 3))
    before = [np.array(weight) for weight in backbone.trainable_weights]
    model.fit(images(count=8), np.arange(8) % 4, verbose=0)
    still = [
        weight.path
        for weight, old in zip(backbone.trainable_weights, before)
        # The bias of head "E" stands before a BN, which takes it away again.
        if np.array_equal(weight, old) and "dense/bias" not in weight.path
    ]
    assert not still


def test_create_backbone_names_those_that_exist():
    with pytest.raises(ValueError, match="no backbone 'resnet'.*iresnet18"):
        create_backbone("resnet")


def test_create_backbone_passes_arguments():
    model = create_backbone("smallnet", embedding_dim=32, head="E")
    assert model.output_shape == (None, 32)
    assert model.head == "E"


@pytest.mark.parametrize("name", BACKBONES)
def test_registered_backbones_are_named_in_lower_case(name):
    assert re.fullmatch("[a-z][a-z0-9_]*", name)


@pytest.mark.parametrize("folder", ["backbones", "presets"])
def test_modelling_code_does_not_import_tensorflow(folder):
    package = Path(keras_arcface.__file__).parent
    for path in (package / folder).glob("*.py"):
        text = path.read_text()
        assert not re.search(r"^\s*(import|from) tensorflow", text, re.M), path


@pytest.mark.parametrize(
    ("cls", "arguments", "message"),
    [
        (IResNet, {"blocks": (1, 2, 3)}, r"blocks must be four.*\(1, 2, 3\)"),
        (MobileFaceNet, {"layout": "caffe"}, "layout must be one of.*'caffe'"),
        (MobileFaceNet, {"blocks": (0, 1, 1, 1)}, "blocks must be four"),
        (SmallNet, {"widths": ()}, "widths must be positive"),
        (SmallNet, {"input_shape": (None, None, 3)}, "head='GAP' takes"),
        (SmallNet, {"input_shape": (32, 32)}, "must be .height, width, ch"),
        (SmallNet, {"input_shape": (32, "32", 3)}, "input_shape must be"),
        (
            IResNet,
            {"blocks": (1, 1, 1, 1), "input_shape": (None, 112, 3)},
            "'E' has a weight for each place",
        ),
        (MobileFaceNet, {"input_shape": (0, 112, 3)}, "input_shape must be"),
        (SmallNet, {"head": "FC"}, "head must be one of.*'FC'"),
        (SmallNet, {"dropout": 1.0}, "dropout must be in"),
        (SmallNet, {"embedding_dim": 0}, "embedding_dim must be a positive"),
    ],
)
def test_wrong_arguments(cls, arguments, message):
    with pytest.raises(ValueError, match=message):
        cls(**arguments)


def test_pictures_of_any_size_with_an_average():
    backbone = SmallNet(input_shape=(None, None, 3), head="GAP")
    assert backbone.predict_on_batch(np.zeros((1, 40, 24, 3))).shape == (1, 128)
