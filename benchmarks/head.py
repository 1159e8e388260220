"""Forward and backward of the head, at ten thousand to a million classes.

Command:  python benchmarks/head.py --growth
Data:     random embeddings and centres: batch 256, 512 dimensions
Hardware: two processor cores, 24 GiB
Time:     about ten minutes
Aims at:  the fused head within 1.4 times three bare matrix products of the
          same sizes, and within 2.3 times the memory of its centres
Seen:     1.29 times at 100,000 classes; 1.50 times and 2.38 at a million
          (2026-11-24, two cores of an AMD EPYC, TensorFlow 2.21.0)
Writes:   benchmarks/results/head.json; with --growth docs/images/head.png too

Each row is a process of its own. Memory is the peak of the whole process in
two steps of the head, less what it had after the imports, in units of the size
of the class centres (how the centres were made before is not counted, and the
products run after). Times are medians over rounds; the products are timed in
the same process, turn by turn with the head, and a ratio is the median of the
rounds' ratios. `partial` is the head with a sample of a tenth of the classes,
its gradient that of the sample. `--growth` adds the fused head at more sizes,
beyond a million classes without the products. The last column is
what pytorch-metric-learning takes at the same size, as a multiple of the row's
time. Its row is left out where it is not installed.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

from machine import forget_peak
from machine import memory

BATCH, DIM = 256, 512
CLASSES = (10_000, 100_000, 1_000_000)
HEADS = ("fused", "partial", "dense", "naive", "pml")
SAMPLE_RATE = 0.1
# Ends where making random centres, three times their size, still fits.
GROWTH = (30_000, 300_000, 2_000_000)
# The bare products hold a matrix of logits: beyond this they do not fit.
MOST_PRODUCTS = 1_000_000
PML_MISSING = (
    "left out: pip install torch==2.13.0 && "
    "pip install --no-deps pytorch-metric-learning==2.9.0"
)
RESULTS = Path(__file__).parent / "results" / "head.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--classes", type=int, nargs="*", default=CLASSES)
    parser.add_argument("--heads", nargs="*", default=HEADS)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--growth",
        action="store_true",
        help="measure the fused head at more sizes, and draw the figure",
    )
    parser.add_argument("--row", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        print(json.dumps(measure(args.row[0], int(args.row[1]), args.rounds)))
        return
    rows = table(args.heads, args.classes, args.rounds)
    growth = table(["fused"], GROWTH, args.rounds) if args.growth else []
    if tuple(args.classes) == CLASSES and tuple(args.heads) == HEADS:
        write(rows, growth)


def table(heads, sizes, rounds):
    """Returns the rows of all heads at all sizes, printed size by size."""
    rows = []
    for classes in sizes:
        here = [in_own_process(head, classes, rounds) for head in heads]
        peer = [row.get("seconds") for row in here if row["head"] == "pml"]
        for row in here:
            if peer and peer[0] and "seconds" in row:
                row["pml_over_this"] = peer[0] / row["seconds"]
            print(line(row), flush=True)
        rows += here
    return rows


def write(rows, growth):
    import head_figure
    import machine

    from keras_arcface.utils.files import write_json

    results = {"machine": machine.describe(), "batch": BATCH, "dim": DIM}
    results["rows"] = rows
    if growth:
        results["growth"] = growth
        head_figure.draw(results, head_figure.FIGURE)
    write_json(RESULTS, results)


def in_own_process(head, classes, rounds):
    """Returns the row of one head, or why there is none."""
    command = [sys.executable, __file__, "--row", head, str(classes)]
    done = subprocess.run(
        [*command, "--rounds", str(rounds)],
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode == 0:
        return json.loads(done.stdout.splitlines()[-1])
    reason = (done.stderr.strip().splitlines() or ["killed: no memory"])[-1]
    return {"head": head, "classes": classes, "failed": reason}


def measure(head, classes, rounds):
    """Returns time and memory of one head, and its time over the products."""
    step, products, imported = PREPARE[head](classes)
    forget_peak()
    step()
    step()
    peak = memory("VmHWM")
    row = {
        "head": head,
        "classes": classes,
        "memory_in_centres": (peak - imported) / (classes * DIM * 4),
    }
    if classes > MOST_PRODUCTS:
        return {**row, "seconds": median(seconds(step) for _ in range(rounds))}
    products()
    times = [(seconds(step), seconds(products)) for _ in range(rounds)]
    return {
        **row,
        "seconds": median(first for first, _ in times),
        "over_products": median(first / second for first, second in times),
    }


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def prepare_ours(chunk_size=None, sample_rate=1.0):
    def prepare(classes):
        import contextlib

        import keras
        import numpy as np
        import tensorflow as tf

        from keras_arcface import ArcMarginLayer

        tf.zeros(1)
        imported = memory()
        embeddings, labels = batch(classes)
        embeddings, labels = tf.constant(embeddings), tf.constant(labels)
        layer = ArcMarginLayer(
            classes,
            chunk_size=chunk_size,
            sample_rate=sample_rate,
            centers_initializer=normal,
        )
        layer.build((BATCH, DIM))
        centers = layer.class_centers.value

        @tf.function
        def head():
            source, using = centers, contextlib.nullcontext()
            if sample_rate < 1:
                sample = layer.sample(labels)
                source, using = sample.centers, layer.using(sample)
            with tf.GradientTape() as tape, using:
                tape.watch([embeddings, source])
                loss = keras.ops.mean(layer.margin_loss(embeddings, labels))
            by_embeddings, by_centers = tape.gradient(
                loss, [embeddings, source]
            )
            return loss, by_embeddings, tf.convert_to_tensor(by_centers)

        def step():
            return [np.asarray(x[:1, :1]) for x in head()[1:]]

        return step, tensorflow_products(embeddings, centers), imported

    return prepare


def normal(shape, dtype=None):
    """Returns random centres, of which no second copy stays in the process.

    (TensorFlow's own draw would keep two more, and hide the head's peak.)
    """
    import numpy as np
    import tensorflow as tf

    values = np.random.default_rng(0).standard_normal(shape, dtype="float32")
    return tf.convert_to_tensor(values)


def prepare_naive(classes):
    """The layer that people copy: one-hot, arccos over all classes."""
    import numpy as np
    import tensorflow as tf

    tf.zeros(1)
    imported = memory()
    embeddings, labels = batch(classes)
    embeddings, labels = tf.constant(embeddings), tf.constant(labels)
    centers = tf.Variable(normal((DIM, classes)))

    @tf.function
    def head():
        with tf.GradientTape() as tape:
            tape.watch(embeddings)
            x = tf.nn.l2_normalize(embeddings, axis=1)
            w = tf.nn.l2_normalize(centers, axis=0)
            cosine = tf.matmul(x, w)
            theta = tf.acos(tf.clip_by_value(cosine, -1 + 1e-7, 1 - 1e-7))
            one_hot = tf.one_hot(labels, classes)
            logits = cosine * (1 - one_hot) + tf.cos(theta + 0.5) * one_hot
            loss = tf.reduce_mean(
                tf.nn.softmax_cross_entropy_with_logits(one_hot, 64.0 * logits)
            )
        return loss, *tape.gradient(loss, [embeddings, centers])

    def step():
        return [np.asarray(x[:1, :1]) for x in head()[1:]]

    transposed = tf.transpose(centers) if classes <= 100_000 else None
    products = tensorflow_products(embeddings, transposed, classes)
    return step, products, imported


def tensorflow_products(embeddings, centers, classes=None):
    """Returns a function: three products of the head's sizes."""
    import numpy as np
    import tensorflow as tf

    @tf.function
    def three(centers):
        logits = tf.matmul(embeddings, centers, transpose_b=True)
        by_embeddings = tf.matmul(logits, centers)
        by_centers = tf.matmul(logits, embeddings, transpose_a=True)
        return by_embeddings, by_centers

    def run():
        matrix = centers
        if matrix is None:
            matrix = tf.ones((classes, DIM))
        return [np.asarray(x[:1]) for x in three(tf.convert_to_tensor(matrix))]

    return run


