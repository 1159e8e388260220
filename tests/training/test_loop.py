"""Our loop does what Keras's fit does, on one device."""

import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface.training import loop
from keras_arcface.training.course import Course
from keras_arcface.training.saved_run import Place

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="a loop of TensorFlow's"
)
RNG = np.random.default_rng(0)
X = RNG.normal(size=(24, 6)).astype("float32")
Y = RNG.integers(0, 5, 24).astype("int32")
STEPS, EPOCHS = 6, 3


def batches(epochs=EPOCHS, skipped=0):
    import tensorflow as tf

    dataset = tf.data.Dataset.from_tensor_slices((X, Y))
    return dataset.batch(4, drop_remainder=True).repeat(epochs).skip(skipped)


def make(**options):
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential([keras.Input((6,)), keras.layers.Dense(4)])
    model = ArcFaceModel(backbone, ArcMarginLayer(5, 0.2, 8.0))
    options = {"optimizer": keras.optimizers.Adam(0.01), **options}
    model.compile(**options)
    return model


class Record(keras.callbacks.Callback):
    """What a callback sees, and a step after which it stops the training."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.stop_at = stop_at
        self.seen = []

    def on_train_begin(self, logs=None):
        self.seen.append(("begin", dict(self.params)))

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch
        self.seen.append(("epoch", epoch))

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(("batch", batch))

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append((batch, dict(logs)))
        if (self.epoch, batch) == self.stop_at:
            self.model.stop_training = True

    def on_epoch_end(self, epoch, logs=None):
        self.seen.append(("end of epoch", epoch, dict(logs)))

    def on_train_end(self, logs=None):
        self.seen.append(("end", dict(logs)))


def same(ours, theirs):
    if isinstance(theirs, dict):
        assert ours == pytest.approx(theirs, rel=1e-6)
    else:
        assert ours == theirs


def fit(model, callbacks, dataset=None, epochs=EPOCHS, steps=STEPS, **options):
    return model.fit(
        batches() if dataset is None else dataset,
        callbacks=callbacks,
        epochs=epochs,
        steps_per_epoch=steps,
        verbose=0,
        shuffle=False,
        **options,
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"metrics": ["accuracy"]},
        {"run_eagerly": True},
        {"jit_compile": True},
        {"centers_rate": 3.0},
        {"optimizer": keras.optimizers.SGD},
        {
            "optimizer": lambda **k: keras.optimizers.Adam(
                use_ema=True, ema_momentum=0.5, gradient_accumulation_steps=2
            )
        },
    ],
    ids=lambda options: " ".join(options) or "plain",
)
@pytest.mark.parametrize("stop_at", [None, (1, 2)])
def test_callbacks_logs_and_weights_are_those_of_fit(options, stop_at):
    if "optimizer" in options:
        options = {"optimizer": options["optimizer"](learning_rate=0.05)}
    by_fit, theirs = make(**options), Record(stop_at)
    history = fit(by_fit, [theirs]).history
    if "optimizer" in options:
        config = keras.optimizers.serialize(options["optimizer"])
        options = {"optimizer": keras.optimizers.deserialize(config)}
    by_loop, ours = make(**options), Record(stop_at)
    mine = loop.fit(
        by_loop, batches(), [ours], epochs=EPOCHS, steps_per_epoch=STEPS
    )
    assert len(ours.seen) == len(theirs.seen)
    for a, b in zip(ours.seen, theirs.seen, strict=True):
        for x, y in zip(a, b, strict=True):
            same(x, y)
    assert mine is by_loop.history
    for name, values in history.items():
        assert mine.history[name] == pytest.approx(values, rel=1e-6)
    for a, b in zip(by_loop.variables, by_fit.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_it_goes_on_within_an_epoch_with_the_true_numbers():
    whole, all_of_it = make(), Record()
    fit(whole, [all_of_it])
    model, record = make(), Record()
    fit(model, None, epochs=1)
    fit(model, None, batches(1), epochs=1, steps=2)
    # Two steps into the second epoch.
    course = Course([record], model, EPOCHS, STEPS)

    def go_on(first_epoch, first_step, epochs):
        loop.fit(
            model,
            batches(epochs - first_epoch, first_step),
            course,
            initial_epoch=first_epoch,
            epochs=epochs,
            steps_per_epoch=STEPS - first_step,
        )

    with course.training():
        course.run(go_on, Place(1, 2))
    names = [first[0] for first in record.seen]
    rest = ["batch", *range(2, STEPS), "end of epoch", "epoch"]
    assert [n for n in names if n in rest][:2] == ["epoch", "batch"]
    numbers = [n for n in names if isinstance(n, int)]
    assert numbers == [2, 3, 4, 5, 0, 1, 2, 3, 4, 5]
    assert names.count("begin") == names.count("end") == 1
    for a, b in zip(model.variables, whole.variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


def test_an_interruption_comes_through():
    class Interrupt(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loop.fit(
            make(), batches(), [Interrupt()], epochs=1, steps_per_epoch=STEPS
        )
