import golden
import keras
import numpy as np
import pytest
from keras import ops

from keras_arcface import ArcFace
from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import CosFace
from keras_arcface import losses

EMBEDDINGS = golden.EMBEDDINGS.astype("float32")


def golden_layer(margin=0.5, scale=64.0):
    layer = ArcMarginLayer(5, margin, scale)
    layer.build((None, 4))
    layer.class_centers.assign(golden.CENTERS)
    return layer


def test_without_labels_it_gives_plain_scaled_cosines():
    logits = np.asarray(golden_layer()(EMBEDDINGS))
    np.testing.assert_allclose(logits, 64 * golden.COSINE, atol=2e-5)


def test_with_labels_it_adds_the_margin_only_while_training():
    layer = golden_layer(ArcFace(0.5, tail="raw"))
    plain = np.asarray(layer(EMBEDDINGS, labels=golden.LABELS))
    np.testing.assert_allclose(plain, 64 * golden.COSINE, atol=2e-5)
    logits = np.asarray(
        layer([EMBEDDINGS, golden.LABELS], training=True), "float64"
    )
    target, loss = golden.ARCFACE["raw"]
    np.testing.assert_allclose(np.diag(logits) / 64, target, atol=1e-5)
    np.testing.assert_allclose(
        golden.cross_entropy(logits, golden.LABELS).mean(), loss, rtol=1e-5
    )


@pytest.mark.parametrize("tail", golden.ARCFACE)
def test_margin_loss_is_golden(tail):
    layer = golden_layer(ArcFace(0.5, tail=tail))
    loss = np.asarray(layer.margin_loss(EMBEDDINGS, golden.LABELS))
    assert loss.shape == (4,)
    np.testing.assert_allclose(loss.mean(), golden.ARCFACE[tail][1], rtol=1e-5)


def test_margin_loss_equals_the_cross_entropy_of_the_logits_in_gradient():
    layer = golden_layer()

    def fused(x):
        return ops.mean(layer.margin_loss(x, golden.LABELS))

    def stock(x):
        logits = layer(x, labels=golden.LABELS, training=True)
        return keras.losses.SparseCategoricalCrossentropy(from_logits=True)(
            golden.LABELS, logits
        )

    (fused_grad,) = golden.gradient(fused, EMBEDDINGS)
    (stock_grad,) = golden.gradient(stock, EMBEDDINGS)
    np.testing.assert_allclose(fused_grad, stock_grad, rtol=1e-4, atol=1e-6)


def test_output_is_float32_symbolic_and_eager(policy):
    layer = ArcMarginLayer(7, scale=16.0)
    symbolic = layer(keras.Input((4,)))
    eager = layer(EMBEDDINGS, labels=golden.LABELS, training=True)
    assert symbolic.dtype == "float32" and symbolic.shape == (None, 7)
    assert keras.backend.standardize_dtype(eager.dtype) == "float32"


def test_the_margin_sees_float32_under_every_policy(policy):
    layer = golden_layer(ArcFace(0.5, tail="raw"))
    logits = np.asarray(layer(EMBEDDINGS, labels=golden.LABELS, training=True))
    np.testing.assert_allclose(
        np.diag(logits) / 64, golden.ARCFACE["raw"][0], atol=1e-5
    )


def test_scale_invariance_and_permutation_of_classes():
    layer = golden_layer()
    loss = np.asarray(layer.margin_loss(EMBEDDINGS, golden.LABELS))
    longer = np.asarray(layer.margin_loss(3 * EMBEDDINGS, golden.LABELS))
    np.testing.assert_allclose(loss, longer, rtol=1e-5)
    order = np.array([3, 0, 4, 2, 1])
    layer.class_centers.assign(golden.CENTERS[order])
    moved = np.argsort(order)[golden.LABELS].astype("int32")
    np.testing.assert_allclose(
        np.asarray(layer.margin_loss(EMBEDDINGS, moved)), loss, rtol=1e-5
    )


