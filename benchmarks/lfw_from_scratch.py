"""A MobileFaceNet trained from scratch on a few thousand faces, judged.

Command:  python benchmarks/lfw_from_scratch.py FACES
Data:     FACES/train (one folder an identity), FACES/val, FACES/val_pairs.csv:
          aligned 112x112 crops of LFW, train and val identities disjoint
Hardware: two processor cores
Time:     about half an hour
Expects:  well above the untrained network; far below networks trained on
          millions of faces
Writes:   benchmarks/results/lfw_from_scratch.json
"""

import argparse
from pathlib import Path

import keras
import machine

from keras_arcface.cli.sources import pairs_from_file
from keras_arcface.pretrained import load_backbone
from keras_arcface.training import Recipe
from keras_arcface.training import train
from keras_arcface.training import verify
from keras_arcface.training.building import build_model
from keras_arcface.training.loading import load_data
from keras_arcface.utils.files import write_json

RESULTS = Path(__file__).parent / "results" / "lfw_from_scratch.json"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("faces", type=Path)
    parser.add_argument("--output", default="runs/lfw")
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--resume", action="store_true")
    args = parser.parse_args()
    recipe = Recipe.from_values(
        {
            "data.source": str(args.faces / "train"),
            "output": args.output,
            "backbone.name": "mobilefacenet_v1",
            "backbone.embedding_dim": 192,
            "data.image_size": 56,
            "data.resize": True,
            "data.min_pictures": 2,
            "schedule.epochs": args.epochs,
            "schedule.batch_size": 64,
        }
    )
    history = train(recipe, resume=args.resume).history
    rows = {
        "untrained": judge(untrained(recipe), args.faces),
        "trained": judge(load_backbone(args.output), args.faces),
    }
    seconds = sum(row.get("seconds", float("nan")) for row in history)
    result = {"training_seconds": seconds, **rows}
    write_json(RESULTS, {"machine": machine.describe(), **result})
    print(result)


def untrained(recipe):
    """Returns the network as it was before the first step."""
    keras.utils.set_random_seed(recipe.seed)
    data, _ = load_data(recipe)
    return build_model(recipe, data, steps=1).backbone


def judge(backbone, faces):
    size = backbone.input_shape[1:3]
    data, pairs, _ = pairs_from_file(
        faces / "val_pairs.csv", faces / "val", size, resize=True
    )
    report, _ = verify(backbone, data, pairs, flip=True)
    return {
        "accuracy": report.accuracy,
        "accuracy_standard_error": report.accuracy_standard_error,
        "eer": report.eer,
        "eer_interval": report.intervals["eer"],
        "auc": report.auc,
        "tar_at_far_0.01": report.tar_at_far[1e-2].tar,
    }


if __name__ == "__main__":
    main()
