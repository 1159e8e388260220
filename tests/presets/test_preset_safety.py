import json
import shutil

import keras
import pytest

from keras_arcface.backbones import SmallNet
from keras_arcface.presets import load_preset
from keras_arcface.presets import save_preset
from keras_arcface.presets.safety import check_config
from keras_arcface.utils.files import sha256


@keras.saving.register_keras_serializable(package="someone_else")
class ForeignLayer(keras.layers.Layer):
    def call(self, inputs):
        return inputs


def described(layer):
    return keras.saving.serialize_keras_object(layer)


@pytest.mark.parametrize(
    "layer",
    [
        keras.layers.Conv2D(3, 3, activation="relu"),
        keras.layers.Dense(3, kernel_regularizer=keras.regularizers.L2(0.1)),
        keras.layers.PReLU(shared_axes=[1, 2], dtype="mixed_float16"),
        SmallNet(widths=(4, 8)),
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]),
    ],
    ids=lambda layer: layer.__class__.__name__,
)
def test_keras_and_our_own_classes_pass(layer):
    check_config(json.loads(json.dumps(described(layer))), "config.json")


@pytest.mark.parametrize(
    "config",
    [
        {"class_name": "system", "module": "os", "registered_name": None},
        {"class_name": "function", "module": "builtins", "config": "eval"},
        {"class_name": "function", "module": "keras.utils", "config": "x"},
        {"class_name": "__lambda__", "config": {"value": "..."}},
        {"class_name": "Lambda", "module": "keras.layers"},
        {"class_name": "TFSMLayer", "module": "keras.layers"},
        {
            "class_name": "X",
            "module": "os",
            "registered_name": "keras_arcface>X",
        },
        {"class_name": "X", "module": "keras_evil", "registered_name": None},
        described(ForeignLayer()),
    ],
    ids=lambda config: config["class_name"],
)
def test_other_classes_are_refused(config):
    nested = {"config": {"layers": [{"inner": config}]}}
    with pytest.raises(ValueError, match="config.json names the class"):
        check_config(nested, "config.json")


def test_a_foreign_layer_is_refused_when_saving(tmp_path):
    model = keras.Sequential([keras.Input((4,)), ForeignLayer()])
    with pytest.raises(ValueError, match="someone_else>ForeignLayer"):
        save_preset(model, tmp_path / "foreign")
    assert not list(tmp_path.iterdir())


def test_a_foreign_layer_is_refused_when_loading(tmp_path):
    folder = save_preset(SmallNet(widths=(4,)), tmp_path / "preset")
    config = json.loads((folder / "config.json").read_text())
    config["config"]["head"] = described(keras.layers.Lambda(lambda x: x))
    (folder / "config.json").write_text(json.dumps(config))
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["files"]["config.json"] = sha256(folder / "config.json")
    (folder / "metadata.json").write_text(json.dumps(metadata))
    with pytest.raises(ValueError, match="names the class"):
        load_preset(folder)
    shutil.rmtree(folder)
