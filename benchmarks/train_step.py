"""Pictures a second, and how much of the machine's peak a step reaches.

Command:  python benchmarks/train_step.py
Data:     random pixels of 112x112, a head of 1,000 classes
Hardware: two processor cores; or a GPU, where TensorFlow or JAX finds one:
          --batch 128 --output benchmarks/results/train_step_gpu.json
Time:     under a quarter of an hour: at most 45 s for each of 24 processes
Writes:   benchmarks/results/train_step.json

Every backend, network, policy and mode is a process of its own. `forward` is
the backbone at inference; `step` is `ArcFaceModel.train_step`: forward,
backward, SGD with momentum, loss scaling where the policy has it. TensorFlow
runs it eagerly, as a graph and compiled by XLA; JAX compiles it always (`jit`).

The peak is the best square matrix product of the policy's compute dtype that
the same process measures. Operations are counted from the layers: two for each
multiply-accumulate of `count_macs`, three times as many in a step (forward, and
the gradients of inputs and kernels). So a share above 1 means that the products
of that dtype are slower than the convolutions, which may work in another.

Memory is the peak of the process less what it had before there was a model; on
a GPU what the framework's allocator says. A process that is not done by the
limit, compiling included, is ended; what it measured before that is kept.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path

MODES = {"tensorflow": ("eager", "graph", "xla"), "jax": ("jit",)}
NETWORKS = ("mobilefacenet", "iresnet50")
POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
PARTS = ("forward", "step")
PEAK_SIDES = (512, 1024, 2048, 4096, 8192)
COLUMNS = "backend network policy mode part ms images/s peak memory".split()
RESULTS = Path(__file__).parent / "results" / "train_step.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backends", nargs="*", default=list(MODES))
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS))
    parser.add_argument("--policies", nargs="*", default=list(POLICIES))
    parser.add_argument("--modes", nargs="*", default=sum(MODES.values(), ()))
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--side", type=int, default=112)
    parser.add_argument("--limit", type=float, default=45, help="seconds each")
    parser.add_argument("--seconds", type=float, default=3, help="of timing")
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument(
        "--missing",
        action="store_true",
        help="keep the rows of --output, measure those that were not done",
    )
    parser.add_argument("--row", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        return measure(args, *args.row)
    import machine

    from keras_arcface.utils.files import check_output_file
    from keras_arcface.utils.files import write_json

    check_output_file(args.output, ".json")
    done = finished(args.output) if args.missing else {}
    rows = []
    print(f"| {' | '.join(COLUMNS)} |")
    for cell in cells(args):
        for result in done.get(cell) or in_own_process(args, cell):
            rows.append(result)
            print(line(result), flush=True)
    write_json(args.output, {"machine": machine.describe(), "rows": rows})


def finished(path):
    """Returns the rows of the processes that measured all, by their cells."""
    by_cell = {}
    for row in json.loads(path.read_text())["rows"]:
        cell = tuple(row[name] for name in COLUMNS[:4])
        by_cell.setdefault(cell, []).append(row)
    return {
        cell: rows
        for cell, rows in by_cell.items()
        if not any("skipped" in row for row in rows)
    }


def cells(args):
    """Yields (backend, network, policy, mode) of all that was asked for."""
    for backend in args.backends:
        for network in args.networks:
            for policy in args.policies:
                for mode in MODES[backend]:
                    if mode in args.modes:
                        yield backend, network, policy, mode


def in_own_process(args, cell):
    """Returns the rows of one process, or why one is missing."""
    command = [sys.executable, __file__, "--row", *cell]
    for name in ("batch", "side", "seconds"):
        command += [f"--{name}", str(getattr(args, name))]
    environment = {"KERAS_BACKEND": cell[0], "TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=args.limit,
            env={**os.environ, **environment},
        )
        lines = (done.stderr or b"").decode().strip().splitlines()
        output, reason = done.stdout, (lines or ["killed: no memory"])[-1]
    except subprocess.TimeoutExpired as error:
        output = error.stdout
        reason = f"not done in {args.limit:g} s, compiling included"
    rows = [json.loads(text) for text in (output or b"").splitlines()]
    named = dict(zip(("backend", "network", "policy", "mode"), cell))
    return [
        {**named, "part": part}
        | (rows[index] if index < len(rows) else {"skipped": reason})
        for index, part in enumerate(PARTS)
    ]


def line(row):
    start = " | ".join(
        row[name] for name in ("backend", "network", "policy", "mode", "part")
    )
    if "skipped" in row:
        return f"| {start} | {row['skipped']} | | | |"
    return (
        f"| {start} | {row['milliseconds']:.1f} "
        f"| {row['images_per_second']:.1f} | {100 * row['share_of_peak']:.0f}% "
        f"| {row['memory_mib']:,} MiB |"
    )


# === One process ===


def measure(args, backend, network, policy, mode):
    """Prints a row for the forward pass and one for the training step."""
    import keras
    from engines import ENGINES

    engine = ENGINES[backend]()
    keras.config.set_dtype_policy(policy)
    dtype = keras.config.dtype_policy().compute_dtype
    peak = best_product(engine, dtype)
    before = engine.memory()
    model = build(network, args.side)
    macs = count(model)
    for part in PARTS:
        engine.forget_peak()
        run = getattr(engine, part)(model, mode, *random_batch(args))
        first, times = timings(run, args.seconds)
        row = {
            "device": engine.device(),
            "batch": args.batch,
            **speed(median(times), 2 * macs[part] * args.batch, args.batch),
            "first_call_seconds": round(first, 2),
            "timed_calls": len(times),
            "peak_gflops": round(peak / 1e9, 1),
            "memory_mib": round((engine.peak_memory() - before) / 2**20),
        }
        row["share_of_peak"] = round(row["gflops"] * 1e9 / peak, 3)
        print(json.dumps(row), flush=True)


def speed(elapsed, operations, batch):
    return {
        "milliseconds": round(1000 * elapsed, 2),
        "images_per_second": round(batch / elapsed, 2),
        "gflops": round(operations / elapsed / 1e9, 3),
    }


def build(network, side):
    import keras

    import keras_arcface as ka

    backbone = ka.create_backbone(network, input_shape=(side, side, 3))
    model = ka.ArcFaceModel(backbone, ka.ArcMarginLayer(1000))
    # From scratch with the full margin, a tenth of the usual rate is stable.
    model.compile(keras.optimizers.SGD(0.01, momentum=0.9))
    model.optimizer.build(model.trainable_variables)
    return model


def count(model):
    """Returns multiply-accumulates a picture of each part."""
    from keras_arcface.backbones import count_macs

    forward = count_macs(model.backbone)
    head = model.head.num_classes * model.backbone.embedding_dim
    return {"forward": forward, "step": 3 * (forward + head)}


def random_batch(args):
    import numpy as np

    rng = np.random.default_rng(0)
    shape = (args.batch, args.side, args.side, 3)
    images = rng.integers(0, 256, shape).astype("uint8")
    return images, rng.integers(0, 1000, args.batch).astype("int32")


def best_product(engine, dtype):
    """Returns the operations a second of the best square matrix product."""
    best = 0.0
    for side in PEAK_SIDES:
        run = engine.product(side, dtype)
        run()
        elapsed = min(seconds(run) for _ in range(3))
        best = max(best, 2 * side**3 / elapsed)
        if elapsed > 0.1:  # The next takes eight times as long.
            break
    return best


def timings(run, enough):
    """Returns the seconds of the first call, and of those timed after it."""
    first = seconds(run)
    times, start = [], time.perf_counter()
    while len(times) < 3 or time.perf_counter() - start < enough:
        times.append(seconds(run))
    return first, times


def seconds(function):
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def median(values):
    values = sorted(values)
    return values[len(values) // 2]


if __name__ == "__main__":
    main()
