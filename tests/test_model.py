import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceLoss
from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import CosFace
from keras_arcface import CosFaceLoss
from keras_arcface import MarginSoftmaxLoss
from keras_arcface import NormSoftmaxLoss
from keras_arcface import UniFaceLayer
from keras_arcface import check

CLASSES = 7
IMAGES = np.random.default_rng(0).uniform(0, 255, (64, 6, 6, 3))
IMAGES = IMAGES.astype("float32")
LABELS = np.random.default_rng(1).integers(0, CLASSES, 64).astype("int32")


def make_backbone():
    return keras.Sequential(
        [
            keras.Input((6, 6, 3)),
            keras.layers.Rescaling(1 / 127.5, offset=-1),
            keras.layers.Flatten(),
            keras.layers.Dense(16, name="features"),
        ]
    )


def make_model(margin=0.3, scale=16.0):
    head = ArcMarginLayer(CLASSES, margin, scale)
    model = ArcFaceModel(make_backbone(), head)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    return model


def losses_of(model, inputs, weights):
    model.set_weights(weights)
    history = []

    class Record(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            history.append(logs["loss"])

    model.fit(
        inputs,
        LABELS,
        batch_size=64,
        epochs=6,
        shuffle=False,
        verbose=0,
        callbacks=[Record()],
    )
    return history


def test_the_three_forms_train_to_the_same_losses():
    optimizer = lambda: keras.optimizers.SGD(0.1, momentum=0.9)  # noqa: E731
    backbone = make_backbone()
    weights = backbone.get_weights()
    centers = np.random.default_rng(2).normal(0, 0.01, (CLASSES, 16))
    start = weights + [centers.astype("float32"), np.float32(1)]

    layer = ArcMarginLayer(CLASSES, 0.3, 16.0)
    sequential = keras.Sequential(
        [keras.Input((6, 6, 3)), *make_backbone().layers, layer]
    )
    sequential.compile(optimizer(), loss=layer.loss())

    images = keras.Input((6, 6, 3))
    labels = keras.Input((), dtype="int32")
    logits = ArcMarginLayer(CLASSES, 0.3, 16.0)(
        make_backbone()(images), labels=labels
    )
    functional = keras.Model([images, labels], logits)
    functional.compile(
        optimizer(),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )

    first = losses_of(sequential, IMAGES, start)
    second = losses_of(functional, [IMAGES, LABELS], start)
    third = losses_of(make_model(), IMAGES, start)
    assert first[-1] < first[0]
    np.testing.assert_allclose(first, second, atol=1e-5)
    np.testing.assert_allclose(first, third, atol=1e-5)


def test_call_gives_unit_embeddings_and_fit_learns():
    model = make_model()
    history = model.fit(
        IMAGES, LABELS, validation_data=(IMAGES, LABELS), epochs=20, verbose=0
    ).history
    assert history["loss"][-1] < 0.7 * history["loss"][0]
    assert history["angle"][-1] < history["angle"][0]
    assert 70 < history["angle"][0] < 100
    assert set(history) == {"loss", "angle", "val_loss", "val_angle"}
    lengths = np.linalg.norm(np.asarray(model(IMAGES)), axis=-1)
    np.testing.assert_allclose(lengths, 1, atol=1e-6)
    np.testing.assert_allclose(
        model.predict(IMAGES, verbose=0), np.asarray(model(IMAGES)), atol=1e-6
    )


class Batches(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, index):
        rows = slice(16 * index, 16 * index + 16)
        return IMAGES[rows], LABELS[rows]


def test_fit_takes_a_pydataset():
    history = make_model().fit(
        Batches(), validation_data=Batches(), epochs=2, verbose=0
    )
    assert history.history["val_loss"][-1] < history.history["val_loss"][0] * 2


@pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="tf.data needs TensorFlow"
)
def test_fit_takes_tf_data():
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(16)
    history = make_model().fit(
        data, validation_data=data, epochs=3, verbose=0, shuffle=False
    )
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_sample_weights_count():
    model = make_model()
    zero = model.evaluate(IMAGES, LABELS, sample_weight=np.zeros(64), verbose=0)
    assert zero[0] == 0


