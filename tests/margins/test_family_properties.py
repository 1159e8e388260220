"""What holds for every margin of the family."""

import math

import family
import golden
import keras
import numpy as np
import pytest
from keras import ops

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import MarginSoftmaxLoss
from keras_arcface import margins

C = family.CLASSES
ANGLES = [0.0, 1e-4, math.pi - 0.5 - 1e-4, math.pi - 0.5 + 1e-4, math.pi]


@pytest.fixture(params=family.MAKERS)
def margin(request):
    return family.MAKERS[request.param]()


def layer_with(margin, scale=32.0, classes=C, dim=8):
    layer = ArcMarginLayer(classes, margin, scale)
    layer.build((None, dim))
    rng = np.random.default_rng(5)
    layer.class_centers.assign(rng.normal(size=(classes, dim)))
    return layer


def gradient_of_loss(layer, embeddings, labels):
    def loss(x):
        return ops.sum(layer.margin_loss(x, labels))

    return golden.gradient(loss, embeddings)[0]


def at_angles(layer, angles, length=12.0):
    """Embeddings at these angles to the centre of their own class."""
    centers = golden.unit(np.asarray(layer.class_centers.value, "float64"))
    labels = np.arange(len(angles), dtype="int32") % layer.num_classes
    own = centers[labels]
    other = golden.unit(np.roll(own, 1, axis=1) - own * np.sum(
        own * np.roll(own, 1, axis=1), axis=1, keepdims=True
    ))  # fmt: skip
    angles = np.array(angles)[:, None]
    rows = np.cos(angles) * own + np.sin(angles) * other
    return (length * rows).astype("float32"), labels


def test_gradients_are_finite_at_the_angles_that_hurt(margin, policy):
    layer = layer_with(margin)
    embeddings, labels = at_angles(layer, ANGLES)
    embeddings = np.concatenate([embeddings, np.zeros_like(embeddings[:1])])
    labels = np.concatenate([labels, labels[:1]])
    for scale in (1.0, 1e-6, 1e3):
        grad = gradient_of_loss(layer, embeddings * np.float32(scale), labels)
        assert np.isfinite(grad).all()


def test_gradients_are_finite_for_duplicates(margin):
    layer = layer_with(margin)
    embeddings = np.tile(np.float32([[3, 0, 4, 0, 0, 0, 0, 0]]), (6, 1))
    labels = np.array([0, 0, 1, 2, 3, 3], "int32")
    grad = gradient_of_loss(layer, embeddings, labels)
    assert np.isfinite(grad).all()


@pytest.mark.parametrize("name", family.KINDS)
def test_training_moves_backbone_and_centers(name):
    """Training turns embeddings to their centres: the gradients point right."""
    margin = family.MAKERS[name]()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(48, 8)).astype("float32")
    y = (x[:, :C] * 3).argmax(1).astype("int32")
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    model = ArcFaceModel(backbone, ArcMarginLayer(C, margin, 10.0))
    model.compile(keras.optimizers.Adam(0.02))
    before = [np.array(w) for w in model.get_weights()]
    first = model.evaluate(x, y, verbose=0, return_dict=True)["angle"]
    model.fit(x, y, epochs=12, batch_size=48, verbose=0)
    last = model.evaluate(x, y, verbose=0, return_dict=True)["angle"]
    assert last < first - 3
    moved = [
        np.abs(old - new).max() > 0
        for old, new in zip(before, model.get_weights(), strict=True)
    ]
    assert moved[0] and moved[2]


def test_margin_loss_is_the_cross_entropy_of_the_logits(margin):
    margin = type(margin).from_config(margin.get_config())
    rng = np.random.default_rng(1)
    embeddings = rng.normal(size=(16, 8)).astype("float32") * 5
    labels = rng.integers(0, C, 16).astype("int32")
    first = layer_with(margin)
    loss = np.asarray(first.loss_terms(embeddings, labels)["margin_softmax"])
    # Of a twin, whose state has seen as many batches.
    second = layer_with(type(margin).from_config(margin.get_config()))
    logits = second(embeddings, labels=labels, training=True)
    expected = golden.cross_entropy(np.asarray(logits, "float64"), labels)
    np.testing.assert_allclose(loss, expected, rtol=2e-5, atol=2e-5)


def test_without_training_there_is_no_margin_and_no_state_moves(margin):
    layer = layer_with(margin)
    before = [np.asarray(v.value) for v in margin.non_trainable_variables]
    rng = np.random.default_rng(2)
    embeddings = rng.normal(size=(16, 8)).astype("float32")
    labels = rng.integers(0, C, 16).astype("int32")
    loss = np.asarray(layer.margin_loss(embeddings, labels, training=False))
    logits = np.asarray(layer(embeddings, labels=labels), "float64")
    np.testing.assert_allclose(
        loss, golden.cross_entropy(logits, labels), rtol=1e-4, atol=1e-5
    )
    cosine = (
        golden.unit(embeddings.astype("float64"))
        @ golden.unit(np.asarray(layer.class_centers.value, "float64")).T
    )
    np.testing.assert_allclose(
        logits / np.abs(logits).max(), cosine / np.abs(cosine).max(), atol=1e-5
    )
    for old, variable in zip(
        before, margin.non_trainable_variables, strict=True
    ):
        np.testing.assert_array_equal(old, np.asarray(variable.value))


