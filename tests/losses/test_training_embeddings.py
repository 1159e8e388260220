"""Models train with every loss on embeddings, and come back from disk."""

import keras
import numpy as np
import pytest
import registry
from keras import ops

from keras_arcface import ArcFaceModel
from keras_arcface import losses

LABELS = np.repeat(np.arange(4), 4).astype("int32")
IMAGES = np.random.default_rng(0).normal(size=(16, 6)).astype("float32")
IMAGES += np.eye(6, dtype="float32")[LABELS]


def dense():
    return keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])


def make_model(name):
    loss = registry.ALL[name][0]()
    if isinstance(loss, keras.losses.Loss):
        model = dense()
        model.compile(keras.optimizers.Adam(0.05), loss=loss)
    else:
        model = ArcFaceModel(dense(), loss)
        model.compile(keras.optimizers.Adam(0.05))
    return model


def weights_of(model):
    return [np.asarray(each) for each in model.weights]


@pytest.mark.parametrize("name", registry.EACH_KIND)
def test_the_loss_falls_and_the_model_comes_back(name, tmp_path):
    model = make_model(name)
    history = model.fit(
        IMAGES, LABELS, batch_size=16, epochs=12, verbose=0, shuffle=False
    ).history
    assert history["loss"][-1] < history["loss"][1] - 1e-3
    assert ("angle" in history) == hasattr(
        getattr(model, "head", None), "target_angle"
    )
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(weights_of(loaded), weights_of(model), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    ours, theirs = trained(loaded), trained(model)
    assert ours.get_config() == theirs.get_config()
    x = np.asarray(model(IMAGES))
    np.testing.assert_array_equal(
        np.asarray(registry.per_sample(ours, LABELS, x)),
        np.asarray(registry.per_sample(theirs, LABELS, x)),
    )


def trained(model):
    return model.head if isinstance(model, ArcFaceModel) else model.loss


@pytest.mark.parametrize("name", ["proxy_anchor", "class_margin", "memory"])
def test_a_head_adds_its_loss_in_a_functional_model(name, tmp_path):
    head = registry.ALL[name][0]()
    images = keras.Input((4,))
    labels = keras.Input((), dtype="int32")
    model = keras.Model([images, labels], head(images, labels))
    model([IMAGES[:, :4], LABELS], training=True)
    expected = registry.ALL[name][1](LABELS, IMAGES[:, :4].astype("float64"))
    np.testing.assert_allclose(float(model.losses[0]), expected, rtol=1e-5)
    model([IMAGES[:, :4], LABELS])
    assert not model.losses
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(weights_of(loaded), weights_of(model), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("name", registry.HEADS)
def test_symbolic_output_is_eager_output(name, policy):
    head = registry.HEADS[name][0]()
    symbolic = head(keras.Input((4,), dtype="float32"))
    eager = head(IMAGES[:, :4])
    assert symbolic.shape == (None, *eager.shape[1:])
    assert symbolic.dtype == keras.backend.standardize_dtype(eager.dtype)
    if hasattr(head, "proxies"):
        assert eager.shape == (16, 10) and symbolic.dtype == "float32"


def test_mixed_precision_trains(policy):
    model = ArcFaceModel(dense(), losses.ProxyAnchor(4))
    model.compile("sgd")
    model.fit(IMAGES, LABELS, verbose=0)
    features = model.backbone(IMAGES)
    assert np.isfinite(np.asarray(ops.cast(features, "float32"))).all()
    assert model.head.proxies.dtype == "float32"


def test_a_metric_of_the_logits():
    model = ArcFaceModel(dense(), losses.SoftTriple(4, centers=2))
    model.compile("sgd", metrics=["accuracy"])
    history = model.fit(IMAGES, LABELS, verbose=0).history
    assert 0 <= history["sparse_categorical_accuracy"][0] <= 1


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: losses.ProxyNCA(1), "num_classes must be an integer of at"),
        (lambda: losses.ProxyNCA(3, scale=0), "scale must be above 0"),
        (
            lambda: losses.ProxyNCA(3, denominator="positives"),
            "denominator must be one of 'all', 'negatives'",
        ),
        (
            lambda: losses.ProxyAnchor(3).margin_loss(IMAGES, LABELS),
            r"lie in \[0, 3\)",
        ),
        (
            lambda: losses.ProxyAnchor(3).margin_loss(IMAGES, LABELS * 1.0),
            "must be integer class ids",
        ),
        (
            lambda: losses.ProxyAnchor(3)(np.ones((2, 3, 3), "float32")),
            "Add a Flatten",
        ),
        (
            lambda: losses.ProxyAnchor(3)([IMAGES]),
            r"takes embeddings, or \[embeddings, labels\]",
        ),
        (
            lambda: losses.CrossBatchMemory(losses.NpairsLoss()),
            "takes a loss on pairs of embeddings",
        ),
        (
            lambda: losses.CrossBatchMemory(
                losses.SupConLoss(), size=8
            ).margin_loss(IMAGES, LABELS),
            "must hold a batch at least",
        ),
        (lambda: losses.AngularTripletLoss(20.0), "looks like degrees"),
        (lambda: losses.TripletLoss(distance="L2"), "distance must be one of"),
        (lambda: losses.NTXentLoss(temperature=0), "must be above 0"),
    ],
)
def test_bad_arguments_say_how_to_fix_them(use, message):
    with pytest.raises(ValueError, match=message):
        use()
