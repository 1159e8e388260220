"""From a model and data, as users name them, to what is judged."""

import csv
import os
from pathlib import Path

import numpy as np

from keras_arcface.data import ImageData
from keras_arcface.data import Pairs
from keras_arcface.data import glyphs
from keras_arcface.data import open_data
from keras_arcface.data import open_pairs
from keras_arcface.data.samples import FilePaths
from keras_arcface.pretrained import load_backbone
from keras_arcface.pretrained import read_metadata
from keras_arcface.studies.report import listed
from keras_arcface.studies.report.drawing_pairs import whole_identities
from keras_arcface.studies.report.facts import data_facts
from keras_arcface.studies.report.facts import model_facts
from keras_arcface.studies.report.facts import trained_on
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.options import Options
from keras_arcface.training.verification import features_of_data

LENGTH = "length of the features"


def open_judged(model: str, data: str, options: Options) -> Judged:
    """Opens both and embeds the pictures, with progress on stderr.

    Args:
        model: As `load_backbone` takes it.
        data: Folder of identities, pack, .rec, CSV file of identities or of
            pairs, LFW's pairs.txt, .bin set, or "glyphs".
        options: How.

    Raises:
        FileNotFoundError: when something is not there.
        ValueError: when something is not what it should be.
    """
    backbone = load_backbone(model)
    size = backbone.input_shape[1:3]
    if None in size:
        raise ValueError(
            "The model takes pictures of any size. Build its backbone with a "
            "fixed input_shape, so that results can be compared."
        )
    images, pairs, name = _open(data, size, options)
    added = "are added" if options.flip else "are not added (--flip adds them)"
    rules = [f"the mirrored picture's features {added}"]
    if pairs is None:
        images, rule = _sample(images, options)
        rules += rule
    labels, names, groups = _who(images, pairs, options)
    qualities = {}
    if options.quality is not None:
        qualities["quality given"] = listed.qualities(
            options.quality, images, options
        )
    features = features_of_data(backbone, images, options.flip)
    _check_features(features, images)
    qualities[LENGTH] = np.linalg.norm(features, axis=1).astype(np.float64)
    return Judged(
        model=_short(model),
        source=name,
        embeddings=features,
        labels=labels,
        class_names=names,
        names=_picture_names(images),
        pairs=pairs,
        data=images,
        qualities=qualities,
        groups=groups,
        model_facts=model_facts(model, backbone),
        data_facts=data_facts(name, images, pairs),
        threshold=_own_threshold(model, options.flip),
        warnings=tuple(trained_on(model, names)),
        rules=tuple(rules),
    )


def _open(
    data: str, size: tuple[int, int], options: Options
) -> tuple[ImageData, Pairs | None, str]:
    if data == "glyphs":
        return glyphs.load("test", image_size=size[0]), None, "unseen glyphs"
    name = _short(data)
    if _holds_pairs(Path(data)):
        opened = open_pairs(data, options.images, size, resize=options.resize)
        return opened.data, opened.pairs, name
    opened = open_data(data, size, resize=options.resize, images=options.images)
    return opened, None, name


def _holds_pairs(path: Path) -> bool:
    if not path.is_file():
        return False
    if path.suffix.lower() != ".csv":
        return path.suffix.lower() in (".bin", ".txt")
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        head = next(csv.reader(file), [])
    return {"left", "right"} <= {name.strip() for name in head}


def _sample(images, options):
    kept = whole_identities(images.labels, options.most_pictures, options.seed)
    if kept.all():
        return images, []
    rule = (
        f"{int(kept.sum()):,} of {len(images):,} pictures: whole identities, "
        f"drawn at random (seed {options.seed}) until no more fit into "
        f"{options.most_pictures:,} pictures"
    )
    return images.where(kept), [rule]


def _who(images, pairs, options):
    """Returns labels, class names and the group of each picture, if known."""
    if pairs is None:
        labels, names = images.labels, list(images.class_names)
    else:
        labels, names = pairs.subject, None
        if labels is not None and isinstance(images.samples, FilePaths):
            names = listed.identity_names(images.samples, labels, options)
    groups = None
    if options.groups is not None:
        groups = listed.groups(options.groups, names, labels)
    return labels, names, groups


def _picture_names(images):
    """Returns the last two parts of every path, or None without paths."""
    if not isinstance(images.samples, FilePaths):
        return None
    return ["/".join(Path(path).parts[-2:]) for path in images.samples]


def _check_features(features, images):
    useless = ~np.isfinite(features).all(axis=1) | ~features.any(axis=1)
    if not useless.any():
        return
    first = int(useless.argmax())
    name = f"picture {first}"
    if not isinstance(images.samples, np.ndarray):
        name = images.samples.name(first)
    raise ValueError(
        f"The model gives no embedding for {name} (all zeros or not a number; "
        f"{int(useless.sum())} such pictures). Its weights are broken; no "
        "result was made up."
    )


def _own_threshold(model, flip):
    """Returns the threshold of a preset, if it is for these embeddings."""
    entry = read_metadata(model).get("verification")
    if not isinstance(entry, dict) or "threshold" not in entry:
        return None
    return entry if bool(entry.get("flip_sum")) == flip else None


def _short(path: str | os.PathLike) -> str:
    """Returns the name without the folders above it."""
    return Path(path).name or str(path)
