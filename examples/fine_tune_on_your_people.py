"""The shipped network, trained on with your own people: before and after.

Command:  python examples/fine_tune_on_your_people.py FOLDER
Data:     one sub-folder a person, faces aligned to 112x112 (`keras-arcface
          align`), two or more each, of people who agreed to it; without FOLDER
          characters are drawn, so that it runs: to a network for faces they
          are people from far away
Hardware: two processor cores
Time:     a few minutes for the characters
Expects:  with faces like those it knows no loss, as benchmarks/finetune.py
          measures; with --people 24 --pictures 8 the EER on six characters
          held out falls from 30% to 12%, in wide intervals
Writes:   runs/people: best.keras, history.json, recipe.yaml, ...
"""

import argparse
import tempfile
from pathlib import Path

from PIL import Image

import keras_arcface as ka
from keras_arcface.training import pairs_for
from keras_arcface.training import verify
from keras_arcface.training.recipe import find_recipe

HELD_OUT = 0.25
# Characters may not be mirrored.
FOR_CHARACTERS = {
    "data.augment": "shift",
    "evaluation.flip": False,
}


def draw_people(folder, people, pictures):
    """Writes characters as your pictures would lie: PERSON/PICTURE.png."""
    data = ka.data.glyphs.load(
        "train",
        image_size=112,
        pictures_per_identity=pictures,
        identities=people,
    )
    for number, (pixels, label) in enumerate(zip(data.images(), data.labels)):
        path = Path(folder) / f"{label:04d}" / f"{number:06d}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels).save(path)


def main(folder, output, epochs, changes):
    recipe = ka.Recipe.from_yaml(
        find_recipe("lfw_finetune"),
        {
            "data.source": folder,
            "output": output,
            "schedule.epochs": epochs,
            "schedule.batch_size": 32,
            "evaluation.holdout": HELD_OUT,
            **changes,
        },
    )
    # The people that the run holds out, and pairs of their pictures.
    data = ka.data.open_data(folder, (112, 112)).with_at_least(2)
    _, people = data.split_identities(HELD_OUT, recipe.seed)
    pairs = pairs_for(people.labels)
    before, _ = verify(
        ka.load_backbone(recipe.backbone.weights), people, pairs, flip=True
    )
    result = ka.train(recipe)
    after, _ = verify(ka.load_backbone(result.folder), people, pairs, flip=True)
    for name, report in (("before", before), ("after", after)):
        low, high = report.intervals["eer"]
        print(
            f"EER on {people.num_classes} people held out, {name}: "
            f"{100 * report.eer:.2f}% [{100 * low:.2f}, {100 * high:.2f}]"
        )
    print(f"Wrote {result.folder}: best.keras, history.json, training.png")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?")
    parser.add_argument("--output", default="runs/people")
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--people", type=int, default=40, help="to draw")
    parser.add_argument("--pictures", type=int, default=12, help="of each")
    args = parser.parse_args()
    if args.folder is not None:
        main(args.folder, args.output, args.epochs, {})
    else:
        with tempfile.TemporaryDirectory() as folder:
            draw_people(folder, args.people, args.pictures)
            main(folder, args.output, args.epochs, FOR_CHARACTERS)
