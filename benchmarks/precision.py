"""The recipe glyphs under the three dtype policies, on unseen characters.

Command:  python benchmarks/precision.py
Data:     glyphs, drawn on the spot: 600 characters to train on, 300 unseen
Hardware: two processor cores
Time:     about half an hour, most of it mixed_float16: processors emulate it
Expects:  EER differences to float32 whose intervals cover zero
Writes:   benchmarks/results/precision.json

Each policy trains in a process and a folder of its own; a run that was broken
off goes on. What is judged is `best.keras`, as `keras-arcface evaluate RUN
--data glyphs` does: in float32, on pairs of characters that neither trained nor
chose it. Embedded in half precision, as it was trained, it is judged once more.

A difference is that to float32 on the same pairs, its interval by a bootstrap
of the characters. It holds for these two models; what training itself leaves to
chance is seen by the last row, float32 once more with another seed.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

import judging
import machine

from keras_arcface import Recipe
from keras_arcface.cli.sources import pairs_from_data
from keras_arcface.pretrained import load_backbone
from keras_arcface.training import train
from keras_arcface.training import verify
from keras_arcface.training.trainer import dtype_policy
from keras_arcface.utils.files import write_json

RESULTS = Path(__file__).parent / "results" / "precision.json"
RECIPE = "glyphs"
FIRST = "float32"
CASES = {
    FIRST: {"precision": "float32"},
    "mixed_float16": {"precision": "mixed_float16"},
    "mixed_bfloat16": {"precision": "mixed_bfloat16"},
    "float32, seed 1": {"precision": "float32", "seed": 1},
}
MEASURES = ("eer", "accuracy", "tar_at_far_0.01")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, help="default: the recipe's")
    parser.add_argument("--folder", type=Path, default=Path("runs/precision"))
    parser.add_argument("--output", type=Path, default=RESULTS)
    parser.add_argument("--case", choices=CASES, help=argparse.SUPPRESS)
    args = parser.parse_args()
    recipes = {case: make_recipe(case, args) for case in CASES}
    if args.case:
        return train_on(recipes[args.case])
    for case in CASES:
        in_own_process(case, args)
    data, pairs, source = pairs_from_data("glyphs", (32, 32))
    rows = judge({c: recipes[c].output for c in CASES}, data, pairs)
    values = recipes[FIRST].resolved().values()
    result = {
        "machine": machine.describe(),
        "recipe": {k: v for k, v in values.items() if k != "output"},
        "pairs": source,
        "unseen_identities": data.num_classes,
        "rows": rows,
    }
    write_json(args.output, result)
    print(table(rows))


def make_recipe(case, args):
    values = {
        "output": str(args.folder / case.replace(", seed ", "_seed_")),
        **CASES[case],
    }
    if args.epochs is not None:
        values["schedule.epochs"] = args.epochs
    return Recipe.from_yaml(RECIPE, values)


def in_own_process(case, args):
    command = [sys.executable, __file__, "--case", case]
    command += ["--folder", str(args.folder)]
    if args.epochs is not None:
        command += ["--epochs", str(args.epochs)]
    environment = {"TF_CPP_MIN_LOG_LEVEL": "3", **os.environ}
    subprocess.run(command, check=True, env=environment)


def train_on(recipe):
    """Trains, or goes on where a run in that folder was broken off."""
    train(recipe, resume=(Path(recipe.output) / "recipe.yaml").exists())


# === Judging ===


def judge(folders, data, pairs, bootstrap=1000):
    """Returns a row for each run, the first being what others differ from."""
    rows, first = [], None
    for case, folder in folders.items():
        report, similarity = verify(
            load_backbone(folder), data, pairs, bootstrap=bootstrap
        )
        row = {"case": case, **course(folder), **measures(report)}
        if row["precision"] != "float32":
            row["eer_embedded_in_half"] = half_eer(row, folder, data, pairs)
        if first is None:
            first = similarity
        else:
            row["difference"] = differences(similarity, first, pairs, bootstrap)
        rows.append(row)
    return rows


def half_eer(row, folder, data, pairs):
    """Returns the EER when the network computes in the run's own precision."""
    with dtype_policy(row["precision"]):  # Loaded layers follow it.
        backbone = load_backbone(folder)
    return verify(backbone, data, pairs, bootstrap=0)[0].eer


def course(folder):
    """Returns what a run says of itself: epochs, seconds, loss scaling."""
    folder = Path(folder)
    history = json.loads((folder / "history.json").read_text("utf-8"))
    lines = (folder / "log.jsonl").read_text("utf-8").splitlines()
    log = [json.loads(line) for line in lines]
    found = {
        "precision": Recipe.from_yaml(folder / "recipe.yaml").precision,
        "epochs": len(history),
        "steps": log[-1]["step"],
        "seconds_an_epoch": statistics.median(r["seconds"] for r in history),
        "loss": history[-1]["loss"],
    }
    if "loss_scale" in log[-1]:
        found["loss_scale"] = log[-1]["loss_scale"]
        found["skipped_steps"] = int(log[-1]["skipped_steps"])
        found["loss_scales"] = scales(log)
    return found


def scales(log):
    """Returns the lines of a log where the loss scale was a new one."""
    names = ("step", "loss_scale", "skipped_steps")
    before, found = None, []
    for row in log:
        if row["loss_scale"] != before:
            before = row["loss_scale"]
            found.append({name: row[name] for name in names})
    return found


def measures(report):
    point = report.tar_at_far[1e-2]
    return {
        "eer": report.eer,
        "eer_interval": report.intervals["eer"],
        "accuracy": report.accuracy,
        "accuracy_interval": report.intervals["accuracy"],
        "tar_at_far_0.01": point.tar,
        "tar_at_far_0.01_interval": point.interval,
    }


def differences(scores, first, pairs, bootstrap):
    compared = judging.paired(scores, first, pairs, bootstrap=bootstrap)
    return {
        name: {
            "difference": compared[name].difference,
            "interval": compared[name].interval,
            "distinguishable": compared[name].distinguishable,
        }
        for name in MEASURES
    }


# === Table ===


def table(rows):
    """Returns the rows as a Markdown table."""
    lines = [
        "| policy | EER, % | difference to float32, points "
        "| EER embedded in half | TAR at FAR 1e-2, % | loss scale at the end "
        "| skipped steps | seconds an epoch |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [line(row) for row in rows]
    steps, epochs = rows[0]["steps"], rows[0]["epochs"]
    lines.append(f"\nRecipe {RECIPE}, {epochs} epochs, {steps} steps each run.")
    return "\n".join(lines)


def line(row):
    change, half, scale = "", "", ""
    if "difference" in row:
        eer = row["difference"]["eer"]
        change = with_interval(eer["difference"], eer["interval"])
    if "loss_scale" in row:
        scale = f"{row['loss_scale']:,.0f}"
    if "eer_embedded_in_half" in row:
        half = f"{100 * row['eer_embedded_in_half']:.2f}"
    return (
        f"| {row['case']} | {with_interval(row['eer'], row['eer_interval'])} "
        f"| {change} | {half} | "
        + with_interval(row["tar_at_far_0.01"], row["tar_at_far_0.01_interval"])
        + f" | {scale} | {row.get('skipped_steps', '')} "
        f"| {row['seconds_an_epoch']:.0f} |"
    )


def with_interval(value, interval):
    low, high = interval
    return f"{100 * value:.2f} [{100 * low:.2f}, {100 * high:.2f}]"


if __name__ == "__main__":
    main()
