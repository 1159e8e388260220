"""Reads what `keras-arcface pack` wrote, and TFRecords of others."""

import array
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from keras_arcface.data.checks import image_size_pair
from keras_arcface.data.description import ImageData
from keras_arcface.data.open_file import OpenFile
from keras_arcface.data.pack_index import INDEX
from keras_arcface.data.pack_index import PLACES
from keras_arcface.data.pack_index import ROOM
from keras_arcface.data.pack_index import check_places
from keras_arcface.data.pack_index import read_index
from keras_arcface.data.pack_index import read_places
from keras_arcface.data.size_checks import check_some_sizes
from keras_arcface.data.tfrecord import IMAGE
from keras_arcface.data.tfrecord import LABEL
from keras_arcface.data.tfrecord import TFRecords
from keras_arcface.data.tfrecord import find_picture
from keras_arcface.data.tfrecord import scan_frames
from keras_arcface.utils.console import progress


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
    if (path / ROOM).is_dir():
        raise ValueError(
            f"{path} is a pack that is not finished: it has no {INDEX} yet. "
            "Run keras-arcface pack again with the same arguments; it goes "
            "on where it stopped."
        )
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


def _from_pack(folder: Path, image_size, resize: bool) -> ImageData:
    index = read_index(folder)
    places = read_places(folder, index)
    files = [_shard(folder, shard) for shard in index["shards"]]
    counts = [shard["pictures"] for shard in index["shards"]]
    if sum(counts) != places.shape[1]:
        raise ValueError(
            f"{folder}: {INDEX} counts {sum(counts)} pictures, and {PLACES} "
            f"{places.shape[1]}. Pack the data again."
        )
    file_of = np.repeat(np.arange(len(files)), counts)
    check_places(folder, places, files, file_of, len(index["class_names"]))
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
