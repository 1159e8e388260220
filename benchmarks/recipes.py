"""Twenty steps of every large recipe, on made-up records, at its true head.

Command:  python benchmarks/recipes.py
Data:     made up: one record of noise for each identity that the recipe has
Hardware: two processor cores, 8 GiB
Time:     about ten minutes
Expects:  every loss of step 0 within 1 of what random features give
Writes:   benchmarks/results/recipes.json

What is true to the recipe: the network, the number of identities, the head with
its margin, scale, sample and chunks, the optimizer. What is not: pictures of
32x32 and 64 of them a step, one device, float32 (half precision is slow on
processors), and a learning rate smaller by as much as the batch.

`measured` is what these steps took. `extrapolated` is what the recipe would
take at 112x112, its batch and its devices, and nothing of it was measured:

- operations: exact, six for each multiply-accumulate of network and head;
- processor days: those operations as fast as the measured steps had theirs;
- device hours: as fast as `--tflops` says, 22 for a V100, which is what
  insightface's 4,681 pictures a second (R50, half precision, eight V100) mean;
- memory of a device: the plan of the head, 12 bytes a parameter of the network,
  and what every layer gives for its part of the batch, kept once for the
  gradient.
"""

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import extrapolation
import machine
import numpy as np
from pipeline import record

# Pictures (reference: the sizes in the data sets' own papers), and identities
# where the recipe leaves them open.
PICTURES = {
    "casia_r50": 490_623,
    "vgg2_r50": 3_310_000,
    "ms1mv3_mbf": 5_179_510,
    "ms1mv3_r50": 5_179_510,
    "ms1mv3_r100": 5_179_510,
    "glint360k_r100_pfc": 17_091_657,
}
IDENTITIES = {"vgg2_r50": 9_131}
RESULTS = Path(__file__).parent / "results" / "recipes.json"
TOLERANCE = 1.0  # Of a mean over 64 targets, three deviations.


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipes", nargs="*", default=list(PICTURES))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--tflops", type=float, default=22.0)
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--row", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.row:
        return print(json.dumps(measure(args.row, args)))
    from keras_arcface.utils.files import write_json

    rows = []
    for name in args.recipes:
        rows.append(in_own_process(name, args))
        print(line(rows[-1]), flush=True)
    write_json(args.output, {"machine": machine.describe(), "rows": rows})
    wrong = [row["recipe"] for row in rows if not row["as_expected"]]
    if wrong:
        raise SystemExit(f"Not the expected loss at step 0: {wrong}")


def in_own_process(name, args):
    command = [sys.executable, __file__, "--row", name]
    for option in ("steps", "batch", "side", "tflops"):
        command += [f"--{option}", str(getattr(args, option))]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )
    if done.returncode:
        reason = done.stderr.strip().splitlines() or ["killed: no memory"]
        raise SystemExit(f"{name}: {reason[-1]}")
    return json.loads(done.stdout.splitlines()[-1])


def line(row):
    measured, guess = row["measured"], row["extrapolated"]
    return (
        f"{row['recipe']}: {row['classes']:,} classes, {row['head']}\n"
        f"  measured      loss {measured['loss_step_0']:.2f} at step 0, "
        f"expected {row['expected_loss']:.2f}; "
        f"{measured['seconds_a_step']:.2f} s a step, "
        f"{measured['memory_gib']:.1f} GiB\n"
        f"  extrapolated  {guess['steps']:,} steps, "
        f"{guess['exaflop']:.1f} exaFLOP: {guess['processor_days']:,.0f} days "
        f"on this processor; {guess['hours']:.1f} h on {guess['devices']} "
        f"devices at {guess['tflops_a_device']:g} TFLOPS, "
        f"{guess['memory_gib_a_device']:.1f} GiB each"
    )


# === One recipe ===


