"""Reads what `keras-arcface pack` wrote, and TFRecords of others."""

import array
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_arcface.data.checks import image_size_pair
from keras_arcface.data.description import ImageData
from keras_arcface.data.open_file import OpenFile
from keras_arcface.data.size_checks import check_some_sizes
from keras_arcface.data.tfrecord import IMAGE
from keras_arcface.data.tfrecord import LABEL
from keras_arcface.data.tfrecord import TFRecords
from keras_arcface.data.tfrecord import find_picture
from keras_arcface.data.tfrecord import scan_frames
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import sha256

INDEX = "index.json"
PLACES = "places.npy"
"""Offset, length, `zlib.crc32` and label of every picture, int64 (4, n)."""
ROOM = ".packing"
"""The folder, inside a pack's, that is there until the pack is finished."""
FORMAT = "keras_arcface pack, version 1"


def from_tfrecord(
    path: str | os.PathLike,
    image_size: tuple[int, int] | None = None,
    *,
    resize: bool = False,
    image_key: str = IMAGE,
    label_key: str = LABEL,
) -> ImageData:
    """Describes pictures in TFRecords; they stay in their files.

    A folder that `keras-arcface pack` wrote has an index, and opens at once.
    Other TFRecords are scanned: every record is a `tf.train.Example` with an
    encoded picture and a class id; classes are named by their ids, and
    numbered from 0 by ascending id. Every picture's checksum is compared when
    it is read.

    Args:
        path: The folder, its `index.json`, or one TFRecord file. A folder
            without an index is read as all its `*.tfrecord*` files, by name.
        image_size: (height, width) in pixels that the pictures have. Defaults
            to what the index says, else 112x112.
        resize: As in `from_directory`.
        image_key, label_key: Features of TFRecords without an index.

    Raises:
        FileNotFoundError: when there is no such file.
        ValueError: naming the file, and the byte where it applies, that is
            damaged, cut short or contradicts the index.
    """
    path = Path(path)
    if path.name == INDEX:
        path = path.parent
    if not path.exists():
        raise FileNotFoundError(f"There is no file or folder {path}.")
    if (path / INDEX).is_file():
        return _from_pack(path, image_size, resize)
    size = image_size_pair((112, 112) if image_size is None else image_size)
    samples, labels = _scan(_record_files(path), image_key, label_key)
    check_some_sizes(samples, None if resize else size)
    classes, ids = np.unique(labels, return_inverse=True)
    return ImageData(
        samples=samples,
        labels=ids,
        class_names=[str(label) for label in classes],
        image_size=size,
        root=str(path),
        resize=resize,
    )


def is_pack(folder: Path) -> bool:
    """Whether `keras-arcface pack` wrote a folder."""
    try:
        index = json.loads((folder / INDEX).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(index, dict) and index.get("format") == FORMAT


def _from_pack(folder: Path, image_size, resize: bool) -> ImageData:
    index = _read_index(folder)
    places = _read_places(folder, index)
    files = [_shard(folder, shard) for shard in index["shards"]]
    counts = [shard["pictures"] for shard in index["shards"]]
    if sum(counts) != places.shape[1]:
        raise ValueError(
            f"{folder}: {INDEX} counts {sum(counts)} pictures, and {PLACES} "
            f"{places.shape[1]}. Pack the data again."
        )
    file_of = np.repeat(np.arange(len(files)), counts)
    samples, labels = _samples(files, file_of, places)
    size = index["image_size"] if image_size is None else image_size
    size = image_size_pair(size)
    check_some_sizes(samples, None if resize else size)
    return ImageData(
        samples=samples,
        labels=labels,
        class_names=index["class_names"],
        image_size=size,
        root=str(folder),
        resize=resize,
    )


def _read_index(folder: Path) -> dict:
    if not is_pack(folder):
        raise ValueError(
            f"{folder / INDEX} is no index of keras-arcface pack "
            f"({FORMAT!r}), or of another version."
        )
    index = json.loads((folder / INDEX).read_text("utf-8"))
    shapes = {"image_size": list, "class_names": list, "shards": list}
    shapes[PLACES] = str
    wrong = [k for k, kind in shapes.items() if type(index.get(k)) is not kind]
    parts = {"file": str, "pictures": int, "bytes": int}
    for number, shard in enumerate([] if wrong else index["shards"]):
        found = shard if isinstance(shard, dict) else {}
        if any(type(found.get(k)) is not kind for k, kind in parts.items()):
            wrong.append(f"shards[{number}]")
    if wrong:
        raise ValueError(
            f"{folder / INDEX} is damaged in {', '.join(wrong[:3])}. Pack the "
            "data again."
        )
    return index


def _read_places(folder: Path, index: dict) -> np.ndarray:
    path = folder / PLACES
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing, half of the index.")
    if sha256(path) != index[PLACES]:
        raise ValueError(
            f"{path} is not the one that {INDEX} was written with: its "
            "checksum differs. Pack the data again."
        )
    places = np.load(path, allow_pickle=False)
    if places.ndim != 2 or len(places) != 4 or places.dtype != np.int64:
        raise ValueError(
            f"{path} must hold int64 (4, pictures). Received: {places.dtype} "
            f"{places.shape}. Pack the data again."
        )
    return places


def _shard(folder: Path, shard: dict) -> OpenFile:
    path = folder / Path(shard["file"]).name  # Never outside the folder.
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. Pack the data again.")
    file = OpenFile(path)
    if file.size != shard["bytes"]:
        raise ValueError(
            f"{path} has {file.size} bytes, and {INDEX} says {shard['bytes']}. "
            "It is cut short, or of another run. Pack the data again."
        )
    return file


def _record_files(path: Path) -> list[OpenFile]:
    if path.is_file():
        return [OpenFile(path)]
    found = sorted(p for p in path.glob("*.tfrecord*") if p.is_file())
    if not found:
        raise FileNotFoundError(
            f"{path} has neither {INDEX} nor a file named *.tfrecord*."
        )
    return [OpenFile(file) for file in found]


def _scan(
    files: Sequence[OpenFile], image_key: str, label_key: str
) -> tuple[TFRecords, np.ndarray]:
    """Finds every picture and its label; reads all of the files once."""
    file_of, places = array.array("q"), array.array("q")
    for number, file in enumerate(files):
        for offset in progress(scan_frames(file), f"Scanning {file.path}"):
            start, content, label = find_picture(
                file, offset, image_key, label_key
            )
            file_of.append(number)
            places.extend((start, len(content), zlib.crc32(content), label))
    if not file_of:
        raise ValueError(f"{files[0].path} holds no record.")
    places = np.frombuffer(places, np.int64).reshape(-1, 4).T
    return _samples(files, np.frombuffer(file_of, np.int64), places)


def _samples(
    files: Sequence[OpenFile], file_of: np.ndarray, places: np.ndarray
) -> tuple[TFRecords, np.ndarray]:
    """Returns (samples, labels) of places, int64 (4, n)."""
    offsets, lengths, checksums, labels = places
    samples = TFRecords(
        files,
        offsets.copy(),
        file_of.astype(np.int32),
        lengths.astype(np.uint32),
        checksums.astype(np.uint32),
    )
    return samples, labels.copy()
