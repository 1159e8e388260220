"""Examples to compare losses on: pictures, or features of a trained network."""

import hashlib
import json
import os
from pathlib import Path

import keras
import numpy as np

from keras_arcface.data import ImageData
from keras_arcface.data import glyphs
from keras_arcface.data import open_data
from keras_arcface.presets.folder import find_preset
from keras_arcface.presets.folder import verify_preset
from keras_arcface.pretrained import load_pretrained
from keras_arcface.studies.compare.contract import Examples
from keras_arcface.training.verification import embed_data
from keras_arcface.utils.files import atomic_path

PRESET = "mobilefacenet_ms1m_192"
GLYPHS = "glyphs"
# Retrieval needs two pictures of a class, batches of pairs like four; and a
# class of hundreds would outvote all others.
AT_LEAST = 4
AT_MOST = 16


def load_pictures(
    source: str | os.PathLike,
    *,
    image_size: tuple[int, int] | None = None,
    at_least: int = AT_LEAST,
    at_most: int = AT_MOST,
    identities: int | None = None,
) -> ImageData:
    """Opens the pictures of a comparison.

    Args:
        source: `"glyphs"` for the characters that are drawn on the spot, or
            anything that `open_data` reads.
        image_size: (height, width) in pixels. Defaults to 32x32 for glyphs,
            and to what `open_data` has.
        at_least: Identities with fewer pictures are left out.
        at_most: Of an identity, the first so many pictures.
        identities: The first so many. Defaults to all; 300 for glyphs.

    Raises:
        ValueError: when fewer than two identities remain.
    """
    if source == GLYPHS:
        height, width = image_size or (32, 32)
        if height != width:
            raise ValueError(
                f"Glyphs are square. Received: image_size={(height, width)}."
            )
        return glyphs.load(
            "train",
            image_size=height,
            pictures_per_identity=at_most,
            identities=identities or 300,
        )
    data = open_data(source, image_size).with_at_least(at_least)
    if identities is not None:
        data = data.where(data.labels < identities)
    return data.where(_place_in_class(data.labels) < at_most)


def images(data: ImageData, name: str) -> Examples:
    """Decodes pictures into memory, uint8 `(n, height, width, 3)`.

    Args:
        data: Of `load_pictures`.
        name: For the reader.
    """
    return Examples(name, content_sha256(data), data.images(), data.labels)


def features(
    data: ImageData,
    name: str,
    preset: str = PRESET,
    cache: str | os.PathLike | None = None,
    verbose: bool = False,
) -> Examples:
    """Returns what a trained network sees in pictures, before its last layer.

    Of each picture, the pooled feature map that the embedding is a linear
    function of (of networks that have none: the embedding), scaled to the
    length sqrt(dim): components have a variance of about 1.

    Args:
        data: Of `load_pictures`, in the preset's size.
        name: For the reader.
        preset: Name of a preset, or its folder.
        cache: Folder to keep features in, by the hash of pictures and
            network; None for none.
        verbose: Whether to show progress.

    Returns:
        `Examples` with float32 `(n, dim)`. Its hash is that of the pictures
        and of the preset's files.
    """
    files = verify_preset(find_preset(preset))["files"]
    sha256 = content_sha256(data, files)
    if cache is None:
        x = _embed(data, preset, verbose)
    else:
        x = _cached(Path(cache) / f"{sha256}.npy", data, preset, verbose)
    return Examples(name, sha256, x, data.labels)


def content_sha256(data: ImageData, *facts) -> str:
    """Returns the SHA-256 of pictures, their classes, and further facts.

    Of the encoded bytes where pictures are files, so that a picture that was
    saved anew counts as another.
    """
    digest = hashlib.sha256()
    described = [list(data.class_names), list(data.image_size), *facts]
    digest.update(json.dumps(described, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(data.labels, "<i8").tobytes())
    for index in range(len(data)):
        digest.update(hashlib.sha256(data.content(index)).digest())
    return digest.hexdigest()


def _place_in_class(labels):
    """Returns how many of its class come before each sample, `(n,)`."""
    order = np.argsort(labels, kind="stable")
    first = np.searchsorted(labels[order], labels[order], side="left")
    place = np.empty(len(labels), np.int64)
    place[order] = np.arange(len(labels)) - first
    return place


def _cached(path, data, preset, verbose):
    if not path.is_file():
        with atomic_path(path) as temporary:
            np.save(temporary, _embed(data, preset, verbose))
    x = np.load(path, allow_pickle=False)
    if x.ndim != 2 or len(x) != len(data) or not np.isfinite(x).all():
        raise ValueError(
            f"{path} does not hold the features of these {len(data)} pictures. "
            f"Remove it. Received: shape={x.shape}."
        )
    return x


def _embed(data, preset, verbose):
    network = load_pretrained(preset)
    top = network.layers[-1]
    if hasattr(top, "pool"):
        network = keras.Model(network.input, top.pool(top.input))
    unit = embed_data(network, data, verbose=verbose)
    return unit * np.float32(np.sqrt(unit.shape[1]))
