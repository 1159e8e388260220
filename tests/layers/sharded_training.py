"""Trains a model on eight devices and on one; prints what differs.

Run by test_sharded_head.py in a process of its own, with eight devices.
"""

import contextlib
import json
import re
import sys
from pathlib import Path

import jax
import keras
import numpy as np

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import sharded_centers

# Numbers that occur nowhere else in a compiled step: 131 classes a device.
CLASSES, DIM, BATCH = 8 * 131, 24, 40
RNG = np.random.default_rng(0)
X = RNG.normal(size=(2 * BATCH, 12)).astype("float32")
Y = RNG.integers(0, CLASSES, 2 * BATCH).astype("int32")


def make():
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential([keras.Input((12,)), keras.layers.Dense(DIM)])
    head = ArcMarginLayer(CLASSES, "curricularface", 16.0, chunk_size=50)
    model = ArcFaceModel(backbone, head)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9))
    return model


def fit(model, epochs=1, **options):
    options = {"batch_size": BATCH, "shuffle": False, **options}
    return model.fit(X, Y, epochs=epochs, verbose=0, **options).history["loss"]


def fit_data_set(model):
    import tensorflow as tf

    data = tf.data.Dataset.from_tensor_slices((X, Y)).batch(BATCH)
    return model.fit(data, epochs=2, verbose=0).history["loss"]


def differ(one, several):
    one, several = (m.head.class_centers.numpy() for m in (one, several))
    return float(np.abs(one - several).max())


def shares(model):
    """Returns which part of the centres, and of their slots, a device has."""
    variables = [*model.trainable_variables, *model.optimizer.variables]
    return {
        v.path.split("/")[-1]: v.value.addressable_shards[0].data.shape[0]
        / v.shape[0]
        for v in variables
        if v.shape
    }


def sizes(model):
    """Returns all lengths of axes in the compiled step of a device."""
    state = tuple(
        [v.value for v in variables]
        for variables in (
            model.trainable_variables,
            model.non_trainable_variables,
            model.optimizer.variables,
            model.metrics_variables,
        )
    )
    layout = keras.distribution.distribution().get_data_layout
    data = [
        jax.device_put(v[:BATCH], layout(v.shape).backend_layout)
        for v in (X, Y)
    ]
    places = jax.tree.map(lambda each: each.sharding, state)
    step = jax.jit(model.train_step, out_shardings=(None, places))
    text = step.lower(state, tuple(data)).compile().as_text()
    shapes = re.findall(r"\b[a-z]+\d*\[([\d,]+)\]", text)
    return sorted({int(n) for shape in shapes for n in shape.split(",")})


def resumed(path, devices, one):
    """Returns how far a loaded model is from one after another epoch."""
    names = keras.distribution.list_devices()[:devices]
    scope = sharded_centers(names).scope() if devices else None
    with scope or contextlib.nullcontext():
        model = keras.saving.load_model(path)
        fit(model)
    return differ(one, model)


def refusal(model):
    try:
        fit(model, batch_size=36)
    except ValueError as error:
        return str(error)
    return "nothing was refused"


def documented():
    """Returns the losses of the example in docs/devices.md."""
    text = (Path(__file__).parents[2] / "docs" / "devices.md").read_text()
    example = re.findall(r"```python\n(.*?)```", text, re.DOTALL)[0]
    space = {
        "make_backbone": lambda: make().backbone,
        "num_classes": CLASSES,
        "images": X[:64],
        "labels": Y[:64],
    }
    exec(compile(example, "devices.md", "exec"), space)
    return space["history"].history["loss"]


def main(folder):
    one = make()
    found = {"losses": {"one": fit(one, 2)}}
    with sharded_centers().scope():
        model, other = make(), make()
        found["refusal"] = refusal(model)
        found["losses"]["arrays"] = fit(model, 2)
        found["losses"]["data set"] = fit_data_set(other)
        found["shares"] = shares(model)
        found["sizes"] = sizes(model)
    found["centers"] = differ(one, model)
    model.save(folder / "model.keras")
    fit(one)
    found["resumed"] = {
        n: resumed(folder / "model.keras", n, one) for n in (0, 4)
    }
    found["documented"] = documented()
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
