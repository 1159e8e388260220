"""Packs any data into sharded TFRecords with an index."""

import contextlib
import hashlib
import json
import multiprocessing
import os
import shutil
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import as_completed
from concurrent.futures import wait
from pathlib import Path

import numpy as np

from keras_arcface.data.checks import at_least
from keras_arcface.data.description import ImageData
from keras_arcface.data.pack_index import FORMAT
from keras_arcface.data.pack_index import INDEX
from keras_arcface.data.pack_index import PLACES
from keras_arcface.data.pack_index import ROOM
from keras_arcface.data.samples import FilePaths
from keras_arcface.data.shards import Shard
from keras_arcface.data.shards import source_digest
from keras_arcface.data.shards import write_shard
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import check_output_folder
from keras_arcface.utils.files import remove_unfinished
from keras_arcface.utils.files import sha256
from keras_arcface.utils.files import write_json

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
    data: shards whose checksums are right are kept, unless the size or time of
    change of a file that they were read from is another. The index is written
    last.

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
    count = -(-len(data) // shard_pictures)
    shards = (_shard(data, folder, shard_pictures, n) for n in range(count))
    todo = [n for n, shard in enumerate(shards) if not _is_done(shard)]
    waiting = (_shard(data, folder, shard_pictures, n) for n in todo)
    written = _write(waiting, min(processes, len(todo)))
    for _ in progress(written, f"Packing ({count} files)", len(todo)):
        pass
    return _finish(data, folder, count)


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
    room = folder / ROOM
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
    # What was killed before it wrote its plan leaves an empty room.
    if folder.exists() and any(path != room for path in folder.iterdir()):
        what = "a pack already" if (folder / INDEX).exists() else "other files"
        raise FileExistsError(
            f"{folder} holds {what}. Give a new or an empty folder."
        )
    remove_unfinished(room)
    write_json(room / _PLAN, plan)


def _shard(data: ImageData, folder: Path, size: int, number: int) -> Shard:
    start = number * size
    chosen = np.arange(start, min(start + size, len(data)))
    name = _name(number, -(-len(data) // size))
    labels = data.labels[chosen]
    return Shard(
        path=folder / f"{name}.tfrecord",
        note=folder / ROOM / f"{name}.json",
        samples=data.subset(chosen).samples,
        labels=labels,
        class_names=[data.class_names[label] for label in labels],
        root=data.root,
        image_size=data.image_size,
        resize=data.resize,
    )


def _name(number: int, count: int) -> str:
    return f"shard-{number:05d}-of-{count:05d}"


def _is_done(shard: Shard) -> bool:
    """Whether a shard of an earlier call is whole, and of the same pictures."""
    if not (shard.note.is_file() and shard.path.is_file()):
        return False
    note = json.loads(shard.note.read_text("utf-8"))
    if note.get("source") != source_digest(shard.samples):
        return False
    return sha256(shard.path) == note["sha256"]


def _write(shards: Iterable[Shard], processes: int) -> Iterator[None]:
    """Yields after each shard; what fails stops the rest, and is raised."""
    if processes <= 1:
        yield from map(write_shard, shards)
        return
    # TensorFlow's threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(processes, context) as pool:
        running = set()
        try:
            for shard in shards:
                running.add(pool.submit(write_shard, shard))
                if len(running) > processes:  # The rest takes no memory yet.
                    done, running = wait(running, None, FIRST_COMPLETED)
                    yield from (future.result() for future in done)
            yield from (future.result() for future in as_completed(running))
        finally:
            pool.shutdown(cancel_futures=True)


def _finish(data: ImageData, folder: Path, count: int) -> Path:
    places, shards, end = np.empty((4, len(data)), np.int64), [], 0
    for number in range(count):
        path = folder / ROOM / f"{_name(number, count)}.json"
        note = json.loads(path.read_text("utf-8"))
        start, end = end, end + note["pictures"]
        places[:, start:end] = np.array(note.pop("places"), np.int64).T
        del note["source"]
        shards.append(note)
    with atomic_path(folder / PLACES) as temporary:
        np.save(temporary, places)
    index = {
        "format": FORMAT,
        "pictures": len(data),
        "image_size": list(data.image_size),
        "shards": shards,
        PLACES: sha256(folder / PLACES),
        "class_names": list(data.class_names),
        "counts": data.counts.tolist(),
    }
    write_json(folder / INDEX, index)
    with contextlib.suppress(OSError):
        shutil.rmtree(folder / ROOM)
    return folder / INDEX
