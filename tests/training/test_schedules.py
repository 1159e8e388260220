import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface.training import current_rate
from keras_arcface.training import make_schedule
from keras_arcface.training import warmup_cosine
from keras_arcface.training.recipe.sections import ScheduleSection
from keras_arcface.training.schedules import SCHEDULES

# 10 epochs of 10 steps, a peak of 0.4; the warm-up is 20 steps long.
GOLDEN = {
    "cosine": {20: 0.4, 40: 0.34142136, 60: 0.2, 99: 1.5418834e-4, 100: 0.0},
    "polynomial": {20: 0.4, 40: 0.225, 60: 0.1, 99: 6.25e-5, 100: 0.0},
    "step": {20: 0.4, 49: 0.4, 50: 0.04, 79: 0.04, 80: 0.004, 99: 0.004},
    "constant": {20: 0.4, 60: 0.4, 99: 0.4, 100: 0.4},
}
RISING = {0: 0.0, 1: 0.02, 10: 0.2, 19: 0.38}


def section(name, **changes):
    values = {"epochs": 10, "name": name, "warmup": 0.2, "milestones": (5, 8)}
    return ScheduleSection(**{**values, **changes})


def value(schedule, step):
    return float(schedule(step))


@pytest.mark.parametrize("name", GOLDEN)
def test_rates_at_the_borders(name):
    schedule = make_schedule(section(name), 0.4, 10)
    for step, expected in {**RISING, **GOLDEN[name]}.items():
        np.testing.assert_allclose(
            value(schedule, step), expected, rtol=2e-4, atol=1e-9
        )
    assert value(schedule, 150) == value(schedule, 100)


@pytest.mark.parametrize("name", SCHEDULES)
def test_without_a_warmup_the_first_step_has_the_peak(name):
    schedule = make_schedule(section(name, warmup=0.0), 0.4, 10)
    np.testing.assert_allclose(value(schedule, 0), 0.4, rtol=1e-6)


def test_the_polynomial_is_that_of_arcface_torch():
    schedule = make_schedule(section("polynomial", power=3.0), 0.4, 10)
    rate = 0.4  # Its rate is a product of factors, from the peak on.
    for step in range(21, 90):
        rate *= ((1 - (step - 20) / 80) / (1 - (step - 21) / 80)) ** 3.0
        np.testing.assert_allclose(value(schedule, step), rate, rtol=1e-4)


def test_warmup_cosine_has_the_values_of_keras():
    ours, theirs = (
        warmup_cosine(0.1, 100, 0.1),
        keras.optimizers.schedules.CosineDecay(
            0.0, 90, warmup_target=0.1, warmup_steps=10
        ),
    )
    for step in range(101):
        np.testing.assert_allclose(
            value(ours, step), value(theirs, step), rtol=1e-6, atol=1e-9
        )


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_schedule_survives_its_config(name):
    schedule = make_schedule(section(name, power=1.5), 0.4, 10, accumulate=3)
    config = keras.saving.serialize_keras_object(schedule)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(schedule)
    assert copy.get_config() == schedule.get_config()
    for step in (0, 7, 20, 50, 99):
        assert value(copy, step) == value(schedule, step)


@pytest.mark.parametrize("name", SCHEDULES)
def test_accumulated_batches_have_the_rates_of_large_ones(name):
    """Keras shows a schedule batches, also where four make a step."""
    large = make_schedule(section(name), 0.4, 10)
    small = make_schedule(section(name), 0.4, 40, accumulate=4)
    for step in (0, 1, 19, 20, 49, 50, 80, 99):
        for batch in range(4 * step, 4 * step + 4):
            np.testing.assert_allclose(
                value(small, batch), value(large, step), rtol=1e-5, atol=1e-9
            )


def test_an_unknown_schedule_is_refused():
    with pytest.raises(ValueError, match="schedule.name must be one of cosine"):
        make_schedule(section("linear"), 0.1, 10)


def test_the_rate_of_the_next_step_is_a_float_while_fit_runs():
    seen = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            seen.append(current_rate(self.model))

    backbone = keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)])
    model = ArcFaceModel(backbone, ArcMarginLayer(3))
    schedule = make_schedule(section("constant", epochs=1), 0.4, 10)
    optimizer = keras.optimizers.SGD(schedule)
    model.compile(keras.optimizers.LossScaleOptimizer(optimizer, 1.0))
    model.fit(
        np.ones((20, 4)), np.zeros(20, int), batch_size=2, verbose=0,
        callbacks=[Look()],
    )  # fmt: skip
    assert all(type(rate) is float for rate in seen)
    np.testing.assert_allclose(seen, [0.0, 0.2] + [0.4] * 8, rtol=1e-6)
