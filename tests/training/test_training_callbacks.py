import re
import warnings

import keras
import numpy as np
import pytest
from family import MAKERS

from keras_arcface import ArcFaceLoss
from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import CosFace
from keras_arcface import losses
from keras_arcface import margins
from keras_arcface.layers import SphereFace2Layer
from keras_arcface.layers import UniFaceLayer
from keras_arcface.training import CoupledSGD
from keras_arcface.training import LossDiagnosis
from keras_arcface.training import MarginWarmup
from keras_arcface.training import NaNGuard
from keras_arcface.training import chance_loss
from keras_arcface.training import collapsed_loss
from keras_arcface.training import warmup_cosine

X = np.random.default_rng(0).normal(size=(40, 8)).astype("float32")
Y = np.random.default_rng(1).integers(0, 5, 40).astype("int32")


def make_model(margin=0.5, scale=16.0, learning_rate=0.01):
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64)])
    model = ArcFaceModel(backbone, ArcMarginLayer(5, margin, scale))
    model.compile(keras.optimizers.SGD(learning_rate))
    return model


class Pairs(keras.utils.PyDataset):
    """A data set whose labels nobody can see beforehand."""

    def __init__(self, x, y):
        super().__init__()
        self.x, self.y = x, y

    def __len__(self):
        return 1

    def __getitem__(self, index):
        return self.x, self.y


class Strengths(keras.callbacks.Callback):
    def __init__(self, margin):
        super().__init__()
        self.margin = margin
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        _ = self.model  # Brings JAX's variables up to date.
        self.seen.append(float(np.asarray(self.margin.strength)))


def fit(model, callbacks, **kwargs):
    kwargs = {"batch_size": 10, "epochs": 5, "verbose": 0, **kwargs}
    return model.fit(X, Y, callbacks=callbacks, **kwargs)


def test_the_strength_grows_linearly_to_one():
    model = make_model()
    strengths = Strengths(model.head.margin)
    history = fit(model, [MarginWarmup(0.5), strengths])
    expected = np.minimum(1, np.arange(20) / 10)
    np.testing.assert_allclose(strengths.seen, expected, atol=1 / 256)
    assert history.history["margin_strength"][-1] == 1.0


def test_warmup_in_steps_and_resumed_in_the_middle():
    model = make_model()
    strengths = Strengths(model.head.margin)
    fit(model, [MarginWarmup(steps=16), strengths], initial_epoch=2)
    expected = np.minimum(1, np.arange(8, 20) / 16)
    np.testing.assert_allclose(strengths.seen, expected, atol=1 / 256)


@pytest.mark.parametrize("epoch", [1, 3])
def test_the_strength_is_a_function_of_the_step(epoch):
    seen = []
    for first in (0, epoch):
        model = make_model()
        strengths = Strengths(model.head.margin)
        warmup = MarginWarmup(steps=17)
        history = fit(model, [warmup, strengths], initial_epoch=first).history
        seen.append((strengths.seen, history["margin_strength"]))
    assert seen[1][0] == seen[0][0][4 * epoch :]
    assert seen[1][1] == seen[0][1][epoch:]


def test_warmup_reaches_the_margin_of_a_sequential_loss():
    layer = ArcMarginLayer(5, 0.4, 16.0)
    model = keras.Sequential([keras.Input((8,)), layer])
    model.compile("sgd", loss=layer.loss())
    strengths = Strengths(model.loss.margin)
    fit(model, [MarginWarmup(0.5), strengths])
    assert strengths.seen[0] == 0.0 and strengths.seen[-1] == 1.0


def test_a_margin_under_warmup_gives_the_loss_of_a_smaller_margin():
    model = make_model(CosFace(0.4))
    model.head.margin.strength.assign(0.5)
    half = ArcMarginLayer(5, CosFace(0.2), 16.0)
    half.build((None, 64))
    half.class_centers.assign(model.head.class_centers)
    features = model.backbone(X)
    np.testing.assert_allclose(
        np.asarray(model.head.margin_loss(features, Y)),
        np.asarray(half.margin_loss(features, Y)),
        rtol=1e-5,
    )


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: MarginWarmup(0.0), r"fraction must be in \(0, 1\]"),
        (lambda: MarginWarmup(steps=0), "at least 1"),
        (
            lambda: fit(
                _compiled(keras.Sequential([keras.layers.Dense(5)])),
                [MarginWarmup()],
            ),
            "no margin to warm up",
        ),
        (
            lambda: fit(
                _compiled(
                    keras.Sequential([keras.Input((8,)), ArcMarginLayer(5)]),
                    ArcFaceLoss(scale=30.0),
                ),
                [MarginWarmup()],
            ),
            "scale=30",
        ),
    ],
)
def test_warmup_says_what_is_wrong(use, message):
    with pytest.raises(ValueError, match=message):
        use()