def prepare_pml(classes):
    try:
        import torch
        from pytorch_metric_learning.losses import ArcFaceLoss
    except ImportError:
        sys.exit(PML_MISSING)

    torch.set_num_threads(os.cpu_count())
    imported = memory()
    embeddings, labels = batch(classes)
    embeddings = torch.tensor(embeddings, requires_grad=True)
    labels = torch.tensor(labels.astype("int64"))
    loss = ArcFaceLoss(classes, DIM)

    def step():
        loss.W.grad = embeddings.grad = None
        loss(embeddings, labels).backward()

    def products():
        with torch.no_grad():
            logits = embeddings @ loss.W
            return logits @ loss.W.T, embeddings.T @ logits

    return step, products, imported


def batch(classes):
    import numpy as np

    rng = np.random.default_rng(0)
    embeddings = rng.normal(size=(BATCH, DIM)).astype("float32")
    return embeddings, rng.integers(0, classes, BATCH).astype("int32")


PREPARE = {
    "fused": prepare_ours(),
    "partial": prepare_ours(sample_rate=SAMPLE_RATE),
    "dense": prepare_ours(chunk_size=0),
    "naive": prepare_naive,
    "pml": prepare_pml,
}


def line(row):
    if "failed" in row:
        return f"| {row['head']} | {row['classes']:,} | {row['failed']} | | | |"
    over = f"{row['over_products']:.2f}" if "over_products" in row else ""
    peer = f"{row['pml_over_this']:.1f}" if "pml_over_this" in row else ""
    return (
        f"| {row['head']} | {row['classes']:,} | {row['seconds']:.2f} s "
        f"| {over} | {row['memory_in_centres']:.2f} | {peer} |"
    )


if __name__ == "__main__":
    main()
