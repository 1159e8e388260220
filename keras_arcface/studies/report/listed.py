"""What files beside the data say of identities and pictures."""

import math
import os
import re
from pathlib import Path

import numpy as np

from keras_arcface.data.csv_rows import read_rows
from keras_arcface.data.samples import FilePaths
from keras_arcface.studies.report.options import Options

_NUMBER = re.compile(r"_\d+$")


def identity_names(
    paths: FilePaths, labels: np.ndarray, options: Options
) -> list[str]:
    """Returns a name for each identity of a list of pairs, by its label.

    The folder that its pictures lie in, or for pictures beside each other the
    file's name without its number.
    """
    root = Path(options.images)
    names = {}
    for path, label in zip(map(Path, paths), labels.tolist(), strict=True):
        name = _NUMBER.sub("", path.stem)
        if path.parent != root:
            name = path.parent.name
        names.setdefault(label, name)
    return [names[label] for label in range(len(names))]


def groups(
    path: str | os.PathLike,
    class_names: list[str] | None,
    labels: np.ndarray | None,
) -> np.ndarray:
    """Returns the group of each picture, strings `(n,)`.

    Args:
        path: CSV file with the columns identity and group.
        class_names: Of the identities, by label.
        labels: Identity of each picture, `(n,)`.

    Raises:
        ValueError: when identities have no names, or one has no group.
    """
    if class_names is None or labels is None:
        raise ValueError(
            "Groups are of identities, and nobody says who is on the pictures "
            "of this data. Leave out --groups, or give identities."
        )
    group_of: dict[str, str] = {}
    for where, row in read_rows(path, ("identity", "group")):
        name, group = row["identity"].strip(), row["group"].strip()
        if group_of.setdefault(name, group) != group:
            raise ValueError(
                f"{where}: {name!r} is of the group {group!r} here and "
                f"{group_of[name]!r} in an earlier line."
            )
    missing = [name for name in class_names if name not in group_of]
    if missing:
        raise ValueError(
            f"{path} has no group for {len(missing):,} of "
            f"{len(class_names):,} identities, {missing[0]!r} first. Give "
            "each a line; one group for the unknown will do."
        )
    return np.array([group_of[class_names[label]] for label in labels])


def qualities(path: str | os.PathLike, images, options: Options) -> np.ndarray:
    """Returns the quality of each picture, float64 `(n,)`.

    Args:
        path: CSV file with the columns path (from the folder of the pictures,
            as Ada/0001.jpg) and quality.
        images: `ImageData` of picture files.
        options: Says where the pictures of a list are.

    Raises:
        ValueError: when the pictures are no files, one has no quality, or a
            quality is no number.
    """
    if not isinstance(images.samples, FilePaths):
        raise ValueError(
            "--quality names picture files, and this data has none: its "
            "pictures are in records or in memory."
        )
    values = {}
    for where, row in read_rows(path, ("path", "quality")):
        values[row["path"].strip()] = _number(row["quality"], where)
    root = Path(options.images or images.root)
    names = [_within(Path(file), root) for file in images.samples]
    missing = [name for name in names if name not in values]
    if missing:
        raise ValueError(
            f"{path} has no quality for {len(missing):,} of {len(names):,} "
            f"pictures, {missing[0]!r} first. Its column path starts from "
            f"{root}."
        )
    return np.array([values[name] for name in names])


def _within(path, root):
    inside = path.relative_to(root) if path.is_relative_to(root) else path
    return inside.as_posix()


def _number(text, where):
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(
            f"{where}: quality must be a number. Received: {text!r}."
        )
    return value
