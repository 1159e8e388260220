from pathlib import Path

import numpy as np
import pytest
from drawn_faces import drawn_faces

from keras_arcface.pretrained import convert
from keras_arcface.pretrained import load_pretrained
from keras_arcface.pretrained.tflite_file import read_steps

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
ORIGINAL = SHARED / "data" / "pretrained" / "MobileFaceNet.tflite"
GOLDEN = Path(__file__).with_name("mobilefacenet_golden.npz")

pytest.importorskip("ai_edge_litert", reason='needs the extra "export"')
needs_original = pytest.mark.skipif(
    not ORIGINAL.is_file(), reason="the original .tflite file is not here"
)


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("converted") / "from_tflite"
    return convert(ORIGINAL, folder), folder


@needs_original
def test_same_tensor_same_features(converted):
    report, _ = converted
    assert report.min_cosine >= 0.999999
    assert report.max_difference < 1e-3
    assert report.preprocessing_difference < 1e-6


@needs_original
def test_report_tells_the_two_differences_apart(converted):
    report, folder = converted
    text = str(report)
    assert "modelling difference" in text
    assert "preprocessing difference" in text
    assert "layout 'sirius_tf', embedding_dim 192" in text
    assert str(folder) in text
    assert "neutral" in text


@needs_original
def test_preset_gives_the_golden_embeddings(converted):
    _, folder = converted
    features = load_pretrained(folder)(drawn_faces())
    golden = np.load(GOLDEN)["embeddings"]
    np.testing.assert_allclose(features, golden, atol=1e-3)


@needs_original
@pytest.mark.slow
def test_calibration_keeps_the_outputs(converted, tmp_path):
    plain = load_pretrained(converted[1])
    report = convert(
        ORIGINAL, tmp_path / "calibrated", calibration_images=drawn_faces()
    )
    assert report.calibrated_on == 6
    assert "measured on 6 pictures" in str(report)
    calibrated = load_pretrained(tmp_path / "calibrated")
    expected = plain(drawn_faces())
    features = calibrated(drawn_faces())
    np.testing.assert_allclose(features, expected, atol=1e-3)
    # In training mode, on the same pictures, only the calibrated one agrees.
    trained = calibrated(drawn_faces(), training=True)
    np.testing.assert_allclose(trained, expected, atol=0.05)
    assert np.abs(plain(drawn_faces(), training=True) - expected).max() > 0.5


@needs_original
@pytest.mark.parametrize("kept", [0.01, 0.5, 0.999])
def test_a_file_cut_short_is_refused(tmp_path, kept):
    data = ORIGINAL.read_bytes()
    path = tmp_path / "short.tflite"
    path.write_bytes(data[: int(len(data) * kept)])
    with pytest.raises(ValueError, match="short.tflite"):
        convert(path, tmp_path / "preset")
    assert not (tmp_path / "preset").exists()


@needs_original
def test_another_network_is_refused(tmp_path):
    def shift_strides(model):
        graph = model.subgraphs[0]
        graph.operators[0].builtinOptions.strideH = 1

    path = rewritten(tmp_path / "other.tflite", shift_strides)
    with pytest.raises(ValueError, match="other.tflite is no MobileFaceNet"):
        convert(path, tmp_path / "preset")
    assert not (tmp_path / "preset").exists()


@needs_original
def test_weights_that_are_not_finite_are_refused(tmp_path):
    def spoil(model):
        graph = model.subgraphs[0]
        tensor = graph.tensors[graph.operators[0].inputs[1]]
        data = model.buffers[tensor.buffer].data
        model.buffers[tensor.buffer].data = np.full_like(data, 255)

    path = rewritten(tmp_path / "nan.tflite", spoil)
    with pytest.raises(ValueError, match="nan.tflite.*is not finite"):
        convert(path, tmp_path / "preset")


@needs_original
def test_a_copy_that_differs_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "keras_arcface.pretrained.convert_tflite.PIXEL_STD", 100.0
    )
    monkeypatch.setattr(
        "keras_arcface.pretrained.convert_tflite.run_original",
        lambda source, tensor: np.random.default_rng(0).normal(
            size=(len(tensor), 192)
        ),
    )
    with pytest.raises(ValueError, match="differs from the original: cosine"):
        convert(ORIGINAL, tmp_path / "preset")
    assert not (tmp_path / "preset").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x1c\0\0\0TFL3" * 9])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    path = tmp_path / "wrong.tflite"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="wrong.tflite"):
        convert(path, tmp_path / "preset")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ValueError, match="no file.*absent.tflite"):
        convert(tmp_path / "absent.tflite", tmp_path / "preset")


@needs_original
def test_read_steps():
    steps = read_steps(ORIGINAL)
    kinds = [step.kind for step in steps]
    assert kinds.count("conv") == 35
    assert kinds.count("depthwise") == 17
    assert kinds.count("prelu") == 33
    assert steps[0].kernel.shape == (3, 3, 3, 64)
    assert (steps[0].strides, steps[0].padding) == (2, "same")


def rewritten(path, change):
    """A copy of the original with `change` made to its object tree."""
    import flatbuffers
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(ORIGINAL.read_bytes(), 0)
    change(model)
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(builder.Output())
    return path
