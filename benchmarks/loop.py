"""What a training loop costs: ours and Keras's fit over a bare step.

Command:  python benchmarks/loop.py
Data:     one batch of random pictures in memory, again and again
Hardware: two processor cores; TensorFlow
Time:     about five minutes
Aims at:  our loop within 1.05 times a bare step
Writes:   benchmarks/results/loop.json

A bare step is forward, backward and update in one graph that reads the same
kind of data set, and its loss read back: no metrics, no callbacks. `loop` is
training/loop.py, which several machines train with, `fit` is Keras's, both
with the angle and loss that ArcFaceModel shows and a callback that reads them.
Steps of two kinds take turns in one process, and a ratio is the median of the
ratios of neighbours.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import machine
import numpy as np
import tensorflow as tf

import keras_arcface as ka
from keras_arcface.backbones import MobileFaceNet
from keras_arcface.training import loop

RESULTS = Path(__file__).parent / "results" / "loop.json"
# Name: backbone, side of the pictures, batch, classes, steps.
CASES = {
    "MobileFaceNet, 112x112, batch 64": (MobileFaceNet, 112, 64, 10_000, 12),
    "SmallNet, glyphs, 32x32, batch 128": (ka.SmallNet, 32, 128, 540, 100),
}
WARM = 3  # Steps of each kind before the first that counts.


class Turns(keras.callbacks.Callback):
    """Runs a bare step before each step of a loop, and times both."""

    def __init__(self, bare):
        super().__init__()
        self.bare = bare
        self.times = {"bare": [], "loop": []}
        self._left = None

    def on_train_batch_begin(self, batch, logs=None):
        begin = time.perf_counter()
        if self._left is not None:
            self.times["loop"].append(begin - self._left)
        begin = time.perf_counter()
        self.bare()
        self._left = time.perf_counter()
        self.times["bare"].append(self._left - begin)

    def on_train_batch_end(self, batch, logs=None):
        self.last = logs["loss"]

    def result(self):
        pairs = zip(*self.times.values(), strict=False)
        pairs = list(pairs)[WARM:]
        return {
            "bare_ms": 1e3 * statistics.median(bare for bare, _ in pairs),
            "ratio": statistics.median(ours / bare for bare, ours in pairs),
            "steps": len(pairs),
        }


def make(backbone, side, num_classes):
    keras.utils.set_random_seed(0)
    model = ka.ArcFaceModel(backbone(input_shape=(side, side, 3)), num_classes)
    model.compile(keras.optimizers.SGD(1e-3, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    return model


def batches_of(side, batch, num_classes):
    rng = np.random.default_rng(0)
    images = rng.uniform(0, 255, (batch, side, side, 3)).astype("float32")
    labels = rng.integers(0, num_classes, batch).astype("int32")
    return tf.data.Dataset.from_tensors((images, labels)).repeat()


def bare_step(model, batches):
    iterator = iter(batches)
    variables = model.trainable_variables

    @tf.function(autograph=False)
    def step(iterator):
        images, labels = next(iterator)
        with tf.GradientTape() as tape:
            features = model(images, training=True)
            losses = model.head.margin_loss(features, labels, training=True)
            loss = tf.reduce_mean(losses)
        model.optimizer.apply(tape.gradient(loss, variables), variables)
        return loss

    return lambda: float(step(iterator))


def measure(backbone, side, batch, num_classes, steps):
    batches = batches_of(side, batch, num_classes)
    found = {}
    for name, fit in (("loop", loop.fit), ("fit", keras.Model.fit)):
        bare = bare_step(make(backbone, side, num_classes), batches)
        turns = Turns(bare)
        options = {} if name == "loop" else {"verbose": 0, "shuffle": False}
        fit(
            make(backbone, side, num_classes),
            batches,
            callbacks=[turns],
            epochs=1,
            steps_per_epoch=steps + WARM + 1,
            **options,
        )
        found[name] = turns.result()
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=RESULTS)
    args = parser.parse_args()
    rows = {}
    for name, case in CASES.items():
        rows[name] = measure(*case)
        for way, row in rows[name].items():
            print(
                f"{name}: {way} {row['ratio']:.3f} times a bare step of "
                f"{row['bare_ms']:.1f} ms, {row['steps']} steps"
            )
    text = json.dumps({"machine": machine.describe(), "rows": rows}, indent=1)
    args.output.write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
