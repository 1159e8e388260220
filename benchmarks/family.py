"""Every margin of the family under one small budget, on glyphs.

Command:  python benchmarks/family.py
Data:     glyphs, drawn on the spot: 600 characters to train on, 300 unseen
Hardware: two processor cores
Time:     about twenty-five minutes
Expects:  most intervals overlap: five epochs and 6,000 pairs part few losses
Writes:   benchmarks/results/family.json

All get the same network with the same starting weights, the same batches in
the same order, the same optimizer, steps and scale (`"auto"`, 16), unless the
margin owns its scale. SphereFace2 has the papers' ratio to it, 40 to 64, and
Circle both the same scale and the paper's ratio, 256 to 64. Nothing is tuned,
and nothing is chosen by the result.
`PerClass` is left out: every character has as many pictures.
"""

import argparse
import json
import time
from pathlib import Path

import keras
import machine
import numpy as np

from keras_arcface import ArcFace
from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import SmallNet
from keras_arcface import SphereFace2Layer
from keras_arcface import UniFaceLayer
from keras_arcface import evaluation
from keras_arcface.data import glyphs
from keras_arcface.data import pairs_from_labels
from keras_arcface.margins import MARGINS
from keras_arcface.training import CoupledSGD
from keras_arcface.training import MarginWarmup
from keras_arcface.training import verify
from keras_arcface.training import warmup_cosine
from keras_arcface.utils.files import write_json

RESULTS = Path(__file__).parent / "results" / "family.json"
BATCH = 128
SCALE = 16.0
ROUNDS, STEPS = 9, 8


def heads(classes):
    """Returns name: function that makes the head."""
    made = {
        name: lambda name=name: ArcMarginLayer(classes, name, SCALE)
        for name in MARGINS
    }
    made["circle, 4 times the scale"] = lambda: ArcMarginLayer(
        classes, "circle", 4 * SCALE
    )
    made["arcface, straight-through"] = lambda: ArcMarginLayer(
        classes, ArcFace(gradient="straight_through"), SCALE
    )
    made["arcface, 3 sub-centres"] = lambda: ArcMarginLayer(
        classes, 0.5, SCALE, sub_centers=3
    )
    made["sphereface2"] = lambda: SphereFace2Layer(
        classes, scale=40 / 64 * SCALE
    )
    made["uniface"] = lambda: UniFaceLayer(classes, scale=SCALE)
    return made


def build(head, classes, steps):
    keras.utils.set_random_seed(0)
    optimizer = CoupledSGD(warmup_cosine(0.1, steps))
    backbone = SmallNet()
    if head is not None:
        model = ArcFaceModel(backbone, head)
        model.compile(optimizer)
        return model, backbone
    model = keras.Sequential([backbone, keras.layers.Dense(classes)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer, loss=loss)
    return model, backbone


def train(head, data, epochs, seed):
    steps = data.steps(BATCH, drop_remainder=True)
    model, backbone = build(head, data.num_classes, steps * epochs)
    batches = data.batches(
        BATCH, seed=seed, epochs=epochs, augment="shift", drop_remainder=True
    )
    model.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=steps,
        callbacks=[MarginWarmup()] if head is not None else [],
        shuffle=False,
        verbose=0,
    )
    return backbone


def ratio_of_step_times(make, data):
    """Returns the median over rounds of our step's time over softmax's."""
    images = data.images(np.arange(BATCH)).astype("float32")
    labels = data.labels[:BATCH].astype("int32")
    models = [build(head, data.num_classes, 1000)[0] for head in (make(), None)]
    for model in models:
        for _ in range(3):
            model.train_on_batch(images, labels)
    ratios = []
    for _ in range(ROUNDS):
        seconds = []
        for model in models:
            start = time.perf_counter()
            for _ in range(STEPS):
                model.train_on_batch(images, labels)
            seconds.append(time.perf_counter() - start)
        ratios.append(seconds[0] / seconds[1])
    return float(np.median(ratios))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="*", help="these rows anew")
    args = parser.parse_args()
    train_data = glyphs.load("train", seed=args.seed)
    test_data = glyphs.load("test", seed=args.seed)
    pairs = pairs_from_labels(test_data.labels, seed=args.seed)
    makers = {"softmax": None, **heads(train_data.num_classes)}
    if args.only:
        makers = {name: makers[name] for name in ["softmax", *args.only]}
    rows, scores = [], {}
    for name, make in makers.items():
        head = make() if make else None
        backbone = train(head, train_data, args.epochs, args.seed)
        report, scores[name] = verify(backbone, test_data, pairs)
        rows.append(
            {
                "margin": name,
                "eer": report.eer,
                "eer_interval": report.intervals["eer"],
                "tar_at_far_0.01": report.tar_at_far[1e-2].tar,
                "eer_below_softmax": difference(scores, name, pairs),
                "step_time_over_softmax": (
                    ratio_of_step_times(make, train_data) if make else 1.0
                ),
            }
        )
        print(line(rows[-1]), flush=True)
    if args.only:
        rows = with_earlier(rows, list(heads(train_data.num_classes)))
    values = {"epochs": args.epochs, "seed": args.seed, "rows": rows}
    write_json(RESULTS, {"machine": machine.describe(), **values})
    print("\n" + "\n".join(map(line, rows)))


def with_earlier(rows, names):
    """Returns the rows of the last whole run, with these in their place."""
    earlier = json.loads(RESULTS.read_text("utf-8"))["rows"]
    known = {row["margin"]: row for row in earlier + rows}
    order = ["softmax", *names]
    return [known[name] for name in order if name in known]


def difference(scores, name, pairs):
    """Returns softmax's EER minus this one's, with its interval."""
    found = evaluation.paired_difference(
        scores["softmax"],
        scores[name],
        pairs.is_same,
        subject_left=pairs.subject[pairs.left],
        subject_right=pairs.subject[pairs.right],
    )["eer"]
    return {"value": found.difference, "interval": found.interval}


def line(row):
    low, high = (100 * bound for bound in row["eer_interval"])
    gain = row["eer_below_softmax"]
    less, more = (100 * bound for bound in gain["interval"])
    return (
        f"| {row['margin']} | {100 * row['eer']:.2f}% [{low:.2f}, {high:.2f}] "
        f"| {100 * gain['value']:+.2f} [{less:+.2f}, {more:+.2f}] "
        f"| {100 * row['tar_at_far_0.01']:.1f}% "
        f"| {row['step_time_over_softmax']:.2f} |"
    )


if __name__ == "__main__":
    main()
