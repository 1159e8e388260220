import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_arcface import export

PATHS = {
    "saved_model": "saved_model",
    "tflite": "model.tflite",
    "onnx": "model.onnx",
}
WRITERS = {
    "saved_model": export.to_saved_model,
    "tflite": export.to_tflite,
    "onnx": export.to_onnx,
}
FORMATS = tuple(PATHS)


@pytest.fixture(scope="module")
def written(backbone, tmp_path_factory):
    folder = tmp_path_factory.mktemp("written")
    paths = {format: folder / PATHS[format] for format in FORMATS}
    for format, path in paths.items():
        WRITERS[format](backbone, path)
    return paths


def reference(model, images):
    features = model(images.astype("float32"), training=False)
    features = np.asarray(features, "float64")
    return features / np.linalg.norm(features, axis=1, keepdims=True)


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize("dtype", ["float32", "uint8"])
@pytest.mark.parametrize("batch_size", [1, 7])
def test_same_as_keras(written, backbone, images, format, batch_size, dtype):
    images = images[:batch_size]
    embeddings = export.load(written[format])(images.astype(dtype))
    assert embeddings.dtype == np.float32
    expected = reference(backbone, images)
    np.testing.assert_allclose(embeddings, expected, atol=2e-6)
    lengths = np.linalg.norm(embeddings, axis=1)
    np.testing.assert_allclose(lengths, 1.0, atol=1e-6)


@pytest.mark.parametrize("format", FORMATS)
def test_pictures_differ(written, images, format):
    embeddings = export.load(written[format])(images)
    assert np.ptp(embeddings, axis=0).max() > 0.1


@pytest.mark.parametrize("format", FORMATS)
def test_check_parity(written, backbone, images, format):
    report = export.check_parity(
        backbone, written[format], images, samples_name="noise"
    )
    assert report.passed
    assert report.format == format
    assert report.max_one_minus_cosine <= export.BOUNDS[format]
    assert report.mean_one_minus_cosine <= report.max_one_minus_cosine
    assert report.pictures == 9
    assert report.batch_sizes == (1, 7)
    assert len(report.sha256) == 64
    assert report.bytes > 1000


@pytest.mark.parametrize("format", FORMATS)
def test_check_parity_sees_other_weights(
    written, make_backbone, images, format
):
    report = export.check_parity(
        make_backbone(seed=5), written[format], images[:2]
    )
    assert not report.passed
    assert report.max_one_minus_cosine > 1e-3


@pytest.mark.parametrize("format", FORMATS)
def test_metadata(written, format):
    metadata = export.read_metadata(written[format])
    assert metadata["format_version"] == 1
    assert metadata["input"]["size"] == [24, 24]
    assert metadata["input"]["range"] == [0, 255]
    assert metadata["output"]["dim"] == 16


def test_saved_model_signatures(written):
    loaded = tf.saved_model.load(str(written["saved_model"]))
    names = {"serving_default", "embed", "embed_uint8"}
    assert set(loaded.signatures) == names
    for name in names:
        signature = loaded.signatures[name]
        (image,) = signature.structured_input_signature[1].values()
        assert image.name == "image"
        assert image.shape.as_list() == [None, 24, 24, 3]
        assert image.dtype == (
            tf.uint8 if name == "embed_uint8" else tf.float32
        )
        assert set(signature.structured_outputs) == {"embedding"}


def test_saved_model_stores_weights_once(written, backbone):
    prefix = written["saved_model"] / "variables" / "variables"
    stored = [
        shape
        for name, shape in tf.train.list_variables(str(prefix))
        if "OBJECT_GRAPH" not in name
    ]
    assert len(stored) == len(backbone.variables)


def test_tflite_signature(written):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(written["tflite"]))
    assert interpreter.get_signature_list() == {
        "embed": {"inputs": ["image"], "outputs": ["embedding"]}
    }
    (details,) = interpreter.get_input_details()
    assert details["shape_signature"].tolist() == [1, 24, 24, 3]
    assert details["dtype"] is np.float32


@pytest.mark.parametrize("batch_size", [None, 4])
def test_tflite_batch_size(tmp_path, backbone, images, batch_size):
    path = tmp_path / "face.tflite"
    export.to_tflite(backbone, path, batch_size, input_dtype="uint8")
    embeddings = export.load_tflite(path)(images)
    expected = reference(backbone, images)
    np.testing.assert_allclose(embeddings, expected, atol=2e-6)


def test_tflite_same_bytes_twice(tmp_path, backbone, written):
    path = tmp_path / "again.tflite"
    export.to_tflite(backbone, path)
    assert len(path.read_bytes()) == len(written["tflite"].read_bytes())


def test_onnx_names_and_opset(written, tmp_path, backbone):
    import onnx

    for opset, path in ((17, written["onnx"]), (13, tmp_path / "13.onnx")):
        if opset != 17:
            export.to_onnx(backbone, path, opset=opset)
        model = onnx.load(path)
        assert model.opset_import[0].version == opset
        for value, name in (
            (model.graph.input[0], "image"),
            (model.graph.output[0], "embedding"),
        ):
            assert value.name == name
            assert value.type.tensor_type.shape.dim[0].dim_param == "batch"


@pytest.mark.parametrize("format", FORMATS)
def test_grouped_convolution(tmp_path, images, format):
    inputs = keras.Input((24, 24, 3))
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(inputs)
    x = keras.layers.Conv2D(8, 3)(x)
    x = keras.layers.Conv2D(16, 3, groups=4)(x)
    model = keras.Model(inputs, keras.layers.GlobalAveragePooling2D()(x))
    path = tmp_path / PATHS[format]
    WRITERS[format](model, path)
    assert export.check_parity(model, path, images).passed


@pytest.mark.parametrize("format", ["tflite", "onnx"])
def test_uint8_input(tmp_path, backbone, images, format):
    path = tmp_path / PATHS[format]
    WRITERS[format](backbone, path, input_dtype="uint8")
    assert export.read_metadata(path)["input"]["dtypes"] == ["uint8"]
    embed = export.load(path)
    expected = reference(backbone, images)
    np.testing.assert_allclose(embed(images), expected, atol=2e-6)
    with pytest.raises(ValueError, match="round them first"):
        embed(images + np.float32(0.5) * (images < 255))


@pytest.mark.parametrize("name", ["mixed_float16", "mixed_bfloat16"])
def test_half_precision_model(tmp_path, make_backbone, images, policy, name):
    policy(name)
    model = make_backbone()
    weights = model.get_weights()
    for format in FORMATS if name == "mixed_float16" else ("tflite",):
        path = tmp_path / PATHS[format]
        WRITERS[format](model, path)
        report = export.check_parity(model, path, images)
        assert report.passed
        assert name in report.reference
    assert model.layers[2].dtype_policy.name == name
    for before, after in zip(weights, model.get_weights()):
        np.testing.assert_array_equal(before, after)
