"""keras-arcface train"""

import argparse
import dataclasses
import sys
import warnings

from keras_arcface.data import AUGMENTATIONS
from keras_arcface.margins import MARGINS
from keras_arcface.training.config import PRECISIONS
from keras_arcface.training.config import TrainConfig
from keras_arcface.training.trainer import train

_HELP = {
    "data": "folder with one sub-folder an identity, .csv, packed folder, .rec "
    "or TFRecords; or 'glyphs'",
    "output": "folder to write to",
    "backbone": "network; default mobilefacenet, for glyphs smallnet",
    "embedding_dim": "length of the embeddings; default 512, glyphs 128",
    "margin": "ArcFace margin in radians, or another of the family with its "
    "values: " + ", ".join(MARGINS) + ", per_class",
    "scale": "length of the logits, or auto",
    "sub_centers": "centres an identity; 3 for noisy labels, see clean",
    "sample_rate": "share of the identities that a step sees (Partial FC), for "
    "more of them than memory holds; see plan",
    "chunk_size": "identities a chunk of the softmax, 0 for all at once; by "
    "itself few logits at once, else in chunks that fit the machine",
    "epochs": "passes over the data",
    "batch_size": "pictures a step",
    "learning_rate": "peak learning rate",
    "lr_warmup": "share of the steps while the rate rises from 0",
    "margin_warmup": "share of the steps while the margin grows; 0 for none",
    "weight_decay": "coupled, as in the papers",
    "precision": f"dtype policy: {', '.join(PRECISIONS)}",
    "augment": ", ".join(AUGMENTATIONS) + "; default flip, for glyphs shift",
    "holdout": "share of the identities to judge by, never trained on",
    "min_pictures": "leave out identities with fewer pictures",
    "keep": ".csv of keras-arcface clean: train without what it drops",
    "image_size": "side of the pictures in pixels; default 112, glyphs 32",
    "resize": "resize pictures of another size",
    "seed": "of everything random",
}
_TYPES = {"int": int, "float": float}


def add_parser(subparsers):
    parser = subparsers.add_parser(
        "train",
        help="train a model and judge it on held-out identities",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    for field in dataclasses.fields(TrainConfig):
        _add_option(parser, field)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on from the last checkpoint in --output",
    )
    parser.set_defaults(run=run)


def run(args):
    names = [field.name for field in dataclasses.fields(TrainConfig)]
    config = TrainConfig(**{name: getattr(args, name) for name in names})
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        result = train(config, resume=args.resume)
    print(_summary(result))


def _add_option(parser, field):
    flag = "--" + field.name.replace("_", "-")
    text = _HELP[field.name]
    if field.type is bool:
        parser.add_argument(flag, action="store_true", help=text)
        return
    required = field.default is dataclasses.MISSING
    kind = next(
        (t for name, t in _TYPES.items() if name in str(field.type)), str
    )
    if "str" in str(field.type):
        kind = str
    if field.default is None or required:
        default = argparse.SUPPRESS if required else None
        parser.add_argument(
            flag, type=kind, required=required, default=default, help=text
        )
    else:
        parser.add_argument(flag, type=kind, default=field.default, help=text)


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"warning: {message}", file=sys.stderr)


def _summary(result):
    last = result.history[-1]
    values = ", ".join(
        f"{name} {value:.4f}"
        for name, value in last.items()
        if name != "epoch" and value is not None
    )
    return (
        f"Epoch {last['epoch']}: {values}\n"
        f"Wrote {result.folder}: best.keras (lowest EER), checkpoints/, "
        "history.json, training.png, classes.json, config.json\n"
        f"Next: keras-arcface export {result.folder} --format all"
    )