def test_the_margin_does_not_touch_validation():
    weights = make_model().get_weights()
    losses = []
    for margin in (0.5, CosFace(0.35), None):
        model = make_model(margin)
        for variable, value in zip(model.weights, weights, strict=False):
            if variable.shape == value.shape:
                variable.assign(value)
        losses.append(model.evaluate(IMAGES, LABELS, verbose=0)[0])
    np.testing.assert_allclose(losses, losses[0], rtol=1e-5)


def test_metrics_see_plain_logits():
    model = make_model()
    model.compile("sgd", metrics=["accuracy"])
    model.fit(IMAGES, LABELS, verbose=0)
    result = model.evaluate(IMAGES, LABELS, return_dict=True, verbose=0)
    features = model.backbone(IMAGES)
    logits = np.asarray(model.head(features))
    expected = (logits.argmax(-1) == LABELS).mean()
    assert abs(result["sparse_categorical_accuracy"] - expected) < 1e-6


def test_center_regularizer_counts():
    head = ArcMarginLayer(
        CLASSES, scale=16.0, centers_regularizer=keras.regularizers.L2(10.0)
    )
    model = ArcFaceModel(make_backbone(), head)
    model.compile("sgd")
    loss, _ = model.evaluate(IMAGES, LABELS, verbose=0)
    plain = np.mean(
        np.asarray(head.margin_loss(model(IMAGES), LABELS, training=False))
    )
    penalty = 10.0 * np.sum(np.asarray(head.class_centers.value) ** 2)
    np.testing.assert_allclose(loss, plain + penalty, rtol=1e-5)


def test_keras_round_trip_goes_on_training(tmp_path):
    model = make_model(CosFace(0.2), 20.0)
    model.fit(IMAGES, LABELS, verbose=0)
    model.head.margin.strength.assign(0.5)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert isinstance(loaded, ArcFaceModel)
    assert isinstance(loaded.head.margin, CosFace)
    np.testing.assert_allclose(
        np.asarray(loaded(IMAGES)), np.asarray(model(IMAGES)), atol=1e-6
    )
    rows = {"verbose": 0, "shuffle": False, "epochs": 2}
    first = model.fit(IMAGES, LABELS, **rows).history["loss"]
    second = loaded.fit(IMAGES, LABELS, **rows).history["loss"]
    np.testing.assert_allclose(first, second, rtol=1e-5)


def test_a_sequential_with_its_layers_loss_round_trips(tmp_path):
    layer = ArcMarginLayer(CLASSES, 0.3, 16.0)
    model = sequential(layer, layer.loss())
    model.fit(IMAGES, LABELS, verbose=0)
    layer.margin.strength.assign(0.2)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    for margin in (loaded.layers[-1].margin, loaded.loss.margin):
        np.testing.assert_allclose(np.asarray(margin.strength), 0.2)
    np.testing.assert_allclose(
        loaded.evaluate(IMAGES, LABELS, verbose=0),
        model.evaluate(IMAGES, LABELS, verbose=0),
        rtol=1e-5,
    )
    loaded.fit(IMAGES, LABELS, verbose=0)


def test_embed_with_and_without_flip():
    model = make_model()
    plain = model.embed(IMAGES, batch_size=10)
    np.testing.assert_allclose(plain, np.asarray(model(IMAGES)), atol=1e-6)
    features = np.asarray(model.backbone(IMAGES))
    features = features + np.asarray(model.backbone(IMAGES[:, :, ::-1]))
    features = features / np.linalg.norm(features, axis=1, keepdims=True)
    flipped = model.embed([IMAGES[:30], IMAGES[30:]], flip=True)
    np.testing.assert_allclose(flipped, features, atol=1e-5)
    assert model.embed(IMAGES[:0]).shape == (0, 16)


