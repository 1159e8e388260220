"""Where a number comes from: the model, the data, the machine."""

import hashlib
import json
import os
import platform
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import keras
import numpy as np

from keras_arcface.data import ImageData
from keras_arcface.data import Pairs
from keras_arcface.presets.folder import CONFIG
from keras_arcface.presets.folder import WEIGHTS
from keras_arcface.pretrained import read_metadata
from keras_arcface.training.run_folder import BEST
from keras_arcface.training.run_folder import IDENTITIES
from keras_arcface.utils.console import progress
from keras_arcface.utils.files import sha256
from keras_arcface.utils.machine import processor
from keras_arcface.version import __version__

PACKAGES = ("keras", "tensorflow", "numpy", "pillow", "matplotlib")
# Of a preset's metadata: what a reader of numbers wants to know.
CARD = {
    "description": "description",
    "training_data": "training data",
    "license": "licence",
    "provenance": "provenance",
    "saved_on": "saved on",
}


def model_facts(source: str, backbone: keras.Model) -> dict[str, Any]:
    """Returns what the model card, its files and the network say."""
    height, width = backbone.input_shape[1:3]
    facts = {
        "name": Path(source).name or source,
        "network": backbone.name,
        "parameters": f"{backbone.count_params():,}",
        "input": f"{height} x {width} pixels",
        "dimensions": f"{backbone.output_shape[-1]:,}",
    }
    metadata = read_metadata(source)
    facts |= {CARD[key]: metadata[key] for key in CARD if key in metadata}
    files = metadata.get("files", {})
    for name in (WEIGHTS, CONFIG):
        if name in files:
            facts[f"SHA-256 of {name}"] = files[name]
    path = Path(source)
    path = path / BEST if path.is_dir() else path
    if not files and path.is_file():
        facts[f"SHA-256 of {path.name}"] = sha256(path)
    return facts


def data_facts(
    name: str, images: ImageData, pairs: Pairs | None
) -> dict[str, Any]:
    """Returns counts and a hash of the content, with progress on stderr."""
    height, width = images.image_size
    facts = {
        "name": name,
        "pictures": f"{len(images):,} of {height} x {width} pixels",
    }
    labels = images.labels if pairs is None else pairs.subject
    if labels is not None:
        _, counts = np.unique(labels, return_counts=True)
        facts["identities"] = f"{len(counts):,}"
        facts["pictures an identity"] = (
            f"{counts.min():,} to {counts.max():,}, median "
            f"{np.median(counts):g}"
        )
    if pairs is not None:
        same = int(pairs.is_same.sum())
        facts["pairs"] = (
            f"{same:,} genuine and {len(pairs) - same:,} impostor pairs in "
            f"{pairs.folds} folds"
        )
    facts["SHA-256 of the content"] = content_hash(images, pairs)
    return facts


def content_hash(images: ImageData, pairs: Pairs | None = None) -> str:
    """Returns a SHA-256 of all pictures' bytes, who they show, and pairs.

    File names do not matter, the order does. Encoded pictures are taken as
    they are, those in memory as their pixels.
    """
    digest = hashlib.sha256()
    for index in progress(range(len(images)), "Hashing"):
        content = images.content(index)
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)
    arrays = [images.labels]
    if pairs is not None:
        arrays = [pairs.left, pairs.right, pairs.is_same, pairs.fold]
    for array in arrays:
        digest.update(np.asarray(array, "<i8").tobytes())
    return digest.hexdigest()


def trained_on(source: str, class_names: list[str] | None) -> Iterator[str]:
    """Yields a warning where a run was trained on who is judged here."""
    path = Path(source) / IDENTITIES
    if class_names is None or not path.is_file():
        return
    known = json.loads(path.read_text("utf-8")).get("training", {})
    seen = [name for name in class_names if name in known]
    if seen:
        yield (
            f"{len(seen):,} of the {len(class_names):,} identities judged here "
            "have the names of identities that this model was trained on. "
            "Nothing on this page says how it treats people it has never seen."
        )


def machine_facts() -> dict[str, str]:
    """Returns processor, devices and versions, without host names."""
    devices = sorted({device.split(":")[0] for device in _devices()})
    facts = {
        "processor": f"{processor()}, {os.cpu_count()} cores",
        "devices": ", ".join(devices) or "unknown",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "keras_arcface": __version__,
        "backend": keras.backend.backend(),
    }
    return {**facts, **{name: version(name) for name in PACKAGES}}


def _devices() -> list[str]:
    return [str(name) for name in keras.distribution.list_devices()]
