import golden
import keras
import numpy as np
import pytest
from keras import ops

from keras_arcface import ArcFace
from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import numerics

EMBEDDINGS = golden.EMBEDDINGS.astype("float32")
LABELS = golden.SUB_CENTER_LABELS


def golden_layer():
    layer = ArcMarginLayer(2, ArcFace(0.5, "raw"), 64.0, sub_centers=2)
    layer.build((None, 4))
    layer.class_centers.assign(golden.CENTERS[:4])
    return layer


def test_the_nearest_sub_center_counts():
    logits = np.asarray(golden_layer()(EMBEDDINGS))
    np.testing.assert_allclose(logits / 64, golden.SUB_CENTER_COSINE, atol=1e-6)


def test_the_loss_is_golden_in_both_forms(policy):
    if policy != "float32":
        pytest.skip("negatives come from a product in half precision")
    layer = golden_layer()
    loss = np.asarray(layer.margin_loss(EMBEDDINGS, LABELS))
    np.testing.assert_allclose(loss.mean(), golden.SUB_CENTER_LOSS, rtol=1e-5)
    logits = layer(EMBEDDINGS, labels=LABELS, training=True)
    loss = golden.cross_entropy(np.asarray(logits, "float64"), LABELS)
    np.testing.assert_allclose(loss.mean(), golden.SUB_CENTER_LOSS, rtol=1e-5)


def test_targets_keep_float32_under_every_policy(policy):
    angle = np.asarray(golden_layer().target_angle(EMBEDDINGS, LABELS))
    cosine = np.array(golden.SUB_CENTER_COSINE)[np.arange(4), LABELS]
    np.testing.assert_allclose(np.cos(angle), cosine, atol=1e-6)


def test_one_sub_center_is_the_plain_layer():
    plain = ArcMarginLayer(5, 0.5, 64.0)
    single = ArcMarginLayer(5, 0.5, 64.0, sub_centers=1)
    for layer in (plain, single):
        layer.build((None, 4))
        layer.class_centers.assign(golden.CENTERS)
    np.testing.assert_array_equal(
        np.asarray(plain.margin_loss(EMBEDDINGS, golden.LABELS)),
        np.asarray(single.margin_loss(EMBEDDINGS, golden.LABELS)),
    )


def test_equal_sub_centers_are_the_plain_layer():
    layer = ArcMarginLayer(5, 0.5, 64.0, sub_centers=3)
    layer.build((None, 4))
    layer.class_centers.assign(np.repeat(golden.CENTERS, 3, axis=0))
    loss = np.asarray(layer.margin_loss(EMBEDDINGS, golden.LABELS))
    np.testing.assert_allclose(
        loss.mean(), golden.ARCFACE["reflect"][1], rtol=1e-5
    )


def test_gradients_reach_only_the_nearest():
    centers = golden.unit(golden.CENTERS[:4]).astype("float32")

    def nearest_of_class_0(centers):
        cosine = numerics.cosine_matrix(EMBEDDINGS[:1], centers)
        return ops.sum(numerics.nearest_sub_center(cosine, 2)[:, 0])

    (grad,) = golden.gradient(nearest_of_class_0, centers)
    assert np.abs(grad[1:]).max() == 0 and np.abs(grad[0]).max() > 0


def test_round_trip_and_training(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8)).astype("float32")
    y = (x[:, :5] * 3).argmax(1).astype("int32")
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    head = ArcMarginLayer(5, 0.3, 10.0, sub_centers=3)
    model = ArcFaceModel(backbone, head)
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(x, y, epochs=15, verbose=0).history
    assert history["angle"][-1] < history["angle"][0] - 5
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.head.sub_centers == 3
    np.testing.assert_allclose(
        loaded.evaluate(x, y, verbose=0),
        model.evaluate(x, y, verbose=0),
        rtol=1e-5,
    )


@pytest.mark.parametrize("sub_centers", [0, 1.5, True])
def test_bad_counts_are_refused(sub_centers):
    with pytest.raises(ValueError, match="sub_centers must be an integer"):
        ArcMarginLayer(5, sub_centers=sub_centers)