def test_trains_under_every_policy(policy):
    model = make_model()
    assert model.head.class_centers.dtype == "float32"
    history = model.fit(IMAGES, LABELS, epochs=30, verbose=0).history["loss"]
    assert np.isfinite(history).all()
    assert history[-1] < history[0]


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: make_model().fit(IMAGES, verbose=0), "learns from labels"),
        (
            lambda: make_model().compile("sgd", loss="mse"),
            "takes its loss from the head",
        ),
        (lambda: make_model().embed(IMAGES[0]), r"images\[None\]"),
        (
            lambda: make_model().fit(
                IMAGES, LABELS.astype("float32"), verbose=0
            ),
            "must be integer class ids",
        ),
        (
            lambda: make_model().fit(IMAGES, LABELS + 1, verbose=0),
            r"lie in \[0, 7\).*from 1 to 7",
        ),
        (
            lambda: make_model().fit(
                IMAGES, LABELS, validation_data=(IMAGES, LABELS - 1), verbose=0
            ),
            "from -1 to 5",
        ),
        (
            lambda: make_model().fit(IMAGES, np.eye(7)[LABELS], verbose=0),
            r"argmax\(-1\)",
        ),
    ],
)
def test_mistakes_say_how_to_fix_them(use, message):
    with pytest.raises(ValueError, match=message):
        use()


def sequential(layer, loss):
    model = keras.Sequential(
        [keras.Input((6, 6, 3)), *make_backbone().layers, layer]
    )
    model.compile("sgd", loss=loss)
    return model


def functional(loss):
    images, labels = keras.Input((6, 6, 3)), keras.Input((), dtype="int32")
    layer = ArcMarginLayer(CLASSES)
    model = keras.Model(
        [images, labels], layer([make_backbone()(images), labels])
    )
    model.compile("sgd", loss=loss)
    return model


@pytest.mark.parametrize(
    "make, message",
    [
        (
            lambda: sequential(ArcMarginLayer(7), ArcFaceLoss(scale=30.0)),
            "scale=30.0.*scale=64",
        ),
        (
            lambda: sequential(ArcMarginLayer(7), CosFaceLoss()),
            r"margin CosFace\(.*ArcFace\(",
        ),
        (
            lambda: sequential(
                ArcMarginLayer(7),
                keras.losses.SparseCategoricalCrossentropy(),
            ),
            "from_logits=True",
        ),
        (
            lambda: sequential(
                ArcMarginLayer(7), "sparse_categorical_crossentropy"
            ),
            "from_logits=True",
        ),
        (lambda: functional(ArcFaceLoss()), "applied twice"),
        (lambda: functional(MarginSoftmaxLoss()), "applied twice"),
        (
            lambda: sequential(
                ArcMarginLayer(7, scale="auto"), ArcFaceLoss(scale=64.0)
            ),
            "layer.loss",
        ),
    ],
)
def test_check_finds_a_loss_that_does_not_fit(make, message):
    with pytest.raises(ValueError, match=message):
        check(make())


def test_check_passes_what_fits():
    layer = ArcMarginLayer(7, 0.4, 20.0)
    check(sequential(layer, layer.loss()))
    check(sequential(ArcMarginLayer(7), ArcFaceLoss()))
    check(sequential(ArcMarginLayer(7, None), NormSoftmaxLoss()))
    check(
        sequential(ArcMarginLayer(7, scale="auto"), ArcFaceLoss(scale="auto"))
    )
    stock = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    check(functional(stock))
    check(make_model())


def test_check_takes_a_loss_for_each_of_two_heads():
    features = keras.Input((8,))
    first = ArcMarginLayer(CLASSES, 0.3, 16.0)
    second = ArcMarginLayer(CLASSES, CosFace(0.2), 20.0)
    model = keras.Model(features, [first(features), second(features)])
    model.compile("sgd", loss=[first.loss(), second.loss()])
    check(model)
    model.compile("sgd", loss=[first.loss(), ArcFaceLoss(scale=30.0)])
    with pytest.raises(ValueError, match="scale=30"):
        check(model)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ArcMarginLayer(7, "adaface"), "AdaFace would never be"),
        (lambda: UniFaceLayer(7), "has a loss of its own"),
    ],
)
def test_check_finds_a_margin_that_is_never_applied(make, message):
    stock = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.raises(ValueError, match=message):
        check(sequential(make(), stock))


@pytest.mark.parametrize(
    "head", [ArcMarginLayer, keras.layers.Dense(5), "arcface"]
)
def test_a_head_is_a_layer_with_a_loss(head):
    with pytest.raises(ValueError, match="head must be|num_classes must be"):
        ArcFaceModel(make_backbone(), head)
