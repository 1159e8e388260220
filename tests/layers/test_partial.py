"""Partial FC: a sample of the classes, and a step that moves no others."""

import family
import keras
import numpy as np
import pytest
from keras import ops

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import softmax
from keras_arcface.losses import IntraLoss
from keras_arcface.margins import PerClass
from keras_arcface.training.optimizers import CoupledSGD

C, DIM, BATCH = 40, 8, 8
RNG = np.random.default_rng(0)
X = RNG.normal(size=(BATCH, DIM)).astype("float32")
Y = np.array([3, 3, 7, 0, 39, 12, 7, 25], "int32")
FIT = {"batch_size": BATCH, "shuffle": False, "verbose": 0}
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
    "nesterov": lambda: keras.optimizers.SGD(
        0.1, momentum=0.9, nesterov=True, weight_decay=0.01
    ),
    "coupled": lambda: CoupledSGD(0.1, coupled_decay=0.01),
    "clipped": lambda: keras.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.01),
    "schedule": lambda: keras.optimizers.SGD(
        keras.optimizers.schedules.CosineDecay(0.2, 4), clipvalue=1e-3
    ),
    "adam": lambda: keras.optimizers.Adam(0.01),
    "adamw": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
}


def make_model(optimizer, sample_rate=0.3, sub_centers=1, **kwargs):
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential([keras.Input((DIM,)), keras.layers.Dense(DIM)])
    head = ArcMarginLayer(
        C,
        scale=16.0,
        sample_rate=sample_rate,
        sub_centers=sub_centers,
        seed=3,
    )
    model = ArcFaceModel(backbone, head)
    model.compile(optimizer, **kwargs)
    return model


def of_centers(model):
    """Returns the class centres and their slots, by name."""
    if not model.optimizer.built:
        model.optimizer.build(model.trainable_variables)
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    slots = [
        v
        for v in optimizer.variables
        if v.shape == model.head.class_centers.shape
    ]
    return [np.array(v.value) for v in (model.head.class_centers, *slots)]


# --- The sample --------------------------------------------------------------


def test_a_sample_has_the_batch_and_no_class_twice():
    seed = keras.random.SeedGenerator(0)
    seen = np.zeros(C)
    for _ in range(300):
        classes = np.asarray(softmax.sample_classes(Y, C, 10, seed))
        assert len(set(classes)) == 10 and set(Y) <= set(classes)
        assert (np.diff(classes) > 0).all()
        seen[classes] += 1
    others = np.delete(seen, Y)
    # 10 - 6 places for 34 classes: the same share for each.
    assert abs(others.mean() - 300 * 4 / 34) < 1e-9
    assert others.std() < 3 * np.sqrt(300 * 4 / 34)


def test_a_sample_is_never_smaller_than_the_batch():
    assert softmax.sample_size(0.1, 1000, 256) == 256
    assert softmax.sample_size(0.1, 10_000, 256) == 1000
    assert softmax.sample_size(0.5, 100, 256) == 100
    # Of a data set whose last batch may be smaller.
    assert softmax.sample_size(1e-9, 100) == 100
    assert softmax.sample_size(1e-9, 10**6) == 4096


def test_a_class_that_was_not_drawn_is_no_target():
    centers = np.eye(C, DIM).astype("float32")
    drawn = np.array([2, 3, 7], "int32")
    labels = np.array([3, 5, 39, -1, 2], "int32")
    classes = softmax.take_classes(centers, labels, drawn)
    np.testing.assert_array_equal(
        np.asarray(classes.positions), [1, -1, -1, -1, 0]
    )


def test_batches_of_any_size_have_their_classes_in_the_sample():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, C, 77).astype("int32")
    images = rng.normal(size=(C, DIM))[labels].astype("float32")
    losses = []
    for sample_rate in (0.01, 1.0):
        model = make_model(keras.optimizers.SGD(0.1), sample_rate)
        # 77 = 30 + 30 + 17: TensorFlow does not know what comes.
        history = model.fit(
            images, labels, batch_size=30, epochs=5, shuffle=False, verbose=0
        )
        losses.append(history.history["loss"])
    assert np.isfinite(losses).all() and losses[0][-1] < losses[0][0]
    if keras.backend.backend() == "tensorflow":
        np.testing.assert_allclose(losses[0], losses[1], rtol=1e-3)


