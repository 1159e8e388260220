import json
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_arcface import export
from keras_arcface.export import exporter
from keras_arcface.export import parity
from keras_arcface.utils.files import sha256


def listing(folder):
    return sorted(path.name for path in folder.iterdir())


def break_writer(monkeypatch, format, change):
    """The writer of `format` exports a copy with changed weights."""
    write = exporter.WRITERS[format]

    def broken(model, path, **options):
        copy = keras.models.clone_model(model)
        copy.set_weights([change(weight) for weight in model.get_weights()])
        write(copy, path, **options)

    monkeypatch.setitem(exporter.WRITERS, format, broken)


def test_all_formats(tmp_path, backbone, images, capsys):
    folder = tmp_path / "made" / "here"
    reports = export.export(
        backbone, folder, images=images, samples_name="glyphs"
    )
    assert listing(folder) == [
        "model.onnx",
        "model.tflite",
        "parity.json",
        "saved_model",
    ]
    assert [report.format for report in reports] == list(export.FORMATS)
    assert all(report.passed for report in reports)
    table = capsys.readouterr().out
    assert "9 pictures (glyphs)" in table
    assert table.count("passed") == 3
    summary = json.loads((folder / "parity.json").read_text())
    assert [report["path"] for report in summary["reports"]] == [
        "saved_model",
        "model.tflite",
        "model.onnx",
    ]
    assert summary["reports"][2]["sha256"] == sha256(folder / "model.onnx")
    assert summary["model"]["output"]["dim"] == 16
    assert str(tmp_path) not in (folder / "parity.json").read_text()


def test_mixed_model_says_what_was_compared(tmp_path, make_backbone, policy):
    policy("mixed_float16")
    (report,) = export.export(
        make_backbone(),
        tmp_path,
        formats="onnx",
        input_dtype="uint8",
        verbose=False,
    )
    assert report.reference == (
        "float32 clone of the Keras model, itself mixed_float16"
    )
    assert report.samples == "uniform noise, seed 0"


@pytest.mark.parametrize("format", export.FORMATS)
def test_broken_export_leaves_nothing(tmp_path, backbone, monkeypatch, format):
    rng = np.random.default_rng(3)
    break_writer(
        monkeypatch, format, lambda w: w * rng.uniform(0.98, 1.02, w.shape)
    )
    folder = tmp_path / "broken"
    with pytest.raises(export.ParityError, match=r"e-0\d .* FAILED"):
        export.export(backbone, folder, formats=format)
    assert not folder.exists()


@pytest.mark.parametrize(
    "name", ["max_one_minus_cosine", "min_norm", "max_norm"]
)
def test_every_number_must_be_one(name):
    numbers = {"max_one_minus_cosine": 0.0, "min_norm": 1.0, "max_norm": 1.0}
    assert parity._passes(numbers, 1e-6)
    assert not parity._passes(numbers | {name: float("nan")}, 1e-6)


def test_nan_in_an_export_is_no_pass(tmp_path, backbone, monkeypatch):
    break_writer(monkeypatch, "tflite", lambda w: w * np.nan)
    with pytest.raises(export.ParityError, match="nan .* FAILED"):
        export.export(backbone, tmp_path, formats=["tflite"])
    assert listing(tmp_path) == []


def test_embeddings_not_of_unit_length_are_no_pass(
    tmp_path, backbone, monkeypatch
):
    monkeypatch.setattr(tf.math, "l2_normalize", lambda x, axis: x)
    with pytest.raises(export.ParityError, match="FAILED"):
        export.export(backbone, tmp_path, formats="saved_model")
    assert listing(tmp_path) == []


def test_nan_in_the_model_is_an_error(tmp_path, make_backbone):
    model = make_backbone()
    model.layers[2].kernel.assign(model.layers[2].kernel * np.nan)
    with pytest.raises(export.ParityError, match="16 of 16 pictures.*NaN"):
        export.export(model, tmp_path / "nan")
    assert not (tmp_path / "nan").exists()


def test_failure_keeps_what_was_there(
    tmp_path, backbone, make_backbone, monkeypatch, images
):
    formats = ("saved_model", "onnx")
    export.export(backbone, tmp_path, formats, images=images, verbose=False)
    before = {
        path: sha256(path) for path in tmp_path.rglob("*") if path.is_file()
    }
    break_writer(monkeypatch, "onnx", np.sqrt)
    with np.errstate(invalid="ignore"), pytest.raises(export.ParityError):
        export.export(backbone, tmp_path, formats)
    assert before == {
        path: sha256(path) for path in tmp_path.rglob("*") if path.is_file()
    }
    monkeypatch.undo()
    export.export(make_backbone(7), tmp_path, formats, verbose=False)
    after = {path for path in tmp_path.rglob("*") if path.is_file()}
    assert set(before) == after
    assert sha256(tmp_path / "model.onnx") != before[tmp_path / "model.onnx"]


def test_crash_of_a_writer_leaves_nothing(tmp_path, backbone, monkeypatch):
    def crash(model, path):
        path.mkdir()
        (path / "half").write_text("written")
        raise KeyboardInterrupt

    monkeypatch.setitem(exporter.WRITERS, "saved_model", crash)
    with pytest.raises(KeyboardInterrupt):
        export.export(backbone, tmp_path / "new")
    assert listing(tmp_path) == []


def test_missing_package_is_said_before_any_work(
    tmp_path, backbone, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tf2onnx", None)
    with pytest.raises(
        ImportError, match=r'`tf2onnx`.*pip install "keras-arcface\[export\]"'
    ):
        export.export(backbone, tmp_path / "new")
    assert listing(tmp_path) == []
    with pytest.raises(ImportError, match="tf2onnx"):
        export.to_onnx(backbone, tmp_path / "model.onnx")
