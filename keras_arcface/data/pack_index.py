"""The index of a pack: what it must hold, checked before it is believed."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_arcface.data.open_file import OpenFile
from keras_arcface.utils.files import sha256

INDEX = "index.json"
PLACES = "places.npy"
"""Offset, length, `zlib.crc32` and label of every picture, int64 (4, n)."""
ROOM = ".packing"
"""The folder, inside a pack's, that is there until the pack is finished."""
FORMAT = "keras_arcface pack, version 1"


def is_tfrecord_folder(folder: Path) -> bool:
    """Whether a folder is a pack, whole or not, or holds TFRecords."""
    records = (path.is_file() for path in folder.glob("*.tfrecord*"))
    if (folder / ROOM).is_dir() or any(records):
        return True
    if not (folder / INDEX).is_file():
        return False
    try:
        index = _load_index(folder)
    except ValueError:
        return True  # It may be ours, and cut short; the reader says so.
    return isinstance(index, dict) and str(index.get("format")).startswith(
        FORMAT.partition(",")[0]
    )


def _load_index(folder: Path) -> object:
    path = folder / INDEX
    try:
        return json.loads(path.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        what = str(error) or type(error).__name__
        raise ValueError(
            f"{path} is damaged or cut short: it is no JSON ({what}). Pack "
            "the data again: keras-arcface pack, into a new folder."
        ) from error


def read_index(folder: Path) -> dict:
    """Returns the index of a pack, or raises what is wrong with it."""
    index = _load_index(folder)
    if not isinstance(index, dict) or index.get("format") != FORMAT:
        raise ValueError(
            f"{folder / INDEX} is no index of keras-arcface pack "
            f"({FORMAT!r}), or of another version."
        )
    shapes = {"image_size": list, "class_names": list, "shards": list}
    shapes[PLACES] = str
    wrong = [k for k, kind in shapes.items() if type(index.get(k)) is not kind]
    if "class_names" not in wrong:
        if any(type(name) is not str for name in index["class_names"]):
            wrong.append("class_names (expected text)")
    parts = {"file": str, "pictures": int, "bytes": int}
    for number, shard in enumerate([] if wrong else index["shards"]):
        found = shard if isinstance(shard, dict) else {}
        whole = all(type(found.get(k)) is kind for k, kind in parts.items())
        if not whole or found["pictures"] < 0:
            wrong.append(f"shards[{number}]")
    if wrong:
        raise ValueError(
            f"{folder / INDEX} is damaged in {', '.join(wrong[:3])}. Pack the "
            "data again."
        )
    return index


def read_places(folder: Path, index: dict) -> np.ndarray:
    """Returns the places of all pictures, int64 (4, n), see `PLACES`."""
    path = folder / PLACES
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing, half of the index.")
    if sha256(path) != index[PLACES]:
        raise ValueError(
            f"{path} is not the one that {INDEX} was written with: its "
            "checksum differs. Pack the data again."
        )
    try:  # Mapped: a size that the file does not have takes no memory.
        places = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError, MemoryError) as error:
        raise ValueError(
            f"{path} is damaged: {error}. Pack the data again."
        ) from error
    if places.ndim != 2 or len(places) != 4 or places.dtype != np.int64:
        raise ValueError(
            f"{path} must hold int64 (4, pictures). Received: {places.dtype} "
            f"{places.shape}. Pack the data again."
        )
    return np.asarray(places)


def check_places(
    folder: Path,
    places: np.ndarray,
    files: Sequence[OpenFile],
    file_of: np.ndarray,
    classes: int,
) -> None:
    """Raises for a place outside of its shard, or a label of no class."""
    sizes = np.array([file.size for file in files], np.int64)[file_of]
    offsets, lengths, checksums, labels = places
    right = (offsets >= 0) & (lengths > 0) & (lengths <= sizes)
    right &= offsets <= sizes - lengths  # A sum of the two may overflow.
    right &= (checksums >= 0) & (checksums < 2**32)
    right &= (labels >= 0) & (labels < classes)
    if not right.all():
        number = int(np.argmin(right))
        raise ValueError(
            f"{folder / PLACES} is damaged: picture {number} has the place "
            f"{places[:, number].tolist()} (offset, length, checksum, class), "
            f"in a shard of {sizes[number]} bytes and with {classes} classes "
            f"({np.sum(~right)} such). Pack the data again."
        )
