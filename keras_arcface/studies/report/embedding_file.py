"""Anybody's embeddings, from an .npz file, without a model or pictures."""

import os
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from keras_arcface.data import Pairs
from keras_arcface.evaluation import lfw_folds
from keras_arcface.evaluation.similarity import check_embeddings
from keras_arcface.evaluation.similarity import row_lengths
from keras_arcface.studies.report.drawing_pairs import whole_identities
from keras_arcface.studies.report.judged import Judged
from keras_arcface.studies.report.options import Options
from keras_arcface.utils.files import sha256

PAIRS = ("left", "right", "is_same")
OF_ROWS = ("labels", "paths", "quality", "groups")
NEED_PICTURES = ("images", "flip", "resize", "groups", "quality")
KEYS = ("embeddings", *OF_ROWS, *PAIRS, "fold")


def open_embeddings(path: str | os.PathLike, options: Options) -> Judged:
    """Reads an .npz file with the arrays

    - `embeddings`, real `(n, dim)`, of any length;
    - `labels`, integers or strings `(n,)`; without them the folder of each of
      `paths`, strings `(n,)`, is the identity, as `keras-arcface embed` writes
      them;
    - optionally `left`, `right`, `is_same` and `fold`, `(pairs,)`: the pairs
      to judge by;
    - optionally `quality` (larger is better) and `groups`, `(n,)`.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file and the array that is missing or wrong, or
            an option that needs a model or pictures.
    """
    path = Path(path)
    _check_options(options)
    arrays = _read(path)
    rows, rules = np.arange(len(arrays["embeddings"])), []
    labels, class_names = _identities(arrays)
    pairs = _pairs(arrays, labels, path)
    if pairs is None and labels is None:
        raise ValueError(
            f"{path} says neither who is on the pictures nor which pairs are "
            "to be judged. Give `labels` (n,), or `paths` (n,) in a folder an "
            "identity, or `left`, `right` and `is_same`."
        )
    if pairs is None:
        kept = whole_identities(labels, options.most_pictures, options.seed)
        if not kept.all():
            rules.append(
                f"{int(kept.sum()):,} of {len(rows):,} embeddings: whole "
                f"identities, drawn at random (seed {options.seed})"
            )
        rows = rows[kept]
    if labels is not None:
        labels = labels[rows]
    quality = arrays.get("quality")
    groups = arrays.get("groups")
    names = arrays.get("paths")
    return Judged(
        model="Embeddings",
        source=path.name,
        embeddings=arrays["embeddings"][rows],
        labels=labels,
        class_names=class_names,
        names=None if names is None else [str(names[row]) for row in rows],
        pairs=pairs,
        qualities=_qualities(arrays["embeddings"][rows], quality, rows),
        groups=None if groups is None else groups[rows].astype(str),
        data_facts=_facts(path, arrays, labels),
        rules=tuple(rules),
        joint="of",
    )


def _check_options(options):
    # Else the page would say nothing of what was asked for.
    for name in NEED_PICTURES:
        if getattr(options, name):
            instead = ""
            if name in OF_ROWS:
                instead = f" Give an array `{name}` in the file instead."
            raise ValueError(
                f"--{name} is for a model and data, and does nothing to "
                f"--embeddings.{instead}"
            )


def _read(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            if not isinstance(archive, Mapping):
                raise ValueError("it holds one array, not named ones")
            arrays = {key: archive[key] for key in KEYS if key in archive}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} is no .npz file of arrays: {error}"
        ) from error
    if "embeddings" not in arrays or arrays["embeddings"].ndim != 2:
        raise ValueError(
            f"{path} must hold an array `embeddings` of shape (n, dim). "
            f"Received: {[(k, v.shape) for k, v in arrays.items()]}."
        )
    embeddings = check_embeddings(arrays["embeddings"])
    if not embeddings.size:
        raise ValueError(
            f"{path} holds no embedding: `embeddings` has shape "
            f"{embeddings.shape}."
        )
    rows = len(embeddings)
    for key in OF_ROWS:
        if key in arrays and arrays[key].shape != (rows,):
            raise ValueError(
                f"{path}: `{key}` must have one entry for each of the {rows} "
                f"embeddings. Received: shape {arrays[key].shape}."
            )
    if "quality" in arrays and arrays["quality"].dtype.kind not in "iuf":
        raise ValueError(
            f"{path}: `quality` must be numbers. Received: dtype "
            f"{arrays['quality'].dtype}."
        )
    return arrays


def _identities(arrays):
    """Returns labels from 0 and class names by label, or None and None."""
    given = arrays.get("labels")
    if given is None:
        if "paths" not in arrays:
            return None, None
        given = np.array([str(Path(str(p)).parent) for p in arrays["paths"]])
    if given.dtype.kind not in "iuUS":
        raise ValueError(
            "`labels` must be integers or strings; float ids above 2^24 would "
            f"merge. Received: dtype {given.dtype}."
        )
    names, labels = np.unique(given, return_inverse=True)
    return labels.astype(np.int64), [str(name) for name in names]


def _pairs(arrays, labels, path):
    given = [key for key in PAIRS if key in arrays]
    if not given:
        return None
    missing = [key for key in PAIRS if key not in arrays]
    if missing:
        raise ValueError(
            f"{path}: pairs are the arrays {', '.join(PAIRS)}. Missing: "
            f"{', '.join(missing)}."
        )
    is_same = arrays["is_same"]
    if not np.isin(is_same, (0, 1)).all():
        raise ValueError(
            f"{path}: `is_same` must be booleans or 0/1. Received: "
            f"{is_same[~np.isin(is_same, (0, 1))][0]}."
        )
    is_same = is_same.astype(bool)
    fold = arrays["fold"] if "fold" in arrays else lfw_folds(is_same)
    return Pairs(arrays["left"], arrays["right"], is_same, fold, labels)


def _qualities(embeddings, given, rows):
    qualities = {}
    if given is not None:
        qualities["quality given"] = given[rows].astype(np.float64)
    lengths = row_lengths(embeddings)
    if np.ptp(lengths) > 1e-3 * lengths.mean():  # Unit rows say nothing.
        qualities["length of the embeddings"] = lengths
    return qualities


def _facts(path, arrays, labels):
    facts = {
        "file": path.name,
        "SHA-256": sha256(path),
        "embeddings": f"{len(arrays['embeddings']):,}",
        "dimensions": f"{arrays['embeddings'].shape[1]:,}",
    }
    if labels is not None:
        facts["identities"] = f"{len(np.unique(labels)):,}"
    return facts