def test_target_angle_is_in_radians():
    angle = np.asarray(golden_layer().target_angle(EMBEDDINGS, golden.LABELS))
    np.testing.assert_allclose(angle, np.arccos(golden.TARGET), atol=1e-4)


def test_config_covers_every_argument():
    layer = ArcMarginLayer(
        5,
        CosFace(0.2),
        30.0,
        centers_initializer="glorot_uniform",
        centers_regularizer=keras.regularizers.L2(1e-4),
        name="head",
    )
    copy = ArcMarginLayer.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert copy.margin.margin == 0.2 and copy.scale == 30.0
    assert isinstance(copy.centers_regularizer, keras.regularizers.L2)


def test_scale_auto_comes_from_the_class_count():
    assert ArcMarginLayer(100, scale="auto").scale == 16.0
    assert 19 < ArcMarginLayer(10**6, scale="auto").scale < 20


@pytest.mark.parametrize("with_labels", [False, True])
def test_keras_round_trip(tmp_path, with_labels):
    images = keras.Input((4,))
    labels = keras.Input((), dtype="int32")
    layer = ArcMarginLayer(5, CosFace(0.3), 20.0)
    if with_labels:
        model = keras.Model([images, labels], layer([images, labels]))
        inputs = [EMBEDDINGS, golden.LABELS]
    else:
        model = keras.Sequential([images, layer])
        inputs = EMBEDDINGS
    layer.margin.strength.assign(0.25)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(
        np.asarray(loaded(inputs, training=True)),
        np.asarray(model(inputs, training=True)),
        atol=1e-6,
    )
    assert float(loaded.layers[-1].margin.strength.numpy()) == 0.25


@pytest.mark.parametrize(
    "use, message",
    [
        (
            lambda: ArcMarginLayer(1),
            "num_classes must be an integer of at least 2",
        ),
        (lambda: ArcMarginLayer(10.5), "num_classes must be an integer"),
        (lambda: ArcMarginLayer(10, 28.6), "looks like degrees"),
        (lambda: ArcMarginLayer(10, scale=0), "scale must be"),
        (
            lambda: ArcMarginLayer(3)(np.ones((2, 4, 4, 3), "float32")),
            "Add a Flatten",
        ),
        (
            lambda: ArcMarginLayer(3).margin_loss(EMBEDDINGS, [0, 1, 2, 3]),
            r"lie in \[0, 3\)",
        ),
        (
            lambda: ArcMarginLayer(5).margin_loss(EMBEDDINGS, [0]),
            "1 labels and 4 embeddings",
        ),
        (
            lambda: ArcMarginLayer(3).margin_loss(EMBEDDINGS, np.zeros(4)),
            "must be integer class ids",
        ),
    ],
)
def test_bad_arguments_say_how_to_fix_them(use, message):
    with pytest.raises(ValueError, match=message):
        use()


@pytest.mark.parametrize("classes", [600, 10572, 93431])
def test_step_zero_loss_is_what_the_paper_implies(classes):
    """s sin(m) + ln(C - 1) + s^2 / 2d at random centres and embeddings."""
    embeddings = np.random.default_rng(0).normal(size=(256, 512))
    labels = np.arange(256, dtype="int32")
    layer = ArcMarginLayer(classes, 0.5, 64.0)
    loss = np.asarray(layer.margin_loss(embeddings.astype("float32"), labels))
    expected = 64 * np.sin(0.5) + np.log(classes - 1) + 64**2 / (2 * 512)
    assert abs(loss.mean() - expected) < 1.0


def norm_softmax_with_terms():
    return ArcMarginLayer(
        5, None, 64.0, extra_losses=[losses.IntraLoss(), losses.InterLoss(2.0)]
    )


