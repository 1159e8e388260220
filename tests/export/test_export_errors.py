import ast
import os
from pathlib import Path

import keras
import numpy as np
import pytest

from keras_arcface import export
from keras_arcface.export.quiet import quiet


@pytest.mark.parametrize(
    "write, name, match",
    [
        (export.to_tflite, "model.onnx", "must end in `.tflite`"),
        (export.to_tflite, "model", "must end in `.tflite`"),
        (export.to_onnx, "model.tflite", "must end in `.onnx`"),
        (export.to_saved_model, "model.keras", "is a folder"),
    ],
)
def test_wrong_suffix(tmp_path, backbone, write, name, match):
    with pytest.raises(ValueError, match=match):
        write(backbone, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_folder_of_other_things_is_not_deleted(tmp_path, backbone):
    folder = tmp_path / "saved_model"
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")
    with pytest.raises(ValueError, match="would delete them"):
        export.to_saved_model(backbone, folder)
    with pytest.raises(ValueError, match="would delete them"):
        export.export(backbone, tmp_path)
    assert (folder / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("formats", ["coreml", ["onnx", "coreml"], []])
def test_unknown_format(tmp_path, backbone, formats):
    with pytest.raises(ValueError, match="formats must be"):
        export.export(backbone, tmp_path / "new", formats=formats)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "options, match",
    [
        ({"batch_size": 0}, "positive integer"),
        ({"batch_size": True}, "positive integer"),
        ({"input_dtype": "int8"}, "input_dtype must be one of"),
    ],
)
def test_wrong_options(tmp_path, backbone, options, match):
    with pytest.raises(ValueError, match=match):
        export.export(backbone, tmp_path, **options)
    with pytest.raises(ValueError, match=match):
        export.to_tflite(backbone, tmp_path / "model.tflite", **options)


def test_wrong_opset(tmp_path, backbone):
    with pytest.raises(ValueError, match="opset must be 13 to 18"):
        export.to_onnx(backbone, tmp_path / "model.onnx", opset=21)


@pytest.mark.parametrize(
    "images, match",
    [
        (np.zeros((2, 32, 32, 3), "uint8"), "24x24.*Received: 32x32"),
        (np.full((2, 24, 24, 3), 0.5, "float32"), r"scaled to \[0, 1\]"),
        (np.full((2, 24, 24, 3), -1.0, "float32"), "scaling is a layer"),
        (np.full((2, 24, 24, 3), np.nan, "float32"), "scaling is a layer"),
        (np.zeros((24, 24, 3), "uint8"), "must have shape"),
    ],
)
def test_wrong_images(tmp_path, backbone, images, match):
    with pytest.raises(ValueError, match=match):
        export.export(backbone, tmp_path / "new", images=images)
    assert not list(tmp_path.iterdir())


def test_open_input_size():
    inputs = keras.Input((None, None, 3))
    outputs = keras.layers.GlobalAveragePooling2D()(inputs)
    with pytest.raises(ValueError, match="leaves the picture size open"):
        export.serving_function(keras.Model(inputs, outputs))


def test_not_a_backbone():
    inputs = keras.Input((24, 24, 3))
    with pytest.raises(ValueError, match="one output of shape"):
        export.serving_function(keras.Model(inputs, inputs + 1))
    inputs = keras.Input((10,))
    with pytest.raises(ValueError, match="one input of shape"):
        export.serving_function(keras.Model(inputs, inputs + 1))


def test_tflite_refuses_ops_it_does_not_have(tmp_path, capfd):
    class ErfInv(keras.layers.Layer):
        def call(self, x):
            return keras.ops.erfinv(x)

    inputs = keras.Input((24, 24, 3))
    outputs = ErfInv()(keras.layers.GlobalAveragePooling2D()(inputs))
    with pytest.raises(Exception, match="Erfinv"):
        export.to_tflite(
            keras.Model(inputs, outputs), tmp_path / "model.tflite"
        )
    assert not list(tmp_path.iterdir())


def test_load_and_metadata_of_other_files(tmp_path):
    with pytest.raises(FileNotFoundError):
        export.load(tmp_path / "missing.onnx")
    other = tmp_path / "other.tflite"
    other.write_bytes(b"nothing of ours")
    with pytest.raises(ValueError, match="no keras_arcface metadata"):
        export.read_metadata(other)
    with pytest.raises(ValueError, match="no keras_arcface metadata"):
        export.read_metadata(tmp_path)
    with pytest.raises(ValueError, match="format must be one of"):
        export.load(other, "coreml")


def test_quiet_holds_back_and_gives_back(capfd):
    with quiet():
        os.write(2, b"chatter\n")
    assert capfd.readouterr().err == ""
    with pytest.raises(KeyError), quiet():
        os.write(2, b"the reason\n")
        raise KeyError
    assert "the reason" in capfd.readouterr().err


def test_import_needs_no_converter():
    heavy = {"tensorflow", "tf2onnx", "onnx", "onnxruntime", "ai_edge_litert"}
    for path in Path(export.__file__).parent.glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            names = [alias.name for alias in getattr(node, "names", ())]
            names.append(getattr(node, "module", None) or "")
            roots = {name.split(".")[0] for name in names}
            if isinstance(node, (ast.Import, ast.ImportFrom)):
                assert not roots & heavy, path
