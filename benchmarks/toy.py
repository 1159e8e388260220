"""The toys of the ArcFace paper's Figure 3: the angular gaps, measured.

Command:  python benchmarks/toy.py
Data:     scikit-learn's digits (0 to 7 trained, 8 and 9 never seen) and
          glyphs (eight characters trained, two never seen)
Hardware: two processor cores
Time:     a quarter of an hour
Expects:  ArcFace's mean gap wider than that of softmax and of norm-softmax
          for training pictures; the two classes never seen told apart no
          better
Writes:   benchmarks/results/toy.json, and the figures of the first seed to
          docs/figures/
"""

import argparse
from pathlib import Path

import machine
import numpy as np
from PIL import Image

from keras_arcface.studies.toy import ToySettings
from keras_arcface.studies.toy import to_text
from keras_arcface.studies.toy import toy
from keras_arcface.utils.files import write_json

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "toy.json"
FIGURES = ROOT / "docs" / "figures"
WIDTH = 1200


# What else a reader asks, in the plane, where classes have the least room: the
# paper's scale, and no common start.
OTHERS = {
    "paper_scale": ToySettings(scale=64.0),
    "from_random": ToySettings(start_epochs=0, epochs=40, learning_rate=0.1),
}
OTHER_SEEDS = 3


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    found = toy(FIGURES, seeds=args.seeds)
    for path in found["figures"]:
        shrink(path)
    found["figures"] = [Path(path).name for path in found["figures"]]
    result = {"machine": machine.describe(), **found}
    write_json(RESULTS, rounded(result))
    print(to_text(found), flush=True)
    for name, settings in OTHERS.items():
        seeds = min(args.seeds, OTHER_SEEDS)
        other = toy(seeds=seeds, dims=[2], settings=settings)
        result[name] = other
        write_json(RESULTS, rounded(result))
        print(f"\n{name}: {settings}\n\n{to_text(other)}", flush=True)


def shrink(path):
    """Writes a figure again, 1,200 pixels wide with 256 colours."""
    with Image.open(path) as figure:
        height = round(figure.height * WIDTH / figure.width)
        small = figure.convert("RGB").resize((WIDTH, height), Image.LANCZOS)
    # By octree: the median cut makes two colours of classes one.
    few = small.quantize(
        256, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE
    )
    palette = np.reshape(few.getpalette(), (-1, 3))
    palette[palette.sum(axis=1).argmax()] = 255  # The paper stays white.
    few.putpalette(palette.ravel().tolist())
    few.save(path, optimize=True)


def rounded(value):
    """Returns values of JSON with numbers of four decimals."""
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [rounded(each) for each in value]
    return round(value, 4) if isinstance(value, float) else value


if __name__ == "__main__":
    main()