def test_extra_losses_are_added_and_named():
    layer = norm_softmax_with_terms()
    layer.build((None, 4))
    layer.class_centers.assign(golden.CENTERS)
    terms = layer.loss_terms(EMBEDDINGS, golden.LABELS)
    means = {name: np.asarray(term).mean() for name, term in terms.items()}
    assert means == pytest.approx(
        {
            "margin_softmax": golden.NORM_SOFTMAX_LOSS,
            "intra_loss": golden.INTRA_TERM,
            "inter_loss": 2 * golden.INTER_TERM,
        },
        rel=1e-5,
    )
    total = np.asarray(layer.margin_loss(EMBEDDINGS, golden.LABELS)).mean()
    assert total == pytest.approx(sum(means.values()), rel=1e-6)
    plain = layer.margin_loss(EMBEDDINGS, golden.LABELS, training=False)
    assert np.asarray(plain).mean() == pytest.approx(
        golden.NORM_SOFTMAX_LOSS, rel=1e-5
    )


def test_extra_losses_train_are_shown_and_survive_a_round_trip(tmp_path):
    model = ArcFaceModel(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)]),
        norm_softmax_with_terms(),
    )
    model.compile("sgd")
    history = model.fit(EMBEDDINGS, golden.LABELS, verbose=0).history
    assert history["intra_loss"][0] > 0 > history["inter_loss"][0]
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    weights = [(t.name, t.weight) for t in loaded.head.extra_losses]
    assert weights == [("intra_loss", 1.0), ("inter_loss", 2.0)]
    np.testing.assert_allclose(
        np.asarray(loaded.head.margin_loss(EMBEDDINGS, golden.LABELS)),
        np.asarray(model.head.margin_loss(EMBEDDINGS, golden.LABELS)),
        rtol=1e-5,
    )


def test_a_loss_on_logits_refuses_label_smoothing():
    with pytest.raises(ValueError, match="part of margin_loss"):
        ArcMarginLayer(5, label_smoothing=0.1).loss()


def test_a_loss_on_logits_refuses_extra_losses():
    with pytest.raises(ValueError, match="intra_loss, inter_loss"):
        norm_softmax_with_terms().loss()
    assert ArcMarginLayer(5, extra_losses=None).extra_terms == []
    assert ArcMarginLayer(5, extra_losses=losses.IntraLoss()).extra_terms == [
        "intra_loss"
    ]


def test_float64_embeddings_are_computed_in_float32():
    layer = golden_layer()
    loss = layer.margin_loss(golden.EMBEDDINGS, golden.LABELS)
    assert keras.backend.standardize_dtype(loss.dtype) == "float32"
    logits = layer(golden.EMBEDDINGS, labels=golden.LABELS, training=True)
    np.testing.assert_allclose(
        np.asarray(loss),
        golden.cross_entropy(np.asarray(logits, "float64"), golden.LABELS),
        rtol=1e-5,
        atol=1e-5,
    )
    layer.target_angle(golden.EMBEDDINGS, golden.LABELS)


def test_extra_losses_are_added_in_a_functional_model():
    labels = keras.Input((), dtype="int32")
    features = keras.Input((4,))
    layer = norm_softmax_with_terms()
    model = keras.Model([features, labels], layer(features, labels=labels))
    model([EMBEDDINGS, golden.LABELS], training=True)
    assert len(model.losses) == 2
    model([EMBEDDINGS, golden.LABELS], training=False)
    assert len(model.losses) == 0


@pytest.mark.parametrize(
    "terms, sub_centers, message",
    [
        (["intra"], 1, r"IntraLoss\(\)"),
        ([losses.IntraLoss()], 3, "one centre a class"),
        ([losses.IntraLoss(), losses.IntraLoss()], 1, "names of their own"),
        ([losses.IntraLoss(name="margin_softmax")], 1, "names of their own"),
        ([keras.layers.Dense(3)], 1, "terms on class centres"),
        (3, 1, "terms on class centres"),
    ],
)
def test_wrong_extra_losses_are_refused(terms, sub_centers, message):
    with pytest.raises(ValueError, match=message):
        ArcMarginLayer(5, extra_losses=terms, sub_centers=sub_centers)
