import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface.training import averaged_weights
from keras_arcface.training import take_averages
from keras_arcface.training import training_weights_kept

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 2, 2, 3)).astype("float32")
Y = RNG.integers(0, 5, 32).astype("int32")
EMA = 0.8


def make_model(ema=EMA):
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential(
        [
            keras.Input((2, 2, 3)),
            keras.layers.Flatten(),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
        ]
    )
    model = ArcFaceModel(backbone, ArcMarginLayer(5, 0.3, 16.0))
    options = {"use_ema": True, "ema_momentum": ema} if ema else {}
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, **options))
    return model


def values(variables):
    return [keras.ops.convert_to_numpy(each) for each in variables]


def assert_same(some, others):
    for one, other in zip(some, others, strict=True):
        np.testing.assert_array_equal(one, other)


class Watch(keras.callbacks.Callback):
    """Averages by hand, and looks at the model in the middle of training."""

    def __init__(self):
        super().__init__()
        self.average = None

    def on_train_batch_end(self, batch, logs=None):
        now = values(self.model.trainable_variables)
        before = now if self.average is None else self.average
        self.average = [
            EMA * old + (1 - EMA) * new
            for old, new in zip(before, now, strict=True)
        ]

    def on_epoch_end(self, epoch, logs=None):
        train = values(self.model.variables)
        with averaged_weights(self.model):
            self.inside = values(self.model.trainable_variables)
            self.embeddings = self.model.embed(X)
            self.loss = self.model.evaluate(X, Y, verbose=0)[0]
        assert_same(values(self.model.variables), train)
        self.train = values(self.model.trainable_variables)


@pytest.fixture(scope="module")
def trained():
    """A model after three epochs, and what was seen on the way."""
    model, watch = make_model(), Watch()
    with training_weights_kept(model):
        fit(model, 3, [watch])
    return model, watch


def fit(model, epochs, callbacks=(), **kwargs):
    model.fit(
        X, Y, batch_size=8, epochs=epochs, shuffle=False, verbose=0,
        callbacks=list(callbacks), **kwargs,
    )  # fmt: skip


def test_inside_the_weights_are_the_average(trained):
    _, watch = trained
    for one, other in zip(watch.inside, watch.average, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert np.abs(watch.inside[0] - watch.train[0]).max() > 1e-3


def test_it_judges_as_a_model_of_averaged_weights(trained):
    model, watch = trained
    other = make_model(None)
    other.set_weights(model.get_weights())
    for variable, value in zip(
        other.trainable_variables, watch.average, strict=True
    ):
        variable.assign(value)
    np.testing.assert_allclose(watch.embeddings, other.embed(X), atol=1e-5)
    loss = other.evaluate(X, Y, verbose=0)[0]
    np.testing.assert_allclose(watch.loss, loss, rtol=1e-4)


def test_fit_leaves_the_weights_that_train(trained):
    model, watch = trained
    assert_same(values(model.trainable_variables), watch.train)


def test_an_error_inside_does_not_lose_the_weights_that_train(trained):
    model, watch = trained
    with pytest.raises(KeyError), averaged_weights(model):
        raise KeyError
    assert_same(values(model.trainable_variables), watch.train)


def test_looking_and_several_fits_change_nothing():
    in_one = make_model()
    fit(in_one, 3)  # Ends, as Keras does, with the averages.
    in_parts = make_model()
    with training_weights_kept(in_parts):
        fit(in_parts, 1, [Watch()])
        fit(in_parts, 3, [Watch()], initial_epoch=1)
    take_averages(in_parts)
    assert_same(values(in_one.variables), values(in_parts.variables))


def test_a_model_saved_inside_has_both(trained, tmp_path):
    model, watch = trained
    with averaged_weights(model):
        model.save(tmp_path / "best.keras")
    loaded = keras.saving.load_model(tmp_path / "best.keras")
    assert_same(values(loaded.trainable_variables), watch.inside)
    assert_same(
        values(loaded.optimizer.variables), values(model.optimizer.variables)
    )


def test_after_taking_the_averages_training_can_go_on():
    model = make_model()
    fit(model, 1)
    take_averages(model)
    fit(model, 2, initial_epoch=1)
    assert np.isfinite(values(model.trainable_variables)[0]).all()


@pytest.mark.parametrize("ema, steps", [(None, 1), (EMA, 0)])
def test_without_an_average_nothing_happens(ema, steps):
    model = make_model(ema)
    if steps:
        fit(model, 1)
    before = values(model.variables)
    with averaged_weights(model):
        assert_same(values(model.variables), before)
    take_averages(model)
    assert_same(values(model.variables), before)
