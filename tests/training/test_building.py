import types

import keras
import numpy as np
import pytest

from keras_arcface import SmallNet
from keras_arcface.training import CoupledSGD
from keras_arcface.training import MarginWarmup
from keras_arcface.training import Recipe
from keras_arcface.training import current_rate
from keras_arcface.training import training_weights_kept
from keras_arcface.training.averaging import averages_of
from keras_arcface.training.building import Phase
from keras_arcface.training.building import build_model
from keras_arcface.training.building import enter_phase
from keras_arcface.training.building import phases

SIDE, STEPS = 16, 2
RNG = np.random.default_rng(0)
X = RNG.integers(0, 256, (8, SIDE, SIDE, 3)).astype("float32")
Y = RNG.integers(0, 5, 8).astype("int32")
DATA = types.SimpleNamespace(
    num_classes=5, image_size=(SIDE, SIDE), counts=np.bincount(Y, minlength=5)
)


def recipe(**changes):
    values = {
        "data.source": "pictures",
        "output": "run",
        "data.image_size": SIDE,
        "backbone.name": "smallnet",
        "backbone.embedding_dim": 8,
        "backbone.frozen_epochs": 1,
        "schedule.epochs": 3,
        "schedule.batch_size": 4,
        "schedule.name": "constant",
        "schedule.warmup": 0.5,
        "optimizer.learning_rate": 0.01,
    }
    changes = {name.replace("__", "."): x for name, x in changes.items()}
    return Recipe.from_values({**values, **changes})


def values(variables):
    return [keras.ops.convert_to_numpy(each) for each in variables]


def fit(model, first, end, *callbacks):
    with training_weights_kept(model):
        model.fit(
            X, Y, batch_size=4, initial_epoch=first, epochs=end, shuffle=False,
            verbose=0, callbacks=list(callbacks),
        )  # fmt: skip


def moved(variables, before):
    pairs = zip(values(variables), before, strict=True)
    return [not np.array_equal(new, old) for new, old in pairs]


def test_phases_are_the_head_alone_and_then_all():
    assert phases(recipe()) == [Phase(0, 1, True), Phase(1, 3, False)]
    assert phases(recipe(backbone__frozen_epochs=0)) == [Phase(0, 3, False)]
    assert phases(recipe(backbone__frozen_epochs=3)) == [Phase(0, 3, True)]


def test_every_key_reaches_the_model():
    model = build_model(
        recipe(
            backbone__frozen_epochs=0,
            backbone__dropout=0.25,
            backbone__batch_norm="frozen",
            head__centers_rate=2.0,
            head__sample_rate=0.5,
            head__dense_update=True,
            head__sub_centers=2,
            optimizer__clip_norm=5.0,
            optimizer__ema=0.99,
            optimizer__accumulate=2,
            jit=False,
        ),
        DATA,
        STEPS,
    )
    assert model.backbone.dropout == 0.25 and model.backbone.output_shape == (
        None,
        8,
    )
    assert model.head.sample_rate == 0.5 and model.head.sub_centers == 2
    config = model.get_compile_config()
    assert config["centers_rate"] == 2.0 and config["dense_update"] is True
    assert config["clip_backbone"] == 5.0 and model.jit_compile is False
    assert type(model.optimizer) is CoupledSGD and model.optimizer.use_ema
    assert model.optimizer.gradient_accumulation_steps == 2
    norms = [
        layer
        for layer in model.backbone._flatten_layers()
        if isinstance(layer, keras.layers.BatchNormalization)
    ]
    assert norms and not any(layer.trainable for layer in norms)


