"""ArcFace beside softmax on unseen characters, over seeds.

Command:  python benchmarks/quickstart_seeds.py
Data:     glyphs, drawn on the spot: 600 characters to train on, 300 unseen
Hardware: two processor cores
Time:     about five minutes
Expects:  ArcFace's EER below softmax's for every seed
Writes:   benchmarks/results/quickstart_seeds.json; with another number of
          epochs, quickstart_seeds_epochs_N.json
"""

import argparse
import tempfile
from pathlib import Path

import machine
import numpy as np

from keras_arcface.studies.quickstart import quickstart
from keras_arcface.utils.files import write_json

RESULTS = Path(__file__).parent / "results"
EPOCHS = 5


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    args = parser.parse_args()
    runs = []
    for seed in range(args.seeds):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(
                quickstart(folder, epochs=args.epochs, seed=seed, exports=False)
            )
    name = "quickstart_seeds"
    if args.epochs != EPOCHS:
        name += f"_epochs_{args.epochs}"
    write_json(
        RESULTS / f"{name}.json",
        {"machine": machine.describe(), "runs": runs},
    )
    print(table(runs))


def table(runs):
    """Returns the runs as a Markdown table."""
    lines = [
        "| seed | ArcFace EER | softmax EER | ArcFace TAR at FAR 1e-2 "
        "| softmax TAR | softmax EER - ArcFace EER |",
        "|---|---|---|---|---|---|",
    ]
    for run in runs:
        arc, soft = run["results"]["ArcFace"], run["results"]["softmax"]
        gain = run["difference"]["eer"]
        lines.append(
            f"| {run['seed']} | {_rate(arc, 'eer')} | {_rate(soft, 'eer')} "
            f"| {_rate(arc, 'tar_at_far_0.01')} "
            f"| {_rate(soft, 'tar_at_far_0.01')} "
            f"| {_percent(gain['value'], gain['interval'])} |"
        )
    gains = [100 * run["difference"]["eer"]["value"] for run in runs]
    lines.append(
        f"\nMean difference {np.mean(gains):.2f} points of EER "
        f"(lowest {min(gains):.2f}, highest {max(gains):.2f})."
    )
    return "\n".join(lines)


def _rate(result, name):
    return _percent(result[name], result[f"{name}_interval"])


def _percent(value, interval):
    low, high = interval
    return f"{100 * value:.2f}% [{100 * low:.2f}, {100 * high:.2f}]"


if __name__ == "__main__":
    main()
