"""From a folder of pictures to a judged network, in one recipe.

Command:  python examples/train_on_a_folder.py FOLDER --epochs 20
Data:     one sub-folder an identity, of at least two pictures each; without
          FOLDER 120 characters are drawn into one, 32x32
Hardware: two processor cores; an accelerator for more than a few thousand faces
Time:     about a minute for the characters
Expects:  EER on held-out characters below 12%
Writes:   runs/folder: best.keras, history.json, training.png, recipe.yaml, ...
"""

import argparse
import tempfile
from pathlib import Path

from PIL import Image

import keras_arcface as ka


def draw_folder(folder, identities):
    """Writes characters as your pictures would lie: IDENTITY/PICTURE.png."""
    data = ka.data.glyphs.load("train", identities=identities)
    for number, (pixels, label) in enumerate(zip(data.images(), data.labels)):
        path = Path(folder) / f"{label:04d}" / f"{number:06d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)


def main(folder, output, side, epochs, batch_size=64, backbone="mobilefacenet"):
    recipe = ka.Recipe.from_values(
        {
            "data.source": folder,
            "data.image_size": side,
            "data.resize": True,
            "data.min_pictures": 2,
            "backbone.name": backbone,
            "backbone.embedding_dim": 128,
            "schedule.epochs": epochs,
            "schedule.batch_size": batch_size,
            "evaluation.holdout": 0.2,
            "output": output,
        }
    )
    result = ka.train(recipe)
    best = min(result.history, key=lambda row: row["eer"])
    print(
        f"EER on held-out identities: {100 * best['eer']:.2f}% after epoch "
        f"{best['epoch']}.\nWrote {result.folder}/best.keras. Next: "
        f"keras-arcface export {result.folder} --format all"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--output", default="runs/folder")
    parser.add_argument("--side", type=int, default=112, help="in pixels")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--identities", type=int, default=120, help="to draw")
    args = parser.parse_args()
    how = {"epochs": args.epochs, "batch_size": args.batch_size}
    if args.folder is not None:
        main(args.folder, args.output, args.side, **how)
    else:
        with tempfile.TemporaryDirectory() as folder:
            draw_folder(folder, args.identities)
            main(folder, args.output, 32, **how, backbone="smallnet")
