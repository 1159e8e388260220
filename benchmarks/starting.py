"""What makes ArcFace start: scale and margin warm-up, on glyphs.

Command:  python benchmarks/starting.py
Data:     glyphs, drawn on the spot: 600 characters to train on, 300 unseen
Hardware: two processor cores
Time:     about six minutes
Expects:  scale 16 with a warm-up learns; scale 32 and 64 stay near chance
Writes:   benchmarks/results/starting.json
"""

import argparse
import time
import warnings
from pathlib import Path

import keras
import machine

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import SmallNet
from keras_arcface.data import glyphs
from keras_arcface.data import pairs_from_labels
from keras_arcface.training import CoupledSGD
from keras_arcface.training import LossDiagnosis
from keras_arcface.training import MarginWarmup
from keras_arcface.training import verify
from keras_arcface.training import warmup_cosine
from keras_arcface.utils.files import write_json

RESULTS = Path(__file__).parent / "results" / "starting.json"
BATCH = 128
CASES = [
    # margin, scale, share of the steps with a growing margin
    ("none", 16.0, 0.0),
    (0.5, 9.0, 0.6),
    (0.5, 16.0, 0.0),
    (0.5, 16.0, 0.6),
    (0.5, 32.0, 0.6),
    (0.5, 64.0, 0.0),
    (0.5, 64.0, 0.6),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=4)
    args = parser.parse_args()
    train, test = glyphs.load("train"), glyphs.load("test")
    pairs = pairs_from_labels(test.labels)
    rows = []
    for case in CASES:
        rows.append(run(train, test, pairs, args.epochs, *case))
        print(line(rows[-1]), flush=True)
    write_json(RESULTS, {"machine": machine.describe(), "rows": rows})


def run(train, test, pairs, epochs, margin, scale, warmup):
    keras.utils.set_random_seed(0)
    head = ArcMarginLayer(train.num_classes, margin, scale)
    model = ArcFaceModel(SmallNet(), head)
    steps = train.steps(BATCH, drop_remainder=True)
    model.compile(CoupledSGD(warmup_cosine(0.1, steps * epochs)))
    diagnosis = LossDiagnosis()
    callbacks = [diagnosis] + ([MarginWarmup(warmup)] if warmup else [])
    start = time.monotonic()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The diagnosis goes into the table.
        history = model.fit(
            train.batches(
                BATCH, epochs=epochs, augment="shift", drop_remainder=True
            ),
            epochs=epochs,
            steps_per_epoch=steps,
            callbacks=callbacks,
            shuffle=False,
            verbose=0,
        ).history
    report, _ = verify(model.backbone, test, pairs, bootstrap=0)
    return {
        "margin": margin,
        "scale": scale,
        "warmup": warmup,
        "eer": report.eer,
        "tar_at_far_0.01": report.tar_at_far[1e-2].tar,
        "loss": history["loss"][-1],
        "angle": history["angle"][-1],
        "diagnosed_as_stuck": diagnosis.message is not None,
        "seconds": round(time.monotonic() - start, 1),
    }


def line(row):
    return (
        f"| {row['margin']} | {row['scale']:g} | {row['warmup']:g} "
        f"| {100 * row['eer']:.2f}% | {100 * row['tar_at_far_0.01']:.1f}% "
        f"| {row['angle']:.0f} | {'yes' if row['diagnosed_as_stuck'] else ''} |"
    )


if __name__ == "__main__":
    main()