@pytest.mark.parametrize("name", ["arcface", "curricularface", "mv_arc"])
@pytest.mark.parametrize("chunk_size", [0, 4])
def test_the_loss_is_that_of_the_sampled_classes(name, chunk_size):
    head = ArcMarginLayer(
        C,
        family.MAKERS[name](),
        scale=16.0,
        chunk_size=chunk_size,
        sample_rate=0.3,
        sub_centers=2,
        label_smoothing=0.1,
    )
    head.build((None, DIM))
    head.class_centers.assign(RNG.normal(size=(2 * C, DIM)))
    sample = head.sample(Y)
    with head.using(sample):
        loss = head.margin_loss(X, Y)
    rows = np.asarray(sample.rows)
    alone = ArcMarginLayer(
        sample.count,
        family.MAKERS[name](),
        scale=16.0,
        chunk_size=chunk_size,
        sub_centers=2,
        label_smoothing=0.1,
    )
    alone.build((None, DIM))
    alone.class_centers.assign(np.asarray(head.class_centers.value)[rows])
    places = np.searchsorted(rows[::2] // 2, Y).astype("int32")
    np.testing.assert_allclose(
        np.asarray(loss),
        np.asarray(alone.margin_loss(X, places)),
        rtol=1e-5,
    )


@pytest.mark.parametrize("chunk_size", [0, 4])
def test_margins_of_classes_follow_the_labels(chunk_size):
    margins = PerClass(np.linspace(0.1, 0.7, C))
    head = ArcMarginLayer(
        C, margins, 16.0, chunk_size=chunk_size, sample_rate=0.3
    )
    head.build((None, DIM))
    head.class_centers.assign(RNG.normal(size=(C, DIM)))
    with head.using(head.sample(Y)):
        sampled = np.asarray(head.margin_loss(X, Y))
    head.sample_rate = 1.0
    full = np.asarray(head.margin_loss(X, Y))
    # Leaving negatives out lowers a loss; margins of other classes would not.
    assert (sampled < full).all()
    mean = ArcMarginLayer(C, float(np.mean(margins.margins)), 16.0)
    mean.build((None, DIM))
    mean.class_centers.assign(head.class_centers)
    narrow = Y < 10
    assert (full[narrow] < np.asarray(mean.margin_loss(X, Y))[narrow]).all()


def test_validation_sees_every_class():
    layers = [ArcMarginLayer(C, scale=16.0, sample_rate=r) for r in (0.3, 1.0)]
    for layer in layers:
        layer.build((None, DIM))
        layer.class_centers.assign(np.eye(C, DIM))
    first, second = (
        np.asarray(layer.margin_loss(X, Y, training=False)) for layer in layers
    )
    np.testing.assert_allclose(first, second, rtol=1e-6)


# --- The step ----------------------------------------------------------------


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_with_every_class_it_is_the_step_of_keras(name):
    trained = []
    for sample_rate in (1.0, 1.0 - 1e-9):
        model = make_model(OPTIMIZERS[name](), sample_rate)
        history = model.fit(X, Y, epochs=4, **FIT).history["loss"]
        trained.append(
            (history, of_centers(model), model.backbone.get_weights())
        )
    (one, ours, weights), (other, keras_own, same) = trained[::-1]
    np.testing.assert_allclose(one, other, rtol=1e-5)
    for first, second in zip(
        [*ours, *weights], [*keras_own, *same], strict=True
    ):
        np.testing.assert_allclose(first, second, rtol=2e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["coupled", "adamw"])
@pytest.mark.parametrize("sub_centers", [1, 2])
def test_classes_that_were_not_drawn_stay_bit_identical(name, sub_centers):
    model = make_model(OPTIMIZERS[name](), 0.3, sub_centers)
    model.fit(X, Y, epochs=3, **FIT)  # Momentum everywhere it will come.
    before = of_centers(model)
    state = np.array(model.head.seed_generator.state.value)
    model.fit(X, Y, **FIT)
    drawn = drawn_classes(model, state)
    rows = np.repeat(np.isin(np.arange(C), drawn), sub_centers)
    assert 0 < rows.sum() < C * sub_centers
    for old, new in zip(before, of_centers(model), strict=True):
        assert (old[~rows] == new[~rows]).all()
        assert (old[rows] != new[rows]).any(axis=1).all()


def drawn_classes(model, state):
    seed = keras.random.SeedGenerator(0)
    seed.state.assign(state)
    size = softmax.sample_size(model.head.sample_rate, C, BATCH)
    return np.asarray(softmax.sample_classes(Y, C, size, seed))


def test_the_dense_update_moves_all_and_takes_any_optimizer():
    model = make_model(CoupledSGD(0.1), 0.3, dense_update=True)
    before = of_centers(model)
    model.fit(X, Y, **FIT)
    for old, new in zip(before, of_centers(model), strict=True):
        assert (old != new).any(axis=1).all()
    model = make_model(keras.optimizers.RMSprop(0.01), dense_update=True)
    losses = model.fit(X, Y, epochs=40, **FIT).history["loss"]
    assert losses[-1] < losses[0]


def test_it_learns():
    model = make_model(keras.optimizers.SGD(0.5, momentum=0.9), 0.3)
    before = model.evaluate(X, Y, verbose=0)
    model.fit(X, Y, epochs=60, **FIT)
    assert model.evaluate(X, Y, verbose=0)[0] < 0.3 * before[0]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_half_precision_with_loss_scaling(jit_compile):
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = make_model(
            keras.optimizers.SGD(0.1, momentum=0.9), jit_compile=jit_compile
        )
        before = of_centers(model)
        bad = X.copy()
        bad[0, 0] = 60000.0
        model.fit(bad * 60000.0, Y, **FIT)
        for old, new in zip(before, of_centers(model), strict=True):
            assert (old == new).all()  # The step overflowed: nothing moved.
        losses = model.fit(X, Y, epochs=40, **FIT).history["loss"]
    finally:
        keras.config.set_dtype_policy("float32")
    assert losses[-1] < losses[0]


def test_loss_scaling_goes_on_where_only_the_centres_train():
    model = make_model("sgd", 1.0 - 1e-9)
    model.backbone.trainable = False
    optimizer = keras.optimizers.SGD(0.1)
    model.compile(keras.optimizers.LossScaleOptimizer(optimizer, 64.0, 2))
    model.fit(X, Y, **FIT)
    assert state_of(model.optimizer) == [1, 1, 64.0]
    model.fit(X, Y, **FIT)  # The second in a row: the scale grows.
    assert state_of(model.optimizer) == [2, 0, 128.0]
    before = of_centers(model)[0]
    model.fit(np.full_like(X, np.nan), Y, **FIT)
    assert state_of(model.optimizer) == [2, 0, 64.0]
    np.testing.assert_array_equal(of_centers(model)[0], before)


def state_of(optimizer):
    state = (
        optimizer.iterations,
        optimizer.step_counter,
        optimizer.dynamic_scale,
    )
    return [float(ops.convert_to_numpy(each)) for each in state]


def test_a_saved_model_goes_on_as_if_never_stopped(tmp_path):
    models = [make_model(OPTIMIZERS["momentum"]()) for _ in range(2)]
    models[0].fit(X, Y, epochs=4, **FIT)
    models[1].fit(X, Y, epochs=2, **FIT)
    models[1].save(tmp_path / "model.keras")
    resumed = keras.saving.load_model(tmp_path / "model.keras")
    resumed.fit(X, Y, epochs=2, **FIT)
    for one, other in zip(
        of_centers(models[0]), of_centers(resumed), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_weights_pass_between_sample_rates(tmp_path):
    sampled = make_model("sgd")
    sampled.save_weights(tmp_path / "a.weights.h5")
    full = make_model("sgd", 1.0)
    full.load_weights(tmp_path / "a.weights.h5")
    full.save_weights(tmp_path / "b.weights.h5")
    sampled.load_weights(tmp_path / "b.weights.h5")
    np.testing.assert_array_equal(of_centers(sampled)[0], of_centers(full)[0])


@pytest.mark.parametrize("name", ["adam", "schedule"])
def test_a_frozen_backbone_counts_its_steps(name):
    trained = []
    for sample_rate in (1.0, 1.0 - 1e-9):
        model = make_model(OPTIMIZERS[name](), sample_rate)
        model.backbone.trainable = False
        model.compile(OPTIMIZERS[name]())
        model.fit(X, Y, epochs=3, **FIT)
        assert int(model.optimizer.iterations) == 3
        trained.append(of_centers(model)[0])
    np.testing.assert_allclose(*trained, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("rates", [(0.3, 1.0), (0.3, 2.0), (1.0, 2.0)])
def test_a_frozen_head_stays(rates):
    sample_rate, centers_rate = rates
    model = make_model("sgd", sample_rate)
    model.head.trainable = False
    model.compile("sgd", centers_rate=centers_rate)
    before = np.array(model.head.class_centers.value)
    model.fit(X, Y, **FIT)
    after = np.array(model.head.class_centers.value)
    np.testing.assert_array_equal(before, after)


def test_a_step_is_skipped_where_only_the_rows_overflow():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        optimizer = keras.optimizers.LossScaleOptimizer(
            keras.optimizers.SGD(0.1, momentum=0.9), initial_scale=1e28
        )
        model = make_model(optimizer)
        # So short that their gradient, and theirs alone, is enormous.
        model.head.class_centers.assign(RNG.normal(size=(C, DIM)) * 1e-11)
        before = of_centers(model) + model.backbone.get_weights()
        model.train_on_batch(X, Y)
        after = of_centers(model) + model.backbone.get_weights()
    finally:
        keras.config.set_dtype_policy("float32")
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old, new)
    assert float(optimizer.dynamic_scale) == pytest.approx(5e27)
    assert int(optimizer.iterations) == 0


# --- The rate of the centres -------------------------------------------------


@pytest.mark.parametrize("sample_rate", [1.0, 0.999])
@pytest.mark.parametrize("name", ["coupled", "adamw"])
def test_the_centres_learn_at_a_rate_of_their_own(name, sample_rate):
    moved = []
    for rate in (1.0, 3.0):
        optimizer = OPTIMIZERS[name]()
        model = make_model(optimizer, sample_rate, centers_rate=rate)
        before = [of_centers(model)[0], model.backbone.get_weights()[0]]
        model.fit(X, Y, **FIT)
        after = [of_centers(model)[0], model.backbone.get_weights()[0]]
        moved.append([b - a for a, b in zip(before, after, strict=True)])
    np.testing.assert_allclose(
        moved[1][0], 3 * moved[0][0], rtol=1e-2, atol=1e-6
    )
    np.testing.assert_allclose(moved[1][1], moved[0][1], rtol=1e-5, atol=1e-7)


def test_the_rate_is_saved_and_can_be_taken_back(tmp_path):
    model = make_model("sgd", 1.0, centers_rate=2.0)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert loaded.get_compile_config()["centers_rate"] == 2.0
    optimizer = loaded.optimizer
    loaded.compile(optimizer)
    assert "update_step" not in vars(optimizer)


# --- What is refused ---------------------------------------------------------


@pytest.mark.parametrize(
    "optimizer, message",
    [
        (lambda: keras.optimizers.RMSprop(), "RMSprop"),
        (lambda: keras.optimizers.Nadam(), "Nadam"),
        (lambda: keras.optimizers.SGD(use_ema=True), "use_ema"),
        (lambda: keras.optimizers.SGD(global_clipnorm=1.0), "global_clipnorm"),
        (lambda: keras.optimizers.Adam(amsgrad=True), "amsgrad"),
        (
            lambda: keras.optimizers.SGD(gradient_accumulation_steps=2),
            "gradient_accumulation_steps",
        ),
    ],
)
def test_optimizers_that_would_move_every_row_are_refused(optimizer, message):
    with pytest.raises(ValueError, match=message) as refusal:
        make_model(optimizer())
    assert "dense_update=True" in str(refusal.value)


def test_a_refusal_changes_nothing():
    model = make_model("sgd")
    before = model.optimizer
    with pytest.raises(ValueError, match="RMSprop"):
        model.compile("rmsprop")
    assert model.optimizer is before


def test_an_optimizer_with_a_rule_of_its_own_is_refused():
    class Lookahead(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            super().update_step(gradient, variable, learning_rate)

    class Renamed(CoupledSGD):
        pass

    with pytest.raises(ValueError, match="Lookahead"):
        make_model(Lookahead(0.1))
    make_model(Renamed(0.1))


def test_an_optimizer_of_another_model_is_refused():
    optimizer = CoupledSGD(0.1)
    make_model(optimizer).fit(X, Y, **FIT)
    with pytest.raises(ValueError, match="(?i)unknown variable"):
        make_model(optimizer).fit(X, Y, **FIT)


def test_logits_are_of_all_classes_and_say_so():
    head = ArcMarginLayer(C, sample_rate=0.3)
    with pytest.raises(ValueError, match="draws classes in margin_loss"):
        head.loss()
    head.build((None, DIM))
    with pytest.raises(ValueError, match="draws classes in margin_loss"):
        head(X, labels=Y, training=True)
    assert tuple(head(X).shape) == (BATCH, C)


def test_without_labels_it_says_what_it_learns_from():
    with pytest.raises(ValueError, match="learns from labels"):
        make_model("sgd").fit(X, verbose=0)


@pytest.mark.parametrize("value", ["no", 2, None])
def test_dense_update_is_true_or_false(value):
    with pytest.raises(ValueError, match="dense_update must be True or False"):
        make_model("sgd", dense_update=value)


def test_a_regularizer_of_the_centres_is_refused():
    backbone = keras.Sequential([keras.Input((DIM,)), keras.layers.Dense(DIM)])
    head = ArcMarginLayer(C, sample_rate=0.3, centers_regularizer="l2")
    with pytest.raises(ValueError, match="centers_regularizer moves every"):
        ArcFaceModel(backbone, head).compile("sgd")


@pytest.mark.parametrize("rate", [0, -0.1, 1.1, True, "auto", None])
def test_bad_sample_rates_are_refused(rate):
    with pytest.raises(ValueError, match=r"sample_rate must be in \(0, 1\]"):
        ArcMarginLayer(C, sample_rate=rate)


@pytest.mark.parametrize("rate", [0, -1.0, True, "fast", float("inf")])
def test_bad_rates_of_the_centres_are_refused(rate):
    with pytest.raises(ValueError, match="centers_rate must be a positive"):
        make_model("sgd", centers_rate=rate)


def test_terms_over_all_centres_are_refused():
    with pytest.raises(ValueError, match="defined over all class centres"):
        ArcMarginLayer(C, sample_rate=0.3, extra_losses=[IntraLoss()])


def test_a_label_outside_the_classes_is_infinite_in_a_graph():
    model = make_model("sgd")
    wrong = np.where(Y == 39, C, Y).astype("int32")
    losses = [float(model.train_on_batch(X, y)[0]) for y in (Y, wrong)]
    assert np.isfinite(losses[0]) and np.isposinf(losses[1])


def test_config_is_whole():
    head = ArcMarginLayer(C, sample_rate=0.25, seed=5)
    copy = ArcMarginLayer.from_config(head.get_config())
    assert copy.get_config() == head.get_config()
    assert ops.shape(copy.seed_generator.state) == (2,)
