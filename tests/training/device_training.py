"""Trains glyphs on one device, on several and on several machines.

Run by test_devices.py in processes of their own, which have the devices:
device_training.py FOLDER DEVICES, or device_training.py FOLDER CLUSTER WORKER.
Writes the weights of each way to FOLDER and prints what callbacks saw.
"""

import json
import sys
from pathlib import Path

import keras
import numpy as np

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import Recipe
from keras_arcface import SmallNet
from keras_arcface.data import glyphs
from keras_arcface.training import loop
from keras_arcface.training.distribution import Cluster
from keras_arcface.training.distribution import placement

EPOCHS, BATCH, IDENTITIES, PICTURES = 2, 32, 48, 17  # 25 steps an epoch.
TENSORFLOW = keras.backend.backend() == "tensorflow"
# How batch normalization goes, and the learning rate. Rounding grows with
# every step, and the faster the steeper the loss is bent: at ten times these
# rates runs of one network, batches split or not, soon have little in common.
CASES = {"frozen": 0.0003, "synchronized": 0.0001}


def recipe_of(devices=1, sharded=False):
    return Recipe.from_values(
        {
            "data.source": "glyphs",
            "output": "unused",
            "data.augment": "none",
            "schedule.epochs": EPOCHS,
            "schedule.batch_size": BATCH,
            "devices": devices,
            "head.sharded": sharded,
        }
    ).resolved()


def make(batch_norm):
    keras.utils.set_random_seed(0)
    backbone = SmallNet((8, 16, 16), embedding_dim=32)
    for layer in backbone._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            if batch_norm == "frozen":
                layer.trainable = False
            else:  # On JAX statistics are those of all devices anyway.
                layer.synchronized = TENSORFLOW
    head = ArcMarginLayer(IDENTITIES, 0.2, 16.0)
    model = ArcFaceModel(backbone, head)
    model.compile(keras.optimizers.SGD(CASES[batch_norm], momentum=0.9))
    return model


class Record(keras.callbacks.Callback):
    """What a callback sees."""

    def __init__(self):
        super().__init__()
        self.seen, self.logs, self.last = [], [], {}

    def on_train_begin(self, logs=None):
        self.seen.append([self.params["epochs"], self.params["steps"]])

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(["epoch", epoch])

    def on_train_batch_begin(self, batch, logs=None):
        self.seen.append(batch)

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(batch)
        self.last = {name: float(value) for name, value in logs.items()}

    def on_epoch_end(self, epoch, logs=None):
        self.logs += [self.last, logs]

    def on_train_end(self, logs=None):
        self.seen.append("end")


def weights(model):
    values = [
        *model.trainable_variables,
        *(v for v in model.variables if "moving" in v.path),
    ]
    return [np.asarray(v) for v in values]


def run(place, folder, name, batch_norm, recipe, own_loop=False):
    """Trains one way, writes the weights, returns what was seen."""
    data = glyphs.load(
        "train", identities=IDENTITIES, pictures_per_identity=PICTURES
    )
    with place.scope():
        model = make(batch_norm)
        start = weights(model)
    record = Record()
    batches = place.batches(data, recipe, epochs=EPOCHS)
    steps = data.steps(BATCH, drop_remainder=True)
    if own_loop:
        options = {"epochs": EPOCHS, "steps_per_epoch": steps}
        loop.fit(model, batches, [record], **options)
    else:
        place.fit(model, batches, [record], 0, 0, EPOCHS, steps)
    embedded = len(model.embed(data.images(np.arange(5))))
    np.savez(folder / f"{name} {batch_norm}.npz", *weights(model))
    np.savez(folder / f"start {batch_norm}.npz", *start)
    return {"seen": record.seen, "logs": record.logs, "embedded": embedded}


def devices(folder, count):
    # First: devices are made before the engine starts.
    several = placement(recipe_of(count))
    one = placement(recipe_of())
    found = {}
    for case in CASES:
        found[f"one {case}"] = run(one, folder, "one", case, recipe_of())
        found[f"several {case}"] = run(
            several, folder, "several", case, recipe_of(count)
        )
    ways = {"loop, one": one, "loop, several": several} if TENSORFLOW else {}
    for name, place in ways.items():
        found[name] = run(
            place, folder, name, "synchronized", recipe_of(), own_loop=True
        )
    if not TENSORFLOW:
        recipe = recipe_of(count, sharded=True)
        place = placement(recipe)
        found["sharded"] = run(place, folder, "sharded", "frozen", recipe)
    return found


def worker(folder, cluster):
    recipe = recipe_of()
    place = placement(recipe, cluster)
    name = f"worker {cluster.index}"
    return {case: run(place, folder, name, case, recipe) for case in CASES}


def main(folder, devices_or_cluster, index=None):
    if index is None:
        found = devices(Path(folder), int(devices_or_cluster))
    else:
        cluster = Cluster.parse(devices_or_cluster, int(index))
        found = worker(Path(folder), cluster)
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