@pytest.mark.parametrize("name", family.VANISHING)
def test_strength_zero_is_the_norm_softmax(name):
    margin = family.MAKERS[name]()
    margin.strength.assign(0.0)
    rng = np.random.default_rng(3)
    embeddings = rng.normal(size=(32, 8)).astype("float32") * 5
    labels = rng.integers(0, C, 32).astype("int32")
    loss = layer_with(margin).loss_terms(embeddings, labels)["margin_softmax"]
    plain = layer_with(None).margin_loss(embeddings, labels)
    np.testing.assert_allclose(
        np.asarray(loss), np.asarray(plain), rtol=1e-4, atol=2e-5
    )


@pytest.mark.parametrize("name", family.MONOTONE)
def test_the_target_never_rises_with_the_angle(name):
    margin = family.MAKERS[name]()
    cosine = np.cos(np.linspace(0, np.pi, 3001)).astype("float32")
    given = {
        "labels": np.zeros(3001, "int32"),
        "norm": np.full(3001, 20.0, "float32"),
    }
    given = {key: given[key] for key in margin.reads}
    value = np.asarray(margin.penalize(cosine, **given))
    # A float32 cosine near 1 is known to 6e-8; A-Softmax takes 16 times that.
    assert (np.diff(value) <= 4e-6).all()


@pytest.mark.parametrize(
    "general, special",
    [
        (margins.Combined(1.0, 0.0, 0.35), margins.CosFace(0.35)),
        (margins.Combined(1.0, 0.5, 0.0), margins.ArcFace(0.5)),
        (
            margins.Combined(1.0, 0.5, 0.0, tail="raw"),
            margins.ArcFace(0.5, tail="raw"),
        ),
        (margins.Combined(1.35, 0.0, 0.0), margins.SphereFace(1.35)),
        (margins.ASoftmax(2.0, annealing=0.0), margins.SphereFace(2.0)),
        (margins.Combined(1.0, 0.0, 0.0), margins.NoMargin()),
    ],
)
def test_the_general_margin_holds_the_special_ones(general, special):
    cosine = np.cos(np.linspace(0.01, 3.13, 500)).astype("float32")
    np.testing.assert_allclose(
        np.asarray(general.penalize(cosine)),
        np.asarray(special.penalize(cosine)),
        atol=3e-6,
    )


@pytest.mark.parametrize("gradient", ["exact", "straight_through"])
def test_the_derivative_is_that_of_the_formula_or_one(gradient):
    theta = np.linspace(0.1, np.pi - 0.6, 50)
    margin = margins.ArcFace(0.5, gradient=gradient)
    (grad,) = golden.gradient(
        lambda c: ops.sum(margin.penalize(c)), np.cos(theta).astype("float32")
    )
    exact = np.sin(theta + 0.5) / np.sin(theta)
    expected = exact if gradient == "exact" else np.ones(50)
    np.testing.assert_allclose(grad, expected, rtol=1e-4)


