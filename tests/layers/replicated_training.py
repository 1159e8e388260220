"""Trains a model on two replicas and on one device; prints both.

Run by test_sharded_head.py in a process of its own.
"""

import json
import re
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import MVSoftmax

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 8)).astype("float32")
Y = RNG.integers(0, 10, 32).astype("int32")


def make(sample_rate=1.0, **options):
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
    head = ArcMarginLayer(
        10,
        MVSoftmax("am"),
        16.0,
        sub_centers=2,
        chunk_size=4,
        label_smoothing=0.1,
        sample_rate=sample_rate,
    )
    model = ArcFaceModel(backbone, head)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9), **options)
    return model


def fit(model):
    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(16)
    rows = model.fit(data, epochs=3, shuffle=False, verbose=0)
    return rows.history["loss"]


def documented(strategy):
    """Returns the losses of the example in docs/devices.md."""
    # A second strategy in one process mixes up its messages with the first's.
    tf.distribute.MirroredStrategy = lambda: strategy
    text = (Path(__file__).parents[2] / "docs" / "devices.md").read_text()
    example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[1]
    space = {
        "make_backbone": lambda: make().backbone,
        "num_classes": 10,
        "dataset": tf.data.Dataset.from_tensor_slices((X, Y)).batch(16),
    }
    exec(compile(example, "devices.md", "exec"), space)
    return space["history"].history["loss"]


def main():
    tf.config.set_logical_device_configuration(
        tf.config.list_physical_devices("CPU")[0],
        [tf.config.LogicalDeviceConfiguration()] * 2,
    )
    one = make()
    losses = {"one": fit(one)}
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    with strategy.scope():
        two = make()
        sampled = make(1.0 - 1e-9, dense_update=True)
        by_rows = make(1.0 - 1e-9)
    losses["two"] = fit(two)
    losses["sampled"] = fit(sampled)
    try:
        fit(by_rows)
        refusal = "none"
    except ValueError as error:
        refusal = str(error)
    copies = strategy.experimental_local_results(two.head.class_centers.value)
    differences = [
        float(np.abs(copy.numpy() - one.head.class_centers.numpy()).max())
        for copy in copies
    ]
    found = {"losses": losses, "centers": differences, "refusal": refusal}
    print(json.dumps({**found, "documented": documented(strategy)}))


if __name__ == "__main__":
    main()
