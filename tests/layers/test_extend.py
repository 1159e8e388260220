"""New identities for a trained head."""

import family
import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import SphereFace2Layer
from keras_arcface import losses
from keras_arcface import margins

C, DIM, NEW = family.CLASSES, 4, 3
RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, DIM)).astype("float32")
Y = (np.arange(12) % C).astype("int32")


def head_of(margin=0.5, **kwargs):
    layer = ArcMarginLayer(C, margin, **kwargs)
    layer.build((None, DIM))
    rows = C * layer.sub_centers
    layer.class_centers.assign(RNG.normal(size=(rows, DIM)))
    return layer


def array(tensor):
    return keras.ops.convert_to_numpy(tensor)


def model_of(head):
    backbone = keras.Sequential([keras.Input((DIM,)), keras.layers.Dense(DIM)])
    return ArcFaceModel(backbone, head)


@pytest.mark.parametrize("sub_centers", [1, 3])
def test_old_centres_stay_bit_for_bit(sub_centers):
    head = head_of(sub_centers=sub_centers)
    before, logits = array(head.class_centers), array(head(X))
    longer = head.extend(NEW)
    assert longer.num_classes == C + NEW and head.num_classes == C
    centers = array(longer.class_centers)
    assert centers.shape == ((C + NEW) * sub_centers, DIM)
    np.testing.assert_array_equal(centers[: len(before)], before)
    np.testing.assert_array_equal(array(head.class_centers), before)
    # The same products, which a larger matrix may sum in another order.
    np.testing.assert_allclose(array(longer(X))[:, :C], logits, atol=2e-5)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_new_centres_come_from_the_initializer():
    seeded = keras.initializers.RandomNormal(stddev=0.01, seed=1)
    head = ArcMarginLayer(C, centers_initializer=seeded)
    head.build((None, DIM))
    centers = array(head.extend(NEW).class_centers)
    fresh = ArcMarginLayer(C + NEW, centers_initializer=seeded)
    fresh.build((None, DIM))
    drawn = array(fresh.class_centers)[C:]
    np.testing.assert_allclose(unit(centers[C:]), unit(drawn), atol=1e-6)
    # As long as the old ones, so that all turn at one pace.
    lengths = np.linalg.norm(centers, axis=1)
    np.testing.assert_allclose(lengths[C:], lengths[:C].mean(), rtol=1e-5)
    # A seed does not make new identities twins of the first ones.
    assert np.abs(centers[C:] - centers[:NEW]).min(axis=1).all()


def test_new_centres_point_where_they_are_told():
    head = head_of(sub_centers=2)
    told = RNG.normal(size=(NEW * 2, DIM)) * 50
    new = array(head.extend(NEW, centers=told).class_centers)[C * 2 :]
    unit = told / np.linalg.norm(told, axis=1, keepdims=True)
    lengths = np.linalg.norm(new, axis=1)
    np.testing.assert_allclose(new / lengths[:, None], unit, atol=1e-6)
    usual = np.linalg.norm(array(head.class_centers), axis=1).mean()
    np.testing.assert_allclose(lengths, usual, rtol=1e-5)


def test_an_automatic_scale_stays_the_number_that_it_was():
    layer = ArcMarginLayer(100_000, scale="auto")
    layer.build((None, 2))
    longer = layer.extend(100_000)
    assert (
        longer.scale
        == layer.scale
        < ArcMarginLayer(200_000, scale="auto").scale
    )


@pytest.mark.parametrize("name", family.MAKERS)
def test_a_margin_goes_along_with_its_state(name):
    margin = family.MAKERS[name]()
    head = head_of(margin)
    for variable in margin.variables:
        if variable.shape == ():
            variable.assign(0.25)
    if isinstance(margin, margins.PerClass):
        with pytest.raises(ValueError, match="margin=PerClass"):
            head.extend(NEW)
        more = margins.PerClass(np.full(C + NEW, 0.2), margin.kind)
        longer = head.extend(NEW, margin=more)
        # A copy: its state belongs to one head.
        assert longer.margin is not more
        assert longer.margin.get_config() == more.get_config()
    else:
        longer = head.extend(NEW)
        assert type(longer.margin) is type(margin)
        assert longer.margin is not margin
        for old, new in zip(
            margin.variables, longer.margin.variables, strict=True
        ):
            np.testing.assert_array_equal(array(new), array(old))
    assert float(array(longer.margin.strength)) == 0.25
    loss = array(longer.margin_loss(X, Y + NEW))
    assert np.isfinite(loss).all()


def test_a_binary_head_keeps_its_bias():
    head = SphereFace2Layer(C)
    head.build((None, DIM))
    head.bias.assign(1.5)
    assert float(array(head.extend(NEW).bias)) == 1.5


def test_a_sampled_head_draws_on_among_all_classes():
    head = head_of(sample_rate=0.5, seed=0)
    head.margin_loss(X[:2], Y[:2])
    longer = head.extend(NEW)
    assert longer.sample_rate == 0.5
    np.testing.assert_array_equal(
        array(longer.seed_generator.state), array(head.seed_generator.state)
    )
    assert np.isfinite(array(longer.margin_loss(X[:2], Y[:2] + C))).all()


def test_all_arguments_go_along():
    head = ArcMarginLayer(
        C,
        margins.CosFace(0.2),
        30.0,
        sub_centers=2,
        chunk_size=5,
        label_smoothing=0.1,
        centers_regularizer=keras.regularizers.L2(1e-4),
        name="faces",
    )
    head.build((None, DIM))
    before, after = head.get_config(), head.extend(NEW).get_config()
    for config in (before, after):  # Margins are built for a class count.
        config["margin"].pop("build_config", None)
    assert after.pop("num_classes") == before.pop("num_classes") + NEW
    assert after == before


def test_a_model_trains_on_saves_and_loads(tmp_path):
    model = model_of(head_of(chunk_size=4))
    model.compile("sgd")
    model.fit(X, Y, verbose=0)
    longer = model.extend(NEW, centers=model.embed([X])[:NEW])
    assert longer.backbone is model.backbone and not longer.compiled
    old = array(longer.head.class_centers)
    longer.compile("sgd")
    history = longer.fit(X, Y + NEW, epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert (array(longer.head.class_centers) != old).any(axis=1).all()
    longer.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.head.num_classes == C + NEW
    np.testing.assert_array_equal(
        array(loaded.head.class_centers), array(longer.head.class_centers)
    )
    np.testing.assert_allclose(loaded.embed([X]), longer.embed([X]), atol=1e-6)


def test_a_loaded_model_takes_new_identities(tmp_path):
    model = model_of(head_of(margins.AdaCos()))
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    longer = loaded.extend(NEW)
    np.testing.assert_array_equal(
        array(longer.head.class_centers)[:C], array(model.head.class_centers)
    )


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: ArcMarginLayer(C).extend(NEW), "has none yet"),
        (lambda: head_of().extend(0), "n must be an integer of at least 1"),
        (lambda: head_of().extend(2.0), "n must be an integer"),
        (
            lambda: head_of().extend(NEW, centers=np.ones((NEW, DIM + 1))),
            r"= \(3, 4\). Received: shape=\(3, 5\)",
        ),
        (
            lambda: head_of().extend(2, centers=[[1, 1, 1, 1], [0, 0, 0, 0]]),
            "row 1 of zeros",
        ),
        (
            lambda: model_of(losses.ProxyAnchor(C)).extend(NEW),
            "needs a head with class centres",
        ),
    ],
)
def test_bad_arguments_say_how_to_fix_them(use, message):
    with pytest.raises(ValueError, match=message):
        use()
