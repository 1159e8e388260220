import golden
import keras
import numpy as np
import pytest
from keras import ops

from keras_arcface import ArcFaceModel
from keras_arcface import SphereFace2Layer
from keras_arcface import UniFaceLayer
from keras_arcface.training import chance_loss

EMBEDDINGS = golden.EMBEDDINGS.astype("float32")
HEADS = {
    "sphereface2": (lambda c: SphereFace2Layer(c), golden.SPHEREFACE2_LOSS),
    "uniface": (lambda c: UniFaceLayer(c), golden.UNIFACE_LOSS),
    "uniface_clamped": (
        lambda c: UniFaceLayer(c, clamp=True),
        golden.UNIFACE_CLAMPED_LOSS,
    ),
}


@pytest.fixture(params=HEADS)
def case(request):
    return HEADS[request.param]


def golden_head(make):
    head = make(5)
    head.build((None, 4))
    head.class_centers.assign(golden.CENTERS)
    return head


def test_losses_are_golden(case):
    make, expected = case
    head = golden_head(make)
    loss = np.asarray(head.margin_loss(EMBEDDINGS, golden.LABELS))
    assert loss.shape == (4,)
    np.testing.assert_allclose(loss.mean(), expected, rtol=1e-5)


def test_the_bias_starts_where_the_authors_have_it():
    bias = golden_head(HEADS["sphereface2"][0]).bias
    np.testing.assert_allclose(
        float(ops.convert_to_numpy(bias)), golden.SPHEREFACE2_BIAS, rtol=1e-6
    )


@pytest.mark.parametrize("classes, scale", [(2, 64.0), (2, 40.0), (3, 64.0)])
def test_few_classes_have_a_bias_at_rest(classes, scale):
    """At cosine 0, the loss does not pull at its first bias."""
    head = SphereFace2Layer(classes, scale=scale)
    head.build((None, 4))
    bias = head.first_bias()
    nothing = np.zeros(1, "float32")
    costs = []
    for step in (-1e-2, 1e-2):
        head.bias.assign(bias + step)
        right, wrong = head.class_losses(nothing)
        costs.append(float(right[0] + (classes - 1) * wrong[0]))
    assert abs(costs[1] - costs[0]) < 1e-4


@pytest.mark.parametrize("dtype", ["uint8", "int64"])
def test_wrong_labels_are_seen_in_every_integer_type(case, dtype):
    head = golden_head(case[0])
    labels = ops.convert_to_tensor(np.array([1, 9]).astype(dtype))
    loss = compiled(head.margin_loss)(EMBEDDINGS[:2], labels)
    assert np.isfinite(loss[0]) and not np.isfinite(loss[1])


def compiled(function):
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(function)
    import tensorflow as tf

    return tf.function(function)


def test_gradients_are_finite(case, policy):
    head = golden_head(case[0])
    rows = np.concatenate([EMBEDDINGS, 0 * EMBEDDINGS[:1], -EMBEDDINGS[:1]])
    labels = np.array([0, 2, 2, 3, 0, 0], "int32")
    (grad,) = golden.gradient(
        lambda x: ops.sum(head.margin_loss(x, labels)), rows
    )
    assert np.isfinite(grad).all()


def test_it_trains_and_round_trips(case, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 8)).astype("float32")
    y = (x[:, :5] * 3).argmax(1).astype("int32")
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    model = ArcFaceModel(backbone, case[0](5))
    model.compile(keras.optimizers.Adam(0.02))
    history = model.fit(x, y, epochs=20, verbose=0).history
    assert history["angle"][-1] < history["angle"][0] - 5
    assert history["loss"][-1] < history["loss"][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.head.get_config() == model.head.get_config()
    np.testing.assert_allclose(
        loaded.evaluate(x, y, verbose=0),
        model.evaluate(x, y, verbose=0),
        rtol=1e-5,
    )


def test_strength_zero_and_evaluation_have_no_margin(case):
    head = golden_head(case[0])
    plain = head.margin_loss(EMBEDDINGS, golden.LABELS, training=False)
    head.margin.strength.assign(0.0)
    off = head.margin_loss(EMBEDDINGS, golden.LABELS)
    np.testing.assert_allclose(np.asarray(off), np.asarray(plain))


def test_chance_loss_is_that_of_random_features(case):
    head = case[0](200)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(500, 64)).astype("float32")
    labels = rng.integers(0, 200, 500)
    loss = np.asarray(head.margin_loss(features, labels)).mean()
    np.testing.assert_allclose(loss, chance_loss(head), rtol=0.15)


@pytest.mark.parametrize(
    "use, message",
    [
        (
            lambda: UniFaceLayer(5)(EMBEDDINGS, labels=golden.LABELS),
            "ArcFaceModel",
        ),
        (lambda: UniFaceLayer(5).loss(), "no loss on logits"),
        (lambda: UniFaceLayer(5, label_smoothing=0.1), "does without"),
        (lambda: SphereFace2Layer(5, chunk_size=4), "does without"),
        (lambda: UniFaceLayer(5, margin=28.6), "units of cosine"),
        (lambda: SphereFace2Layer(5, balance=1.0), "balance must be"),
        (
            lambda: SphereFace2Layer(3).margin_loss(EMBEDDINGS, golden.LABELS),
            r"lie in \[0, 3\)",
        ),
    ],
)
def test_mistakes_say_how_to_fix_them(use, message):
    with pytest.raises(ValueError, match=message):
        use()