def _compiled(model, loss=None):
    loss = loss or keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", loss=loss)
    return model


def test_nan_stops_training_and_says_where():
    model = make_model()
    x = X.copy()
    x[35] = np.nan
    with pytest.raises(FloatingPointError, match="nan in epoch 1, step 4"):
        model.fit(
            x, Y, batch_size=10, shuffle=False, verbose=0,
            callbacks=[NaNGuard()],
        )  # fmt: skip


def test_a_label_outside_the_classes_is_not_trained_on_in_silence():
    data = Pairs(X, np.where(Y == 4, 5, Y))
    with pytest.raises(FloatingPointError, match="labels outside"):
        make_model().fit(data, verbose=0, callbacks=[NaNGuard()])


def test_a_label_that_would_wrap_around_is_not_trained_on_either():
    if keras.backend.backend() == "jax":
        pytest.skip("JAX refuses or wraps 64-bit ids before we see them")
    model = make_model()
    with pytest.raises(FloatingPointError, match="labels outside"):
        data = Pairs(X, Y.astype("int64") + 2**32)
        model.fit(data, verbose=0, callbacks=[NaNGuard()])


CHANCE = {
    **MAKERS,
    "mv_am_easy": lambda: margins.MVSoftmax("am", tail="easy"),
}


def random_head(name, classes=1000, dim=128):
    """A head with random centres under a margin of the family."""
    margin = CHANCE[name]()
    if isinstance(margin, margins.PerClass):
        stretched = np.resize(margin.margins, classes)
        margin = margins.PerClass(stretched, margin.kind)
    head = ArcMarginLayer(classes, margin, 30.0)
    head.build((None, dim))
    return head


@pytest.mark.parametrize("strength", [0.0, 1.0])
@pytest.mark.parametrize("name", CHANCE)
def test_chance_loss_is_the_loss_of_random_features(name, strength):
    head = random_head(name)
    head.margin.strength.assign(strength)
    # Of a margin that keeps state before it saw anything, as well.
    before = chance_loss(head, strength)
    rng = np.random.default_rng(0)
    features = rng.normal(size=(4000, 128)).astype("float32")
    labels = rng.integers(0, 1000, 4000)
    terms = head.loss_terms(features, labels)
    loss = np.asarray(terms["margin_softmax"]).mean()
    # Losses deviate by up to 5.5, so their mean by 0.09, and one draw of the
    # centres shifts it as much: four deviations of both together. "easy" taken
    # at right angles alone is wrong by 2.8 and more.
    assert abs(loss - chance_loss(head, strength)) < 0.5
    assert abs(loss - before) < 0.5


def test_a_loss_that_does_not_move_is_diagnosed():
    model = make_model(scale=64.0, learning_rate=1e-6)
    diagnosis = LossDiagnosis(patience=20)
    with pytest.warns(UserWarning, match="not learning.*scale='auto'"):
        fit(model, [diagnosis], epochs=10, batch_size=2)
    assert "MarginWarmup" in diagnosis.message


def test_a_network_that_made_all_pictures_alike_is_diagnosed():
    """The loss fell far below step 0, and yet nothing was learned."""
    model = make_model(scale=64.0)
    head = model.head
    model.backbone.layers[-1].kernel.assign(np.zeros((8, 64)))
    model.backbone.layers[-1].bias.assign(np.eye(64)[0])
    head.class_centers.assign(np.eye(64)[1:6])
    loss = np.asarray(head.margin_loss(model.backbone(X), Y)).mean()
    np.testing.assert_allclose(loss, collapsed_loss(head), rtol=1e-4)
    model.compile(keras.optimizers.SGD(1e-9))
    with pytest.warns(UserWarning, match="90 degrees.*not learning"):
        fit(model, [LossDiagnosis(patience=20)], batch_size=2)


