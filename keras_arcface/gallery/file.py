"""From a gallery's parts to its file and back."""

import os
import shutil
from collections.abc import Mapping
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from keras_arcface.evaluation.search import UNIT_ROUNDING
from keras_arcface.evaluation.similarity import row_lengths
from keras_arcface.gallery.archive import FACTS
from keras_arcface.gallery.archive import is_archive
from keras_arcface.gallery.archive import open_archive
from keras_arcface.gallery.archive import write_archive
from keras_arcface.gallery.calibration import Calibration
from keras_arcface.gallery.fingerprint import ModelFingerprint
from keras_arcface.gallery.names import check_name
from keras_arcface.gallery.store import TemplateStore
from keras_arcface.utils.files import UNFINISHED
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import is_folder
from keras_arcface.version import __version__

NAMES = "names.json"
MEMBERS = (
    "templates.npy",
    "lengths.npy",
    "weights.npy",
    "pictures.npy",
    NAMES,
)
CHECKED_ROWS = 32768


class Parts(NamedTuple):
    """All that a gallery is made of."""

    store: TemplateStore | None
    names: list[str]
    model: ModelFingerprint | None
    calibrations: list[Calibration]


class Seen(NamedTuple):
    """By what a file is known again: another save makes another one."""

    number: int
    size: int
    changed: int


def real_path(path: str | os.PathLike) -> Path:
    """Returns the file that is meant: links are followed, not replaced."""
    return Path(os.path.realpath(path))


def seen(path: Path) -> Seen | None:
    """Returns by what the file can be known again; None where there is none."""
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return Seen(found.st_ino, found.st_size, found.st_mtime_ns)


def write_parts(path: Path, parts: Parts) -> None:
    """Writes a gallery's file: the new one whole, or the old one stays.

    Its permissions are those of the file that it replaces. To be called by the
    sole writer of the file: what earlier ones left half-written is removed.

    Raises:
        ValueError: when there is a file that is no gallery.
        IsADirectoryError: when there is a folder.
    """
    if path.is_dir():
        raise is_folder(path)
    if path.exists() and not is_archive(path):
        raise ValueError(
            f"{path} exists and is no gallery. Give another name; nothing was "
            "written."
        )
    _remove_unfinished(path)
    store = parts.store or TemplateStore(0)
    arrays = {
        "templates.npy": store.templates,
        "lengths.npy": store.lengths,
        "weights.npy": store.weights,
        "pictures.npy": store.pictures,
    }
    facts = {
        "written_by": f"keras_arcface {__version__}",
        "identities": store.count,
        "dim": store.dim,
        "model": _model_values(parts.model),
        "calibrations": [each.to_dict() for each in parts.calibrations],
    }
    with atomic_path(path, durable=True) as temporary:
        write_archive(temporary, arrays, {NAMES: parts.names}, facts)
        if path.exists():
            shutil.copymode(path, temporary)


def read_parts(path: Path) -> Parts:
    """Reads a gallery's file, every byte of it checked.

    Raises:
        FileNotFoundError: when there is none.
        ValueError: when it is no gallery or is damaged.
    """
    with open_archive(path, MEMBERS) as archive:
        count, dim = archive.fact("identities", int), archive.fact("dim", int)
        if not 0 <= count < 2**32 or not 0 <= dim < 2**20:
            raise ValueError(f"{FACTS} has {count} identities, dim {dim}")
        if count and not dim:
            raise ValueError(f"{FACTS} has {count} identities without a dim")
        model = _model(archive.fact("model", dict, type(None)))
        calibrations = archive.fact("calibrations", list)
        calibrations = [Calibration.from_dict(each) for each in calibrations]
        names = _names(archive.json_list(NAMES), count)
        store = TemplateStore.of(
            archive.array("templates.npy", (count, dim), np.float32),
            archive.array("lengths.npy", (count,), np.float64),
            archive.array("weights.npy", (count,), np.float64),
            archive.array("pictures.npy", (count,), np.int64),
        )
        _check_values(store)
    return Parts(store if dim else None, names, model, calibrations)


def _names(names: Sequence, count: int) -> list[str]:
    names = [check_name(name) for name in names]
    if len(set(names)) != len(names) or len(names) != count:
        raise ValueError(f"{NAMES} does not name {count} identities")
    return names


def _check_values(store):
    for first in range(0, store.count, CHECKED_ROWS):
        rows = slice(first, first + CHECKED_ROWS)
        lengths = row_lengths(store.templates[rows])
        if (np.abs(lengths - 1) > UNIT_ROUNDING).any():
            raise ValueError("its templates are no unit vectors")
    lengths, weights = store.lengths, store.weights
    sane = np.isfinite(weights) & (lengths > 0)
    sane &= (lengths <= weights * (1 + 1e-5)) & (store.pictures > 0)
    if not sane.all():
        raise ValueError("its sums do not fit its templates")


def _model_values(model):
    if model is None:
        return None
    return {"digest": model.digest, "flip": model.flip, "name": model.name}


def _model(values: Mapping | None) -> ModelFingerprint | None:
    if values is None:
        return None
    kinds = {name: type(value) for name, value in values.items()}
    if kinds != {"digest": str, "flip": bool, "name": str}:
        raise ValueError(f"{FACTS} has a model of {str(values)[:80]!r}")
    return ModelFingerprint(**values)


def _remove_unfinished(path: Path) -> None:
    """Removes what a killed writer of this file left; nobody else's."""
    for room in path.parent.glob(UNFINISHED + "*"):
        if (room / path.name).is_file():
            shutil.rmtree(room, ignore_errors=True)
