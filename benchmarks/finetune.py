"""The shipped preset, fine-tuned on other people: before and after.

Command:  python benchmarks/finetune.py FACES
Data:     FACES/train (one folder an identity), FACES/val, FACES/val_pairs.csv:
          aligned 112x112 crops of LFW, train and val identities disjoint
Hardware: two processor cores
Time:     about half an hour
Expects:  no loss of accuracy beyond its interval
Writes:   benchmarks/results/finetune.json

The values are those of the recipe lfw_finetune; the rates and what batch
normalization does are the table's. Differences are after minus before, on the
same pairs, by a bootstrap of the people in them.
"""

import argparse
import time
from pathlib import Path

import judging
import keras
import machine

from keras_arcface import load_pretrained
from keras_arcface.cli.sources import pairs_from_file
from keras_arcface.data import open_data
from keras_arcface.training import class_means
from keras_arcface.training import set_class_centers
from keras_arcface.training import verify
from keras_arcface.training.building import build_model
from keras_arcface.training.recipe import Recipe
from keras_arcface.utils.files import write_json

RESULTS = Path(__file__).parent / "results" / "finetune.json"
RECIPE = "lfw_finetune"
RATES = (0.00001, 0.0001)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    args = parser.parse_args()
    recipe = Recipe.from_yaml(
        RECIPE, {"data.source": str(args.faces / "train")}
    )
    data = open_data(recipe.data.source)
    data = data.with_at_least(recipe.data.min_pictures).in_memory()
    val = pairs_from_file(
        args.faces / "val_pairs.csv", args.faces / "val", data.image_size
    )[:2]
    preset = load_pretrained(recipe.backbone.weights)
    report, before = verify(preset, *val, flip=True)
    means = class_means(preset, data)
    result = {
        "machine": machine.describe(),
        "training": {
            "identities": data.num_classes,
            "pictures": len(data),
            "epochs": recipe.schedule.epochs,
            "batch_size": recipe.schedule.batch_size,
            "margin": recipe.head.margin,
        },
        "before": judging.measures(report),
        "after": [],
    }
    print(result, flush=True)
    for rate in RATES:
        for batch_norm in ("frozen", "train"):
            changed = recipe.with_values(
                {
                    "optimizer.learning_rate": rate,
                    "backbone.batch_norm": batch_norm,
                }
            )
            model = make_model(changed, data, means)
            row = {"learning_rate": rate, "batch_norm": batch_norm}
            row |= finetune(model, changed, data)
            report, after = verify(model.backbone, *val, flip=True)
            row |= judging.measures(report)
            row["difference"] = differences(after, before, val[1])
            print(row, flush=True)
            result["after"].append(row)
            write_json(RESULTS, result)


def make_model(recipe, data, means):
    """Returns what the recipe builds; its class centres were found before."""
    keras.utils.set_random_seed(recipe.seed)
    steps = data.steps(recipe.schedule.batch_size, drop_remainder=True)
    found = recipe.with_values({"head.centers": "random"})
    model = build_model(found, data, steps)
    set_class_centers(model.head, means)
    return model


def finetune(model, recipe, data):
    """Trains, and returns what training saw in its last epoch."""
    epochs, batch_size = recipe.schedule.epochs, recipe.schedule.batch_size
    batches = data.batches(
        batch_size, epochs=epochs, augment="flip", drop_remainder=True
    )
    start = time.monotonic()
    history = model.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=data.steps(batch_size, drop_remainder=True),
        shuffle=False,
        verbose=2,
    ).history
    return {
        "loss": round(history["loss"][-1], 3),
        "angle": round(history["angle"][-1], 1),
        "seconds": round(time.monotonic() - start),
    }


def differences(after, before, pairs):
    compared = judging.paired(after, before, pairs)
    return {
        name: {
            "difference": compared[name].difference,
            "interval": compared[name].interval,
        }
        for name in ("accuracy", "eer", "tar_at_far_0.001")
    }


if __name__ == "__main__":
    main()