def test_a_loss_that_moves_is_left_alone():
    model = make_model(scale=16.0, learning_rate=0.3)
    y = (X[:, :5] * 4).argmax(1).astype("int32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        diagnosis = LossDiagnosis(patience=100)
        model.fit(
            X, y, batch_size=4, epochs=40, verbose=0,
            callbacks=[MarginWarmup(), diagnosis],
        )  # fmt: skip
    assert diagnosis.message is None


def judge(angles, losses=None, steps=200, **kwargs):
    """Shows a diagnosis the logs that steps with these angles would give."""
    model = make_model(scale=16.0)
    diagnosis = LossDiagnosis(**kwargs)
    diagnosis.set_model(model)
    diagnosis.set_params({"steps": steps, "epochs": len(angles) // steps})
    diagnosis.on_train_begin()
    bound = chance_loss(model.head)
    losses = bound * np.asarray(angles) / 90 if losses is None else losses
    values = {"loss": losses, "angle": angles}
    for epoch in range(len(angles) // steps):
        rows = slice(epoch * steps, (epoch + 1) * steps)
        diagnosis.on_epoch_begin(epoch)
        for batch in range(steps):
            logs = {k: np.mean(v[rows][: batch + 1]) for k, v in values.items()}
            diagnosis.on_train_batch_end(batch, logs)
        diagnosis.on_epoch_end(epoch, logs)
    return diagnosis.message


def test_a_slow_start_is_no_failure():
    """Steps as `train --data glyphs --epochs 5 --batch-size 32` takes them."""
    angles = np.interp(
        np.arange(800), [0, 200, 300, 400, 500, 800], [90, 89, 86, 78, 70, 55]
    )
    for steps in (200, 400, 800):
        assert judge(angles, steps=steps, patience=400) is None


def test_what_lies_long_behind_is_not_judged():
    angles = np.where(np.arange(800) < 320, 90.0, 50.0)
    assert judge(angles, steps=400) is None


@pytest.mark.parametrize("last", [90.0, 87.0])
def test_standing_still_is_diagnosed_late_or_early(last):
    angles = np.interp(np.arange(800), [0, 300, 330, 800], [90, 90, last, last])
    with pytest.warns(UserWarning, match="not learning"):
        message = judge(angles, steps=400)
    assert f"angle {last:.0f} degrees" in message
    assert "800 steps are few to start in: train for more epochs" in message


def test_a_loss_without_an_angle_is_judged_by_itself():
    layer = ArcMarginLayer(5, 0.5, scale=64.0)
    model = keras.Sequential([keras.Input((8,)), layer])
    model.compile(keras.optimizers.SGD(1e-7), loss=layer.loss())
    with pytest.warns(UserWarning, match="not learning"):
        fit(model, [LossDiagnosis(patience=20)], epochs=10, batch_size=2)


class Adds(keras.layers.Layer):
    """Adds a constant to the loss."""

    def call(self, x):
        self.add_loss(keras.ops.mean(x) * 0.0 + 50.0)
        return x


def functional(head, *layers):
    """A model that gives its head the labels, with stock cross entropy."""
    x, labels = keras.Input((8,)), keras.Input((), dtype="int32")
    features = x
    for layer in layers or (keras.layers.Dense(64),):
        features = layer(features)
    return keras.Model([x, labels], head(features, labels=labels))


def cross_entropy():
    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def separable():
    """Twenty classes with a picture each, five times."""
    x = np.random.default_rng(3).normal(size=(20, 8)).astype("float32")
    return np.tile(x, (5, 1)), np.tile(np.arange(20, dtype="int32"), 5)


def test_a_penalty_without_an_angle_is_no_sign():
    model = functional(
        ArcMarginLayer(20, margins.MagFace(), "auto"),
        keras.layers.Dense(64, "relu"),
        keras.layers.Dense(64),
    )
    model.compile(
        keras.optimizers.Adam(0.003), cross_entropy(), metrics=["accuracy"]
    )
    x, y = separable()
    diagnosis = LossDiagnosis(patience=100)
    history = model.fit(
        [x, y], y, batch_size=10, epochs=30, verbose=0, callbacks=[diagnosis]
    ).history
    assert history["accuracy"][-1] == 1.0
    # The penalty alone is above what chance gives without it.
    assert history["loss"][-1] > 0.9 * collapsed_loss(model.layers[-1])
    assert diagnosis.message is None


def test_extra_losses_are_no_sign_where_the_angle_is_small():
    backbone = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(64, "relu"),
            keras.layers.Dense(64),
        ]
    )
    extra = [losses.HypersphericalEnergy(weight=40.0)]
    head = ArcMarginLayer(20, 0.5, "auto", extra_losses=extra)
    model = ArcFaceModel(backbone, head)
    model.compile(keras.optimizers.Adam(0.003))
    x, y = separable()
    diagnosis = LossDiagnosis(patience=100)
    history = model.fit(
        x, y, batch_size=10, epochs=30, verbose=0, callbacks=[diagnosis]
    ).history
    assert history["angle"][-1] < 45
    assert history["loss"][-1] > collapsed_loss(head)
    assert diagnosis.message is None


@pytest.mark.parametrize(
    "make",
    [
        Adds,
        lambda: keras.layers.Dense(64, kernel_regularizer="l2"),
        lambda: keras.layers.Dense(64, activity_regularizer="l2"),
    ],
    ids=["add_loss", "kernel_regularizer", "activity_regularizer"],
)
def test_other_terms_without_an_angle_are_no_sign(make):
    head = ArcMarginLayer(5, 0.5, 64.0)
    model = functional(head, make(), keras.layers.Dense(64))
    model.compile(keras.optimizers.SGD(1e-9), cross_entropy())
    diagnosis = LossDiagnosis(patience=20)
    model.fit(
        [X, Y], Y, batch_size=2, epochs=4, verbose=0, callbacks=[diagnosis]
    )
    assert diagnosis.message is None


def test_another_output_without_an_angle_is_no_sign():
    model = functional(ArcMarginLayer(5, 0.5, 64.0))
    features = keras.layers.Dense(1)(model.input[0])
    model = keras.Model(model.input, [model.output, features])
    model.compile(keras.optimizers.SGD(1e-9), [cross_entropy(), "mse"])
    diagnosis = LossDiagnosis(patience=20)
    model.fit(
        [X, Y], [Y, 9 + X[:, :1]], batch_size=2, epochs=4, verbose=0,
        callbacks=[diagnosis],
    )  # fmt: skip
    assert diagnosis.message is None


def stuck(head):
    """The message for a model under this head that cannot move."""
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(64)])
    model = ArcFaceModel(backbone, head)
    model.compile(keras.optimizers.SGD(1e-9))
    diagnosis = LossDiagnosis(patience=20)
    with pytest.warns(UserWarning, match="not learning"):
        fit(model, [diagnosis], batch_size=2)
    return diagnosis.message