def test_the_length_of_embeddings_and_centers_does_not_count(margin):
    if "norm" in margin.reads or isinstance(margin, margins.ElasticFace):
        pytest.skip("reads the length, or draws anew")
    rng = np.random.default_rng(10)
    embeddings = rng.normal(size=(16, 8)).astype("float32")
    labels = rng.integers(0, C, 16).astype("int32")
    first = layer_with(margin)
    second = layer_with(type(margin).from_config(margin.get_config()))
    second.class_centers.assign(7 * np.asarray(first.class_centers.value))
    np.testing.assert_allclose(
        np.asarray(first.margin_loss(embeddings, labels)),
        np.asarray(second.margin_loss(3 * embeddings, labels)),
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.parametrize("name", ["sphereface", "combined"])
def test_raw_tails_rise(name):
    margin = type(family.MAKERS[name]())(tail="raw")
    cosine = np.cos(np.linspace(0, np.pi, 3001)).astype("float32")
    assert np.diff(np.asarray(margin.penalize(cosine))).max() > 1e-4


def test_a_margin_never_helps_the_target(margin):
    """Under its margin no target counts for more than without."""
    if isinstance(margin, (margins.LiArcFace, margins.Circle)):
        pytest.skip("its targets are another curve altogether")
    rng = np.random.default_rng(4)
    cosine = np.cos(rng.uniform(0, np.pi, 1000)).astype("float32")
    given = {
        "labels": rng.integers(0, C, 1000),
        "norm": rng.uniform(0, 30, 1000).astype("float32"),
    }
    given = {key: given[key] for key in margin.reads}
    value = np.asarray(margin.penalize(cosine, **given))
    tail = getattr(margin, "tail", "")
    if tail == "raw" or isinstance(margin, margins.AdaFace):
        value = value[cosine > 0.2]
        cosine = cosine[cosine > 0.2]
    # AdaFace clips cosines to 0.999 from both sides.
    assert (value <= cosine + 1.5e-3).all()


def test_a_million_random_draws_without_nan(margin):
    layer = layer_with(margin, dim=4)
    rng = np.random.default_rng(6)
    # Lengths from 1e-8 to 1e8, a tenth of them on a centre or opposite it.
    directions = rng.normal(size=(10**6, 4)).astype("float32")
    labels = rng.integers(0, C, 10**6).astype("int32")
    own = np.asarray(layer.class_centers.value)[labels[: 10**5]]
    directions[: 10**5] = own * rng.choice([-1, 1], (10**5, 1))
    lengths = 10.0 ** rng.uniform(-8, 8, (10**6, 1))
    loss = layer.margin_loss((directions * lengths).astype("float32"), labels)
    assert np.isfinite(np.asarray(loss)).all()
    grad = gradient_of_loss(
        layer, (directions * lengths)[: 2 * 10**5].astype("float32"),
        labels[: 2 * 10**5],
    )  # fmt: skip
    assert np.isfinite(grad).all()


def test_losses_are_per_class_permutation_equivariant(margin):
    if isinstance(margin, margins.PerClass):
        pytest.skip("its margins belong to class ids")
    if isinstance(margin, margins.ElasticFace):
        pytest.skip("draws other margins the second time")
    rng = np.random.default_rng(7)
    embeddings = rng.normal(size=(16, 8)).astype("float32") * 5
    labels = rng.integers(0, C, 16).astype("int32")
    first = layer_with(margin)
    second = layer_with(type(margin).from_config(margin.get_config()))
    order = rng.permutation(C)
    second.class_centers.assign(np.asarray(first.class_centers.value)[order])
    moved = np.argsort(order)[labels].astype("int32")
    np.testing.assert_allclose(
        np.asarray(first.margin_loss(embeddings, labels)),
        np.asarray(second.margin_loss(embeddings, moved)),
        rtol=1e-5,
        atol=1e-6,
    )


def test_config_round_trip(margin):
    copy = type(margin).from_config(margin.get_config())
    assert copy.get_config() == margin.get_config()
    text = keras.saving.serialize_keras_object(margin)
    again = keras.saving.deserialize_keras_object(text)
    assert again.get_config() == margin.get_config()


@pytest.mark.parametrize("name", family.KINDS)
def test_keras_round_trip_with_state(name, tmp_path):
    margin = family.MAKERS[name]()
    images, labels = keras.Input((8,)), keras.Input((), dtype="int32")
    layer = ArcMarginLayer(C, margin, 20.0)
    model = keras.Model([images, labels], layer(images, labels=labels))
    stock = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=stock)
    rng = np.random.default_rng(8)
    x = rng.normal(size=(32, 8)).astype("float32") * 5
    y = rng.integers(0, C, 32).astype("int32")
    model.fit([x, y], y, epochs=3, verbose=0)
    margin.strength.assign(0.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    twin = loaded.layers[-1].margin
    for old, new in zip(margin.variables, twin.variables, strict=True):
        np.testing.assert_array_equal(
            np.asarray(old.value), np.asarray(new.value)
        )
    rows = {"epochs": 2, "verbose": 0, "shuffle": False}
    first = model.fit([x, y], y, **rows).history["loss"]
    second = loaded.fit([x, y], y, **rows).history["loss"]
    np.testing.assert_allclose(first, second, rtol=1e-5)


@pytest.mark.parametrize("name", family.STATELESS)
def test_a_loss_on_logits_equals_the_layer(name):
    layer = layer_with(family.MAKERS[name]())
    rng = np.random.default_rng(9)
    embeddings = rng.normal(size=(16, 8)).astype("float32") * 5
    labels = rng.integers(0, C, 16).astype("int32")
    loss = layer.loss(reduction=None)
    np.testing.assert_allclose(
        np.asarray(loss(labels, layer(embeddings))),
        np.asarray(layer.margin_loss(embeddings, labels)),
        rtol=2e-5,
        atol=2e-5,
    )


@pytest.mark.parametrize(
    "name", [n for n in family.MAKERS if n not in family.STATELESS]
)
def test_a_loss_on_logits_refuses_what_needs_more(name):
    margin = family.MAKERS[name]()
    message = r"labels=labels\).*SparseCategoricalCrossentropy"
    with pytest.raises(ValueError, match=message):
        ArcMarginLayer(C, margin).loss()
    with pytest.raises(ValueError, match="ArcFaceModel"):
        MarginSoftmaxLoss(margin)


@pytest.mark.parametrize("name", margins.MARGINS)
def test_every_name_makes_a_layer_that_trains(name):
    layer = ArcMarginLayer(C, name, "auto")
    loss = layer.margin_loss(np.eye(4, dtype="float32"), np.arange(4))
    assert np.isfinite(np.asarray(loss)).all()
