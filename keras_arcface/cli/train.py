"""keras-arcface train"""

import argparse
import dataclasses
import sys
import warnings
from pathlib import Path

from keras_arcface.training.distribution import Cluster
from keras_arcface.training.recipe import Recipe
from keras_arcface.training.recipe import find_recipe
from keras_arcface.training.recipe import help_texts
from keras_arcface.training.recipe import recipe_keys
from keras_arcface.training.recipe.shipped import IN_RUN
from keras_arcface.training.run_folder import no_run
from keras_arcface.training.trainer import TrainResult
from keras_arcface.training.trainer import train

# Short flags for keys; --set takes them all.
FLAGS = {
    "--data": "data.source",
    "--output": "output",
    "--backbone": "backbone.name",
    "--embedding-dim": "backbone.embedding_dim",
    "--weights": "backbone.weights",
    "--margin": "head.margin",
    "--scale": "head.scale",
    "--sub-centers": "head.sub_centers",
    "--sample-rate": "head.sample_rate",
    "--chunk-size": "head.chunk_size",
    "--epochs": "schedule.epochs",
    "--batch-size": "schedule.batch_size",
    "--learning-rate": "optimizer.learning_rate",
    "--lr-warmup": "schedule.warmup",
    "--margin-warmup": "head.margin_warmup",
    "--weight-decay": "optimizer.weight_decay",
    "--precision": "precision",
    "--augment": "data.augment",
    "--holdout": "evaluation.holdout",
    "--min-pictures": "data.min_pictures",
    "--keep": "data.keep",
    "--image-size": "data.image_size",
    "--resize": "data.resize",
    "--devices": "devices",
    "--seed": "seed",
}


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "train",
        help="train a model and judge it on held-out identities",
        description="Trains what a recipe describes. Every flag stands for a "
        "key of it; --set takes all keys.",
    )
    parser.add_argument(
        "recipe",
        nargs="?",
        help="YAML file, the folder of a run, or a name that `keras-arcface "
        "recipes` lists; without one, all keys have their defaults",
    )
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="KEY=VALUE",
        help="another value for a key, as head.margin=0.4; may be repeated",
    )
    for flag, name in FLAGS.items():
        _add_flag(parser, flag, name)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the last checkpoint in --output, with the recipe that "
        "lies there where no other is given",
    )
    parser.add_argument(
        "--cluster",
        metavar="HOST:PORT,HOST:PORT",
        help="train on several machines together, with TensorFlow: the same "
        "list, the same recipe and a shared --output on each",
    )
    parser.add_argument(
        "--worker",
        type=int,
        metavar="N",
        help="which machine of --cluster this is, from 0; 0 prints and writes",
    )
    parser.set_defaults(run=run)


def run(args):
    recipe = _recipe(args.recipe, _changes(args), args.resume)
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        cluster = _cluster(args)
        result = train(recipe, resume=args.resume, cluster=cluster)
    if cluster is None or cluster.is_chief:
        print(_summary(result))


def _cluster(args) -> Cluster | None:
    if args.cluster is not None:
        return Cluster.parse(args.cluster, args.worker)
    if args.worker is not None:
        raise ValueError(
            "--worker says which machine of --cluster this is. Received: "
            f"--worker {args.worker} without --cluster."
        )
    return Cluster.from_environment()


def _add_flag(parser, flag, name):
    key = recipe_keys()[name]
    text = f"{name}: {help_texts()[name]}".replace("%", "%%")
    if key.default not in (None, False, dataclasses.MISSING):
        text += f" (default: {key.default})"
    if key.kinds == (bool,):
        value = {"action": "store_const", "const": "true"}
    else:
        value = {"metavar": flag[2:].replace("-", "_").upper()}
    parser.add_argument(
        flag, dest=name, default=argparse.SUPPRESS, help=text, **value
    )


def _recipe(source, changes, resume) -> Recipe:
    """Returns what is to be trained; a run that goes on brings its recipe."""
    if resume and source is None:
        source = changes.get("output")
        if source is None:
            raise ValueError(
                "--resume goes on with a run: give its folder as --output."
            )
        # The file, for a run may be called as a shipped recipe is.
        source = Path(source) / IN_RUN
        if not source.is_file():
            raise no_run(source.parent)
    if source is None:
        return Recipe.from_values(changes)
    path = find_recipe(source)
    if resume and path == Path(source) / IN_RUN:
        # The folder may have been moved since.
        changes = {"output": str(source), **changes}
    return Recipe.from_yaml(path, changes)


def _changes(args) -> dict[str, str]:
    """Returns what the command line says, by dotted keys; --set is last."""
    given = vars(args)
    changes = {name: given[name] for name in FLAGS.values() if name in given}
    for text in args.set:
        name, equals, value = text.partition("=")
        if not equals or not name.strip():
            raise ValueError(
                "--set must be KEY=VALUE, as head.margin=0.4. Received: "
                f"--set {text}"
            )
        changes[name.strip()] = value
    return changes


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"warning: {message}", file=sys.stderr)


def _summary(result: TrainResult) -> str:
    last = result.history[-1]
    values = ", ".join(
        f"{name} {value:.4f}"
        for name, value in last.items()
        if name != "epoch" and value is not None
    )
    return (
        f"Epoch {last['epoch']}: {values}\n"
        f"Wrote {result.folder}: best.keras, checkpoints/, "
        "history.json, training.png, classes.json, recipe.yaml\n"
        f"Next: keras-arcface export {result.folder} --format all"
    )
