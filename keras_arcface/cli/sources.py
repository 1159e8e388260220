"""Where commands get their pictures and pairs from."""

import functools
import itertools
from pathlib import Path

import numpy as np

from keras_arcface.data import glyphs
from keras_arcface.data import open_data
from keras_arcface.data import open_pairs
from keras_arcface.data import read_image
from keras_arcface.data.directory import EXTENSIONS
from keras_arcface.embedding import embed
from keras_arcface.training.verification import pairs_for
from keras_arcface.utils.console import progress

_BATCH = 64


def sample_images(folder, size, resize=False, most=64):
    """Returns `(pictures, their name)`: up to `most` for a comparison."""

    size = fixed_size(size)
    if folder is None:
        data = glyphs.load(
            "test",
            image_size=size[0],
            identities=most,
            pictures_per_identity=1,
        )
        return data.images(), "unseen glyphs"
    paths = picture_paths([folder])
    step = max(1, len(paths) // most)
    chosen = paths[::step][:most]
    images = [read_image(path, size, resize) for path in chosen]
    return np.stack(images), f"{len(images)} pictures of {Path(folder).name}"


def picture_paths(sources):
    """Returns the picture files in files and folders, sorted in each folder.

    Raises:
        FileNotFoundError: for a path that is not there.
        ValueError: for a folder without a picture.
    """

    paths = []
    for source in map(Path, sources):
        if not source.exists():
            raise FileNotFoundError(f"There is no file or folder {source}.")
        if source.is_file():
            paths.append(source)
            continue
        found = sorted(
            path
            for path in source.rglob("*")
            if path.suffix.lower() in EXTENSIONS and path.is_file()
        )
        if not found:
            raise ValueError(
                f"There is no picture in {source}. Known endings: "
                f"{', '.join(sorted(EXTENSIONS))}."
            )
        paths += found
    return paths


def fixed_size(size):
    """Returns `(height, width)`, or refuses a model that takes any."""
    if None in size:
        raise ValueError(
            "The model takes pictures of any size. Build its backbone with a "
            "fixed input_shape, so that results can be compared."
        )
    return size


def pairs_from_file(path, folder, size, resize=False):
    """Returns `(data, pairs, what they are)` of any verification set."""
    opened = open_pairs(path, folder, fixed_size(size), resize=resize)
    return opened.data, opened.pairs, opened.describe()


def pairs_from_data(source, size, resize=False):
    """Returns `(data, pairs, what they are)` drawn from identities."""

    size = fixed_size(size)
    if source == "glyphs":
        data = glyphs.load("test", image_size=size[0])
    else:
        data = open_data(source, size, resize=resize)
    pairs = pairs_for(data.labels)
    name = "unseen glyphs" if source == "glyphs" else Path(source).name
    return data, pairs, f"{len(pairs)} pairs drawn from {name}"


def embed_paths(backbone, paths, flip=False, resize=False, read=None):
    """Returns the unit embeddings of picture files, `(n, dim)`.

    Pictures are read by `read(path)` where it is given.
    """
    size = fixed_size(backbone.input_shape[1:3])
    if read is None:
        read = functools.partial(read_image, image_size=size, resize=resize)
    pictures = ((path, read(path)) for path in paths)
    pictures = progress(pictures, "Embedding", total=len(paths))
    _, embeddings = embed_pictures(backbone, pictures, flip)
    return embeddings


def embed_pictures(backbone, pictures, flip=False):
    """Returns paths and unit embeddings, `(n, dim)`, of `(path, image)` pairs.

    No more than a batch of images is held.
    """
    paths = []

    def batches():
        remaining = iter(pictures)
        while batch := list(itertools.islice(remaining, _BATCH)):
            paths.extend(path for path, _ in batch)
            yield np.stack([image for _, image in batch])

    embeddings = embed(backbone, batches(), flip=flip)
    useless = ~(np.abs(embeddings).sum(axis=1) > 0) | ~np.isfinite(
        embeddings
    ).all(axis=1)
    if useless.any():
        raise ValueError(
            f"The model gives no embedding for {paths[useless.argmax()]} (all "
            f"zeros or not a number; {useless.sum()} such pictures). Its "
            "weights are broken; no result was made up."
        )
    return paths, embeddings
