"""Clips, averages and synchronizes on two replicas and on one device.

Run by test_replicated_optimization.py in a process of its own.
"""

import json

import keras
import numpy as np
import tensorflow as tf

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface.layers import synchronize_batch_norm
from keras_arcface.training import averaged_weights
from keras_arcface.training import current_rate
from keras_arcface.training import take_averages
from keras_arcface.training import training_weights_kept
from keras_arcface.training import warmup_cosine

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 8)).astype("float32")
X[8:16] += 2.0  # What the second replica sees differs from the first's.
Y = RNG.integers(0, 10, 32).astype("int32")


def make(scaled, synchronized=True, clip_backbone=0.05):
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(8),
            keras.layers.BatchNormalization(),
        ]
    )
    synchronize_batch_norm(backbone, synchronized)
    model = ArcFaceModel(backbone, ArcMarginLayer(10, 0.3, 16.0))
    optimizer = keras.optimizers.SGD(
        warmup_cosine(0.2, 4, 0.25), 0.9, use_ema=True, ema_momentum=0.5
    )
    if scaled:
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 64.0)
    model.compile(optimizer, clip_backbone=clip_backbone)
    return model


def values(variables):
    return [keras.ops.convert_to_numpy(v) for v in variables]


def difference(some, others):
    pairs = zip(some, others, strict=True)
    return float(max(np.abs(a - b).max() for a, b in pairs))


class Look(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        model = self.model
        before = values(model.trainable_variables)
        with averaged_weights(model):
            self.inside = values(model.trainable_variables)
        after = values(model.trainable_variables)
        self.restored = difference(before, after) == 0.0
        self.moved = difference(before, self.inside)
        self.rate = current_rate(model)


def fit(model):
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    look = Look()
    with training_weights_kept(model):
        model.fit(data, epochs=1, shuffle=False, verbose=0, callbacks=[look])
    train = values(model.variables)
    take_averages(model)
    average = values(model.trainable_variables)
    return {
        "train": train,
        "average": average,
        "restored": look.restored,
        "kept": difference(average, look.inside) == 0.0,
        "moved": look.moved,
        "rate": look.rate,
    }


def main():
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    cases = {
        "plain": (False, True),
        "scaled": (True, True),
        "apart": (False, False),
    }
    ones = {name: fit(make(*case)) for name, case in cases.items()}
    free = fit(make(False, True, None))
    with strategy.scope():
        models = {name: make(*case) for name, case in cases.items()}
    seen = {"free": difference(free["train"], ones["plain"]["train"])}
    for name, model in models.items():
        one, two = ones[name], fit(model)
        replicas = [
            [copy.numpy() for copy in strategy.experimental_local_results(v)]
            for v in (v.value for v in model.trainable_variables)
        ]
        seen[name] = {
            "train": difference(one["train"], two["train"]),
            "average": difference(one["average"], two["average"]),
            "replicas": difference(*zip(*replicas, strict=True)),
            "rates": [one["rate"], two["rate"]],
            "restored": two["restored"],
            "kept": two["kept"],
            "moved": two["moved"],
        }
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
