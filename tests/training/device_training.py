"""Trains glyphs on one device, on several or on several machines.

Run by test_devices.py in processes of their own:
python device_training.py WAY WEIGHTS.npz [key=value ...]
"""

import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface.backbones import SmallNet
from keras_arcface.data import glyphs
from keras_arcface.training import loop
from keras_arcface.training.distribution import Cluster
from keras_arcface.training.distribution import placement
from keras_arcface.training.recipe import Recipe
from keras_arcface.training.recipe import sections

WIDTHS, DIM = (8, 16, 16), 32
IDENTITIES, PICTURES, BATCH, EPOCHS = 50, 16, 32, 2  # 25 steps an epoch.


def recipe_of(devices=1, **changes):
    return Recipe(
        data=sections.DataSection("glyphs", augment="none"),
        output="unused",
        schedule=sections.ScheduleSection(epochs=EPOCHS, batch_size=BATCH),
        devices=devices,
        **changes,
    )


def make(batch_norm="synchronized", rate=0.01):
    keras.utils.set_random_seed(0)
    backbone = SmallNet(WIDTHS, embedding_dim=DIM)
    for layer in backbone._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            if batch_norm == "frozen":
                layer.trainable = False
            elif keras.backend.backend() == "tensorflow":
                layer.synchronized = batch_norm == "synchronized"
    head = ArcMarginLayer(IDENTITIES, 0.2, 16.0)
    model = ArcFaceModel(backbone, head)
    model.compile(keras.optimizers.SGD(rate, momentum=0.9))
    return model


class Record(keras.callbacks.Callback):
    """What a callback sees."""

    def __init__(self):
        super().__init__()
        self.seen, self.epochs = [], []

    def on_train_begin(self, logs=None):
        self.seen.append(["begin", self.params["epochs"], self.params["steps"]])

    def on_epoch_begin(self, epoch, logs=None):
        self.seen.append(["epoch", epoch])

    def on_train_batch_end(self, batch, logs=None):
        self.seen.append(batch)
        self.last = {name: float(value) for name, value in logs.items()}

    def on_epoch_end(self, epoch, logs=None):
        self.epochs.append({**logs, "last": self.last})

    def on_train_end(self, logs=None):
        self.seen.append("end")


def weights(model):
    values = [*model.trainable_variables, *model.optimizer.variables]
    values += [v for v in model.variables if "moving" in v.path]
    return {f"{i}:{v.path}": np.asarray(v) for i, v in enumerate(values)}


def main(way, path, *options):
    options = dict(option.split("=") for option in options)
    devices = int(options.get("devices", 1))
    rate = float(options.get("rate", 0.01))
    cluster = None
    if "cluster" in options:
        cluster = Cluster.parse(options["cluster"], int(options["worker"]))
    place = placement(recipe_of(devices), cluster)
    data = glyphs.load(
        "train", identities=IDENTITIES, pictures_per_identity=PICTURES
    )
    with place.scope():
        model = make(options.get("batch_norm", "synchronized"), rate)
    record = Record()
    steps = data.steps(BATCH, drop_remainder=True)
    batches = place.batches(data, recipe_of(devices), epochs=EPOCHS)
    if way == "loop":
        loop.fit(
            model,
            batches,
            [record],
            epochs=EPOCHS,
            steps_per_epoch=steps,
        )
    else:
        place.fit(model, batches, [record], 0, 0, EPOCHS, steps)
    embeddings = model.embed(np.zeros((3, 32, 32, 3), "float32"))
    np.savez(path, **weights(model))
    found = {"seen": record.seen, "epochs": record.epochs}
    print(json.dumps({**found, "embedded": len(embeddings)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
