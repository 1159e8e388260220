"""A loss that is no number: where it began, and what is none of that."""

import functools
import re

import keras
import numpy as np
import pytest
from small_run import fit
from small_run import make_model
from small_run import pictures

from keras_arcface.training import NaNGuard
from keras_arcface.training import nan_origin

DATA = pictures()


def read(data, epoch, step):
    batches = data.batches(8, epoch=epoch, start_step=step, drop_remainder=True)
    images, labels = next(iter(batches.take(1)))
    return images.numpy(), labels.numpy()


def message(model, data=DATA, epochs=2, **kwargs):
    """What the guard says of a training that must fail."""
    with pytest.raises(FloatingPointError) as caught:
        fit(model, data, [NaNGuard(**kwargs)], epochs=epochs)
    return str(caught.value)


class Breaks(keras.layers.Layer):
    """Divides by zero in the forward pass from a step on, or only back."""

    def __init__(self, after, back=False, **kwargs):
        super().__init__(**kwargs)
        self.after, self.back = after, back

    def build(self, shape):
        self.steps = self.add_weight(
            shape=(), initializer="zeros", trainable=False, name="steps"
        )
        self.scale = self.add_weight(shape=(), initializer="ones", name="scale")

    def call(self, x, training=None):
        if training:
            self.steps.assign(self.steps + 1)
        zero = keras.ops.where(self.steps > self.after, 0.0, 1.0)
        if self.back:
            # The root of zero is zero, and its slope is not finite.
            return x + keras.ops.sqrt(zero * self.scale) - 1.0
        return x * self.scale / zero


def test_a_bad_picture_is_found_in_its_batch():
    def batch(epoch, step):
        images, labels = read(DATA, epoch, step)
        if (epoch, step) == (1, 3):
            images[5] = np.inf
        return images, labels

    # The network breaks there too, as such a picture would make it.
    model = make_model(layers=[Breaks(9 + 3)])
    text = message(model, batch=batch)
    assert "became nan in epoch 2, step 4" in text
    assert "batch of step 4: 1 of its 8 pictures hold NaN" in text
    assert "the first is number 5" in text


def test_a_label_outside_the_classes_is_found_in_its_batch():
    data = pictures(12)
    model = make_model(classes=11)
    text = message(model, data, batch=functools.partial(read, data))
    step = int(re.search(r"step (\d+)\.", text)[1])
    assert re.search(rf"batch of step {step}: \d of its 8 labels", text)
    assert "outside [0, 11), the first is 11" in text


def test_weights_that_are_broken_before_are_named():
    model = make_model()
    model.backbone.layers[-1].kernel.assign(np.full((192, 16), np.nan))
    text = message(model)
    assert "Before epoch 1 begins" in text and "features/kernel" in text


def checkpoint(model, values):
    """Gives back what the weights were, as the last checkpoint would."""
    for variable, value in zip(model.weights, values, strict=True):
        variable.assign(value)
    return "step-0000002"


@pytest.mark.parametrize("back", [False, True], ids=["forward", "gradient"])
def test_from_the_last_checkpoint_the_layer_or_the_gradient_is_found(back):
    model = make_model(layers=[Breaks(2, back, name="breaks")])
    values = [keras.ops.convert_to_numpy(v) for v in model.weights]
    place = [v.path.endswith("steps") for v in model.weights].index(True)
    values[place] = np.float32(2.0)
    text = message(
        model,
        batch=functools.partial(read, DATA),
        restore=functools.partial(checkpoint, values=values),
    )
    assert "The checkpoint step-0000002 is from before it" in text
    assert "batch of step 3" in text or back
    if back:
        assert "loss is finite and the gradient is not: " in text
        assert "/breaks/scale" in text
    else:
        assert re.search(r"that of the layer \S+/breaks \(Breaks\)", text)
    assert "learning rate" in text


def test_weights_that_went_astray_after_the_checkpoint():
    model = make_model(layers=[Breaks(2)])
    values = [keras.ops.convert_to_numpy(v) for v in model.weights]
    text = message(
        model,
        batch=functools.partial(read, DATA),
        restore=functools.partial(checkpoint, values=values),
    )
    assert "went astray after it" in text


def test_batch_normalization_tells_where_without_any_help():
    layers = [
        keras.layers.BatchNormalization(name="first"),
        Breaks(2, name="breaks"),
        keras.layers.Dense(8),
        keras.layers.BatchNormalization(name="second"),
    ]
    text = message(make_model(layers=layers))
    assert "epoch 1, step 3" in text
    assert re.search(
        r"is \S+/second: it began before it, behind \S+/first\.", text
    )


def test_looking_every_few_steps_names_the_steps_between():
    text = message(make_model(layers=[Breaks(2)]), every=4)
    assert "epoch 1, one of the steps 1 to 4." in text
    # No look falls into an epoch of 9 steps but its end.
    text = message(make_model(layers=[Breaks(12)]), every=100)
    assert "epoch 2, one of the steps 1 to 9." in text


def test_skipped_steps_are_no_error_and_a_scale_at_its_floor_is():
    model = make_model()
    guard = NaNGuard(every=1)
    optimizer = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.01))
    model.compile(optimizer)
    optimizer.build(model.trainable_variables)
    # Two scales too high for float32 itself, so that two steps are skipped.
    optimizer.dynamic_scale.assign(3e38)
    fit(model, DATA, [guard], epochs=1)
    scale = float(keras.ops.convert_to_numpy(optimizer.dynamic_scale))
    assert scale < 3e38
    optimizer.dynamic_scale.assign(1.0)
    with pytest.raises(FloatingPointError, match="loss scale fell to 1 by"):
        fit(model, DATA, [NaNGuard(every=1)], epochs=1)


def test_hooks_are_gone_after_looking_for_a_layer():
    model = make_model(layers=[Breaks(0, name="breaks")])
    images, _ = read(DATA, 0, 0)
    assert nan_origin.first_broken_layer(model, images)[0].name == "breaks"
    layers = model._flatten_layers()
    assert all("call" not in layer.__dict__ for layer in layers)


def test_every_must_be_positive():
    with pytest.raises(ValueError, match="every must be at least 1"):
        NaNGuard(every=0)