def measure(name, args):
    """Trains a recipe for a few steps; returns what that took, and would."""
    import keras

    from keras_arcface.training import Recipe
    from keras_arcface.training.recipe import find_recipe

    recipe = Recipe.from_yaml(find_recipe(name)).resolved()
    full = extrapolation.full_size(recipe)
    classes = recipe.data.identities or IDENTITIES[name]
    small = recipe.with_values(
        {
            "data.image_size": args.side,
            "schedule.batch_size": args.batch,
            "optimizer.learning_rate": recipe.optimizer.learning_rate
            * args.batch
            / recipe.schedule.batch_size,
            "precision": "float32",
            "devices": 1,
        }
    )
    keras.utils.set_random_seed(recipe.seed)
    with tempfile.TemporaryDirectory() as room:
        data = made_up(Path(room) / "train.rec", classes, args.side)
        before = machine.memory()
        machine.forget_peak()
        model, losses, seconds = run(small, data, args.steps)
        peak = machine.memory("VmHWM") - before
    expected = expected_loss(model.head, args.batch)
    measured = {
        "batch": args.batch,
        "side": args.side,
        "precision": "float32",
        "steps": args.steps,
        "loss_step_0": round(float(losses[0]), 3),
        "loss_last_step": round(float(losses[-1]), 3),
        "seconds_a_step": round(seconds, 3),
        "memory_gib": round(peak / 2**30, 2),
    }
    return {
        "recipe": name,
        "classes": classes,
        "head": model.head_plan(args.batch).path,
        "expected_loss": round(expected, 3),
        "as_expected": bool(abs(losses[0] - expected) < TOLERANCE),
        "measured": measured,
        "extrapolated": extrapolation.extrapolate(
            recipe, model, full, seconds, PICTURES[name], args
        ),
    }


def made_up(path, classes, side):
    """Writes a .rec file with a record of noise for each class; opens it."""
    from PIL import Image

    from keras_arcface.data import open_data

    rng = np.random.default_rng(0)
    contents = []
    for _ in range(64):
        file = io.BytesIO()
        pixels = rng.integers(0, 256, (8, 8, 3)).astype("uint8")
        Image.fromarray(pixels).save(file, "PNG")
        contents.append(file.getvalue())
    offset, lines = 0, []
    with open(path, "wb") as file:
        for label in range(classes):
            lines.append(f"{label}\t{offset}\n")
            offset += file.write(record(contents[label % 64], label))
    path.with_suffix(".idx").write_text("".join(lines))
    return open_data(path, (side, side), resize=True)


def run(recipe, data, steps):
    """Returns the model, the loss of each step, and the seconds of one."""
    import keras

    from keras_arcface.training.building import build_model

    means, ends = [], []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            means.append(float(logs["loss"]))
            ends.append(time.perf_counter())

    batch = recipe.schedule.batch_size
    model = build_model(recipe, data, data.steps(batch, drop_remainder=True))
    model.fit(
        data.batches(
            batch, epochs=1, augment=recipe.data.augment, drop_remainder=True
        ),
        steps_per_epoch=steps,
        callbacks=[Watch()],
        shuffle=False,
        verbose=0,
    )
    # Keras shows the mean over the steps so far.
    sums = np.array(means) * np.arange(1, steps + 1)
    return model, np.diff(sums, prepend=0.0), float(np.median(np.diff(ends)))


def expected_loss(head, batch):
    """Returns what random features give: s sin m + ln(C - 1) + s^2 / 2d.

    That is ArcFace's; others have theirs. A step that draws a sample of the
    classes has the sample's size for C.
    """
    from keras_arcface import ArcMarginLayer
    from keras_arcface.softmax import sample_size
    from keras_arcface.training import chance_loss

    seen = sample_size(head.sample_rate, head.num_classes, batch)
    alike = ArcMarginLayer(seen, head.margin, head.scale)
    alike.build((None, head.class_centers.shape[-1]))
    return chance_loss(alike)


if __name__ == "__main__":
    main()