def test_the_loss_of_the_message_is_without_the_further_terms():
    extra = [losses.HypersphericalEnergy(weight=1000.0)]
    head = ArcMarginLayer(5, margins.MagFace(), 64.0, extra_losses=extra)
    loss = float(re.search(r"loss is ([0-9.]+)", stuck(head))[1])
    assert loss < 1.5 * chance_loss(head)


@pytest.mark.parametrize(
    "make, scale, warmup",
    [
        (lambda: ArcMarginLayer(5, 0.5, 64.0), True, True),
        (lambda: ArcMarginLayer(5, None, 64.0), True, False),
        (lambda: ArcMarginLayer(5, margins.AdaCos(), 64.0), False, False),
        (lambda: ArcMarginLayer(5, margins.ASoftmax(), 64.0), False, True),
        (lambda: ArcMarginLayer(5, margins.Circle(), 256.0), False, True),
        (lambda: SphereFace2Layer(5), False, True),
        (lambda: UniFaceLayer(5), False, True),
    ],
    ids=["arcface", "none", "adacos", "a_softmax", "circle", "sphereface2",
         "uniface"],
)  # fmt: skip
def test_only_what_can_help_is_advised(make, scale, warmup):
    message = stuck(make())
    assert ("scale='auto'" in message) == scale
    assert ("MarginWarmup" in message) == warmup


def test_coupled_decay_is_part_of_the_gradient():
    kernel = keras.Variable(np.full((2, 2), 2.0, "float32"))
    bias = keras.Variable(np.full((2,), 2.0, "float32"))
    optimizer = CoupledSGD(0.1, momentum=0.9, coupled_decay=0.5)
    zeros = [np.zeros((2, 2), "float32"), np.zeros(2, "float32")]
    velocity, weight = 0.0, 2.0
    for _ in range(3):
        optimizer.apply(
            [keras.ops.convert_to_tensor(z) for z in zeros], [kernel, bias]
        )
        # PyTorch's and MXNet's rule.
        velocity = 0.9 * velocity + 0.5 * weight
        weight -= 0.1 * velocity
    np.testing.assert_allclose(np.asarray(kernel.value), weight, rtol=1e-6)
    np.testing.assert_array_equal(np.asarray(bias.value), 2.0)
    copy = CoupledSGD.from_config(optimizer.get_config())
    assert copy.coupled_decay == 0.5


def test_the_schedule_rises_then_falls():
    schedule = warmup_cosine(0.1, 100, 0.1)
    values = [float(schedule(step)) for step in (0, 5, 10, 55, 100)]
    np.testing.assert_allclose(values, [0, 0.05, 0.1, 0.05, 0], atol=1e-4)
    np.testing.assert_allclose(float(warmup_cosine(0.1, 9, 0)(0)), 0.1)
