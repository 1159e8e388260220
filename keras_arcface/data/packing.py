"""Packs any data into sharded TFRecords with an index."""

import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import as_completed
from pathlib import Path

import numpy as np

from keras_arcface.data.checks import at_least
from keras_arcface.data.description import ImageData
from keras_arcface.data.samples import FilePaths
from keras_arcface.data.shards import Shard
from keras_arcface.data.shards import write_shard
from keras_arcface.data.tfrecord_reader import FORMAT
from keras_arcface.data.tfrecord_reader import INDEX
from keras_arcface.data.tfrecord_reader import PLACES
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import check_output_folder
from keras_arcface.utils.files import remove_unfinished
from keras_arcface.utils.files import sha256
from keras_arcface.utils.files import write_json

_ROOM = ".packing"
_PLAN = "plan.json"
_SHARD_PICTURES, _MOST_SHARDS = 8192, 256


def pack(
    data: ImageData,
    folder: str | os.PathLike,
    *,
    shard_pictures: int | None = None,
    processes: int = 1,
) -> Path:
    """Writes data as TFRecords that `from_tfrecord` opens at once.

    Order, labels and class names stay. A picture keeps its own bytes where
    they already are what `data` gives; one that is resized, and one that is in
    memory, becomes a PNG of the same pixels. Every picture is decoded once.

    Packing that was interrupted goes on when it is called again with the same
    data: shards whose checksums are right are kept. The index is written last.

    Args:
        data: What any reader returned.
        folder: Where to write; new, empty, or what an interrupted call left.
        shard_pictures: Pictures a file. Defaults to 8,192, or so many that
            there are at most 256 files.
        processes: How many processes write. With more than one, a script of
            your own must be guarded by `if __name__ == "__main__":`.

    Returns:
        The index.

    Raises:
        FileExistsError: when the folder holds a pack or anything else.
        ValueError: when it holds an unfinished pack of other data; or naming
            the picture that cannot be decoded.
    """
    if shard_pictures is None:
        shard_pictures = max(_SHARD_PICTURES, -(-len(data) // _MOST_SHARDS))
    at_least("shard_pictures", shard_pictures, 1)
    at_least("processes", processes, 1)
    folder = check_output_folder(folder)
    plan = {
        "format": FORMAT,
        "pictures": len(data),
        "image_size": list(data.image_size),
        "shard_pictures": int(shard_pictures),
        "source": _fingerprint(data),
    }
    _claim(folder, plan)
    shards = list(_shards(data, folder, shard_pictures))
    todo = [shard for shard in shards if not _is_done(shard)]
    written = _write(todo, processes)
    for _ in progress(written, f"Packing ({len(shards)} files)", len(todo)):
        pass
    return _finish(data, folder, shards)


def _fingerprint(data: ImageData) -> str:
    """Returns a digest of what is to be packed, without reading pictures."""
    digest = hashlib.sha256(repr(data.resize).encode())
    digest.update(data.labels.tobytes())
    for name in data.class_names:
        digest.update(os.fsencode(name) + b"\0")
    if isinstance(data.samples, np.ndarray):
        digest.update(np.ascontiguousarray(data.samples))
    elif isinstance(data.samples, FilePaths):
        for path in data.samples:
            digest.update(os.fsencode(path) + b"\0")
    else:
        for index in range(len(data.samples)):
            digest.update(os.fsencode(data.samples.name(index)) + b"\0")
    return digest.hexdigest()


def _claim(folder: Path, plan: dict) -> None:
    """Makes the folder ours, or refuses one that holds anything else."""
    room = folder / _ROOM
    if (room / _PLAN).is_file():
        before = json.loads((room / _PLAN).read_text("utf-8"))
        if before != plan:
            changed = [k for k in plan if before.get(k) != plan[k]]
            raise ValueError(
                f"{folder} holds an unfinished pack of other data; it differs "
                f"in {', '.join(changed)}. Remove it, or give another folder."
            )
        remove_unfinished(folder)
        return
    if folder.exists() and any(folder.iterdir()):
        what = "a pack already" if (folder / INDEX).exists() else "other files"
        raise FileExistsError(
            f"{folder} holds {what}. Give a new or an empty folder."
        )
    write_json(room / _PLAN, plan)


def _shards(data: ImageData, folder: Path, size: int) -> Iterator[Shard]:
    starts = range(0, len(data), size)
    for number, start in enumerate(starts):
        chosen = np.arange(start, min(start + size, len(data)))
        name = f"shard-{number:05d}-of-{len(starts):05d}"
        labels = data.labels[chosen]
        yield Shard(
            path=folder / f"{name}.tfrecord",
            note=folder / _ROOM / f"{name}.json",
            samples=data.subset(chosen).samples,
            labels=labels,
            class_names=[data.class_names[label] for label in labels],
            root=data.root,
            image_size=data.image_size,
            resize=data.resize,
        )


def _is_done(shard: Shard) -> bool:
    """Whether a shard of an earlier call is whole."""
    if not (shard.note.is_file() and shard.path.is_file()):
        return False
    note = json.loads(shard.note.read_text("utf-8"))
    return sha256(shard.path) == note["sha256"]


def _write(todo: list[Shard], processes: int) -> Iterator[None]:
    """Yields after each shard; what fails stops the rest, and is raised."""
    processes = min(processes, len(todo))
    if processes <= 1:
        yield from map(write_shard, todo)
        return
    # TensorFlow's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context) as pool:
        futures = [pool.submit(write_shard, shard) for shard in todo]
        try:
            for future in as_completed(futures):
                yield future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def _finish(data: ImageData, folder: Path, shards: list[Shard]) -> Path:
    notes = [json.loads(shard.note.read_text("utf-8")) for shard in shards]
    places = [np.array(note.pop("places"), np.int64).T for note in notes]
    with atomic_path(folder / PLACES) as temporary:
        np.save(temporary, np.concatenate(places, axis=1))
    index = {
        "format": FORMAT,
        "pictures": len(data),
        "image_size": list(data.image_size),
        "shards": notes,
        PLACES: sha256(folder / PLACES),
        "class_names": list(data.class_names),
        "counts": data.counts.tolist(),
    }
    write_json(folder / INDEX, index)
    with contextlib.suppress(OSError):
        shutil.rmtree(folder / _ROOM)
    return folder / INDEX
