"""What the planner expects of a head, beside what its training takes.

Command:  python benchmarks/plan.py
Data:     random embeddings: batch 256, 512 dimensions
Hardware: two processor cores, 24 GiB
Time:     about five minutes
Aims at:  every estimate within 25 percent of the measured peak
Seen:     0.86 to 1.16 times the measured peak over 18 rows, 1.02 times with a
          million classes on either backend (2026-11-24)
Writes:   benchmarks/results/plan.json

Each row is a process of its own, which trains an `ArcFaceModel` on a Dense
layer for three steps. Memory is the peak of the process in these steps, less
what it had after three steps of a head of a thousand classes.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

from machine import memory

RESULTS = Path(__file__).parent / "results" / "plan.json"
STEPS = 3
# Backend, classes, and what differs from the defaults of `HeadPlan`.
ROWS = (
    ("tensorflow", 100_000, {}),
    ("tensorflow", 300_000, {}),
    ("tensorflow", 1_000_000, {}),
    ("tensorflow", 300_000, {"batch": 64}),
    ("tensorflow", 300_000, {"embedding_dim": 128}),
    ("tensorflow", 100_000, {"sub_centers": 3}),
    ("tensorflow", 300_000, {"precision": "mixed_bfloat16"}),
    ("tensorflow", 300_000, {"optimizer": "sgd"}),
    ("tensorflow", 300_000, {"optimizer": "adamw"}),
    ("tensorflow", 100_000, {"chunk_size": 0}),
    ("tensorflow", 300_000, {"chunk_size": 0}),
    ("tensorflow", 100_000, {"chunk_size": 0, "embedding_dim": 128}),
    ("tensorflow", 500_000, {"sample_rate": 0.1}),
    ("tensorflow", 300_000, {"sample_rate": 0.1, "chunk_size": 0}),
    ("jax", 300_000, {}),
    ("jax", 1_000_000, {}),
    ("jax", 300_000, {"optimizer": "adamw"}),
    ("jax", 300_000, {"chunk_size": 0}),
)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--row", help="one row, as JSON; prints its result")
    args = parser.parse_args()
    if args.row:
        print(json.dumps(measure(*json.loads(args.row))))
        return
    import machine

    from keras_arcface.utils.files import write_json

    rows = []
    for row in ROWS:
        rows.append(in_own_process(*row))
        print(line(rows[-1]), flush=True)
    write_json(RESULTS, {"machine": machine.describe(), "rows": rows})


def in_own_process(backend, classes, options):
    """Returns estimate and measured peak of one head, in bytes."""
    row = json.dumps([backend, classes, options])
    environment = {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run(
        [sys.executable, __file__, "--row", row],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["killed: no memory"]
        raise SystemExit(f"{row}: {reason[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(backend, classes, options):
    """Trains a head for a few steps; returns estimate and measured peak."""
    import keras

    from keras_arcface import HeadPlan

    plan = HeadPlan(classes, backend=backend, **options)
    keras.config.set_dtype_policy(plan.precision)
    train(plan, 1000, plan.chunk and 500)
    before = memory("VmRSS")
    train(plan, classes, plan.chunk_size)
    measured = memory("VmHWM") - before
    return {
        "backend": backend,
        "classes": classes,
        **options,
        "path": plan.path,
        "estimate": plan.total,
        "measured": measured,
        "ratio": round(plan.total / measured, 3),
    }


def train(plan, classes, chunk_size):
    """Trains a head on random embeddings of the plan's size."""
    import keras
    import numpy as np

    from keras_arcface import ArcFaceModel
    from keras_arcface import ArcMarginLayer
    from keras_arcface.training import CoupledSGD

    rng = np.random.default_rng(0)
    dim, batch = plan.embedding_dim, plan.batch
    embeddings = rng.normal(size=(batch, dim)).astype("float32")
    labels = rng.integers(0, classes, batch).astype("int32")
    head = ArcMarginLayer(
        classes,
        sub_centers=plan.sub_centers,
        chunk_size=chunk_size,
        sample_rate=plan.sample_rate,
    )
    backbone = keras.Sequential([keras.Input((dim,)), keras.layers.Dense(dim)])
    optimizers = {
        "coupled_sgd": CoupledSGD,
        "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.9),
        "adamw": keras.optimizers.AdamW,
    }
    model = ArcFaceModel(backbone, head)
    model.compile(optimizers[plan.optimizer]())
    model.fit(embeddings, labels, batch_size=batch, epochs=STEPS, verbose=0)


def line(row):
    settings = ", ".join(
        f"{name} {row[name]}"
        for name in row
        if name not in ("backend", "classes", "estimate", "measured", "ratio")
    )
    return (
        f"| {row['backend']} | {row['classes']:,} | {settings} "
        f"| {row['estimate'] / 2**30:.2f} GiB | {row['measured'] / 2**30:.2f} "
        f"GiB | {row['ratio']:.2f} |"
    )


if __name__ == "__main__":
    main()
