"""Writes one shard of a pack: pictures that were seen to decode."""

import dataclasses
import hashlib
import io
import os
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from keras_arcface.data.images import decode_image
from keras_arcface.data.samples import FilePaths
from keras_arcface.data.samples import Samples
from keras_arcface.data.tfrecord import CLASS_NAME
from keras_arcface.data.tfrecord import FRAME
from keras_arcface.data.tfrecord import IMAGE
from keras_arcface.data.tfrecord import LABEL
from keras_arcface.data.tfrecord import NAME
from keras_arcface.data.tfrecord import picture_start
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import sha256
from keras_arcface.utils.files import write_json


@dataclasses.dataclass(frozen=True)
class Shard:
    """All that a process needs to write a shard.

    Attributes:
        path: The file to write.
        note: The file that says, once it is written, what it holds.
        samples: Its samples; or an array of pictures.
        labels: Their class ids, int64 (n,).
        class_names: The name of each sample's class.
        root: What file names are relative to.
        image_size, resize: As in `ImageData`.
    """

    path: Path
    note: Path
    samples: Samples | np.ndarray
    labels: np.ndarray
    class_names: Sequence[str]
    root: str | None
    image_size: tuple[int, int]
    resize: bool


def write_shard(shard: Shard) -> None:
    """Writes a shard and its note, atomically.

    Raises:
        ValueError: naming the picture that cannot be decoded.
    """
    import tensorflow as tf

    places, offset = [], 0
    source = source_digest(shard.samples)  # Before a picture is read.
    with (
        atomic_path(shard.path) as temporary,
        tf.io.TFRecordWriter(str(temporary)) as writer,
    ):
        for index in range(len(shard.labels)):
            content = _encoded(shard, index)
            example = _example(shard, index, content)
            writer.write(example)
            start = offset + picture_start(example, content)
            label = int(shard.labels[index])
            places.append((start, len(content), zlib.crc32(content), label))
            offset += FRAME + len(example)
    note = {
        "file": shard.path.name,
        "pictures": len(places),
        "bytes": offset,
        "sha256": sha256(shard.path),
        "source": source,
        "places": places,
    }
    write_json(shard.note, note)


def source_digest(samples: Samples | np.ndarray) -> str:
    """Returns a digest of the sizes and times of change of files read from.

    Raises:
        FileNotFoundError: naming the file that is gone.
    """
    digest = hashlib.sha256()
    if isinstance(samples, Samples):
        for path in samples.sources():
            try:
                facts = os.stat(path)
            except FileNotFoundError as error:
                raise FileNotFoundError(f"There is no file {path}.") from error
            digest.update(b"%d %d " % (facts.st_size, facts.st_mtime_ns))
    return digest.hexdigest()


def _example(shard: Shard, index: int, content: bytes) -> bytes:
    import tensorflow as tf

    def of_bytes(value: bytes):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))

    label = tf.train.Int64List(value=[int(shard.labels[index])])
    feature = {
        IMAGE: of_bytes(content),
        LABEL: tf.train.Feature(int64_list=label),
        CLASS_NAME: of_bytes(os.fsencode(shard.class_names[index])),
        NAME: of_bytes(os.fsencode(_name(shard, index))),
    }
    features = tf.train.Features(feature=feature)
    return tf.train.Example(features=features).SerializeToString(
        deterministic=True
    )


def _encoded(shard: Shard, index: int) -> bytes:
    """Returns the picture's own bytes, or a PNG where they must change."""
    if isinstance(shard.samples, np.ndarray):
        return _png(shard.samples[index])
    content, name = shard.samples.read(index), shard.samples.name(index)
    pixels = decode_image(content, name)
    if pixels.shape[:2] == tuple(shard.image_size):
        return content
    return _png(decode_image(content, name, shard.image_size, shard.resize))


def _name(shard: Shard, index: int) -> str:
    if isinstance(shard.samples, np.ndarray):
        return ""
    name = shard.samples.name(index)
    if isinstance(shard.samples, FilePaths) and shard.root:
        path = Path(name)
        if path.is_relative_to(shard.root):
            return path.relative_to(shard.root).as_posix()
    return name


def _png(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()