@pytest.fixture(scope="module")
def two_phases(tmp_path_factory):
    """A run through both phases, saved in between, and what was seen."""
    plan = recipe(optimizer__ema=0.9)
    first, second = phases(plan)
    model = build_model(plan, DATA, STEPS)
    seen = types.SimpleNamespace(plan=plan, path=None, rates=[], strengths=[])

    class Look(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.rates.append(current_rate(self.model))
            strength = self.model.head.margin.strength
            seen.strengths.append(float(keras.ops.convert_to_numpy(strength)))

    callbacks = [MarginWarmup(steps=4), Look()]
    parts = (model.backbone, model.head)
    before = [values(part.variables) for part in parts]
    fit(model, first.first_epoch, first.end_epoch, *callbacks)
    seen.first = [
        any(moved(part.variables, old))
        for part, old in zip(parts, before, strict=True)
    ]
    seen.path = tmp_path_factory.mktemp("run") / "model.keras"
    model.save(seen.path)
    old = averages_of(model)
    seen.head_average = old[id(model.head.class_centers)]
    enter_phase(model, plan, second, STEPS)
    seen.averages = averages_of(model)
    seen.at_start = {id(v): x for v, x in zip(
        model.trainable_variables, values(model.trainable_variables),
        strict=True,
    )}  # fmt: skip
    before = values(model.backbone.trainable_variables)
    fit(model, second.first_epoch, second.end_epoch, *callbacks)
    seen.second = moved(model.backbone.trainable_variables, before)
    seen.model = model
    return seen


def test_first_the_head_moves_and_then_everything(two_phases):
    assert two_phases.first == [False, True]
    assert np.mean(two_phases.second) > 0.9


def test_one_schedule_and_one_warmup_run_through_all_phases(two_phases):
    expected = [0.0, 0.01 / 3, 0.02 / 3, 0.01, 0.01, 0.01]
    np.testing.assert_allclose(two_phases.rates, expected, rtol=1e-5)
    expected = [0.0, 0.25, 0.5, 0.75, 1.0, 1.0]
    np.testing.assert_allclose(two_phases.strengths, expected)
    assert int(two_phases.model.optimizer.iterations) == 6


def test_the_average_goes_on_and_that_of_the_backbone_begins(two_phases):
    head = two_phases.model.head.class_centers
    for key, average in two_phases.averages.items():
        expected = two_phases.at_start[key]
        if key == id(head):
            assert not np.array_equal(two_phases.head_average, expected)
            expected = two_phases.head_average
        np.testing.assert_array_equal(average, expected)


def test_a_run_resumed_between_the_phases_ends_the_same(two_phases):
    resumed = keras.saving.load_model(two_phases.path)
    second = phases(two_phases.plan)[1]
    enter_phase(resumed, two_phases.plan, second, STEPS)
    fit(resumed, second.first_epoch, second.end_epoch, MarginWarmup(steps=4))
    for one, other in (
        (resumed.variables, two_phases.model.variables),
        (resumed.optimizer.variables, two_phases.model.optimizer.variables),
    ):
        for a, b in zip(values(one), values(other), strict=True):
            np.testing.assert_array_equal(a, b)


def test_the_scale_of_the_loss_is_not_searched_for_again():
    plan = recipe(precision="mixed_float16", head__sample_rate=0.5)
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = build_model(plan, DATA, STEPS)
        model.optimizer.dynamic_scale.assign(8.0)
        fit(model, 0, 1)
        assert int(model.optimizer.iterations) == 2
        enter_phase(model, plan, phases(plan)[1], STEPS)
        assert float(model.optimizer.dynamic_scale) == 8.0
        assert int(model.optimizer.step_counter) == 2
        assert int(model.optimizer.iterations) == 2
        fit(model, 1, 2)
        assert int(model.optimizer.iterations) == 4
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.fixture(scope="module")
def network(tmp_path_factory):
    path = tmp_path_factory.mktemp("network") / "network.keras"
    backbone = SmallNet((8, 8), (SIDE, SIDE, 3), embedding_dim=12)
    backbone.trainable = False
    backbone.save(path)
    return path, backbone


def weights_recipe(path, **changes):
    return recipe(
        backbone__name=None,
        backbone__embedding_dim=None,
        backbone__weights=str(path),
        **changes,
    )


def test_it_starts_from_weights_with_another_dropout(network):
    path, backbone = network
    plan = weights_recipe(path, backbone__dropout=0.5)
    model = build_model(plan, DATA, STEPS)
    assert model.backbone.dropout == 0.5
    np.testing.assert_allclose(
        model.embed(X),
        keras.utils.normalize(np.asarray(backbone.predict(X, verbose=0))),
        atol=1e-5,
    )
    enter_phase(model, plan, phases(plan)[1], STEPS)
    assert len(model.backbone.trainable_variables) == len(
        SmallNet((8, 8), (SIDE, SIDE, 3), embedding_dim=12).trainable_variables
    )


def test_weights_for_pictures_of_another_size_are_refused(network):
    data = types.SimpleNamespace(num_classes=5, image_size=(32, 32))
    with pytest.raises(ValueError, match="Set data.image_size=16"):
        build_model(weights_recipe(network[0]), data, STEPS)


def test_a_network_without_dropout_says_so(tmp_path):
    layers = [keras.Input((SIDE, SIDE, 3)), keras.layers.Flatten()]
    keras.Sequential([*layers, keras.layers.Dense(4)]).save(
        tmp_path / "plain.keras"
    )
    plan = weights_recipe(tmp_path / "plain.keras", backbone__dropout=0.1)
    with pytest.raises(ValueError, match="has no dropout"):
        build_model(plan, DATA, STEPS)
