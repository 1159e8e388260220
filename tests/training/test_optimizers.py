import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface.training import CoupledSGD
from keras_arcface.training import make_optimizer
from keras_arcface.training import training_weights_kept
from keras_arcface.training.averaging import averages_of
from keras_arcface.training.recipe.sections import OptimizerSection

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 8)).astype("float32")
Y = RNG.integers(0, 5, 32).astype("int32")


def make_model(**options):
    keras.utils.set_random_seed(1)
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    model = ArcFaceModel(backbone, ArcMarginLayer(5, 0.3, 16.0))
    model.compile(make_optimizer(OptimizerSection(**options), 0.05))
    return model


def weights(model):
    return [keras.ops.convert_to_numpy(w) for w in model.trainable_variables]


def fit(model, batch_size, samples=32):
    model.fit(
        X[:samples], Y[:samples], batch_size=batch_size, shuffle=False,
        verbose=0,
    )  # fmt: skip
    return weights(model)


def test_sgd_is_that_of_the_papers():
    section = OptimizerSection(momentum=0.8, weight_decay=0.01)
    optimizer = make_optimizer(section, 0.2)
    assert type(optimizer) is CoupledSGD
    assert optimizer.momentum == 0.8 and optimizer.coupled_decay == 0.01
    assert optimizer.weight_decay is None and not optimizer.use_ema
    assert optimizer.gradient_accumulation_steps is None
    assert float(optimizer.learning_rate) == np.float32(0.2)


def test_the_decay_of_adamw_is_decoupled_and_adam_has_none():
    adamw = make_optimizer(OptimizerSection("adamw", weight_decay=0.05), 0.1)
    assert type(adamw) is keras.optimizers.AdamW
    assert adamw.weight_decay == 0.05
    adam = make_optimizer(OptimizerSection("adam", weight_decay=0.05), 0.1)
    assert type(adam) is keras.optimizers.Adam and adam.weight_decay is None


def test_an_unknown_optimizer_is_refused():
    with pytest.raises(ValueError, match="optimizer.name must be one of sgd"):
        make_optimizer(OptimizerSection("lamb"), 0.1)


def test_accumulated_batches_move_as_one_large_batch():
    small = fit(make_model(accumulate=4), 4)
    large = fit(make_model(), 16)
    for one, other in zip(small, large, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-5)


def test_the_momentum_of_the_average_is_that_of_a_step_of_many_batches():
    model = make_model(ema=0.9, accumulate=4)
    with training_weights_kept(model):
        now = fit(model, 4)
        earlier = list(averages_of(model).values())
        # Three batches on, no step is due: the weights stand still.
        assert all(map(np.array_equal, fit(model, 4, 12), now))
    later = averages_of(model).values()
    for weight, old, new in zip(now, earlier, later, strict=True):
        expected = 0.9**0.75 * (old - weight)
        np.testing.assert_allclose(new - weight, expected, atol=1e-6)
        assert np.abs(expected).max() > 1e-4
