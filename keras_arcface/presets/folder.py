"""A preset: a folder that holds a network, its weights and their story.

config.json         the network, as Keras serialises it; never code
model.weights.h5    the weights
metadata.json       the SHA-256 of every other file, sizes, training data,
                    licence, provenance, measured results
README.md           the model card
"""

import json
import os
from datetime import date
from pathlib import Path

import keras

from keras_arcface.presets.card import write_card
from keras_arcface.presets.safety import check_config
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import sha256
from keras_arcface.utils.files import write_json

FORMAT_VERSION = 1
CONFIG = "config.json"
WEIGHTS = "model.weights.h5"
METADATA = "metadata.json"
CARD = "README.md"
CONTENTS = (CONFIG, WEIGHTS, CARD)

PACKAGE = Path(__file__).resolve().parents[1]
# Inside an installed wheel; beside the package in a checkout.
ROOTS = (PACKAGE / "saved_models", PACKAGE.parent / "saved_models")


def list_presets():
    """Returns the names of the presets that came with the package."""
    return sorted(
        {
            path.parent.name
            for root in ROOTS
            for path in root.glob(f"*/{METADATA}")
        }
    )


def find_preset(name_or_folder):
    """Returns the folder of a preset.

    Args:
        name_or_folder: The name of a preset that came with the package, or
            the path of a preset folder.

    Raises:
        ValueError: when there is none; names those that exist.
    """
    name = os.fspath(name_or_folder)
    if name in list_presets():
        return next(
            root / name for root in ROOTS if (root / name / METADATA).is_file()
        )
    folder = Path(name)
    if (folder / METADATA).is_file():
        return folder
    lacks = f" (the folder exists but has no {METADATA})"
    raise ValueError(
        f"There is no preset {name!r}{lacks if folder.is_dir() else ''}. "
        f"Presets: {', '.join(list_presets()) or 'none'}; or the path of a "
        "folder written by save_pretrained."
    )


def verify_preset(folder):
    """Checks every file of a preset against metadata.json.

    Args:
        folder: Path of the preset folder.

    Returns:
        The metadata, a dictionary.

    Raises:
        ValueError: when a file is missing, was changed, or is not listed.
    """
    folder = Path(folder)
    metadata = _read_json(folder / METADATA)
    if not isinstance(metadata, dict) or not isinstance(
        metadata.get("files", {}), dict
    ):
        raise ValueError(f"{folder / METADATA} is no metadata of a preset.")
    version = metadata.get("format_version")
    if version != FORMAT_VERSION:
        raise ValueError(
            f"{folder / METADATA}: format_version must be {FORMAT_VERSION}. "
            f"Received: {version!r}"
        )
    files = metadata.get("files", {})
    if set(files) != set(CONTENTS):
        raise ValueError(
            f"{folder / METADATA} must list the SHA-256 of "
            f"{', '.join(CONTENTS)}. Received: {', '.join(sorted(files))}"
        )
    strangers = {path.name for path in folder.iterdir()} - {METADATA, *CONTENTS}
    strangers = sorted(name for name in strangers if not name.startswith("."))
    if strangers:
        raise ValueError(
            f"{folder} holds files that {METADATA} does not list: "
            f"{', '.join(strangers)}. Move them out of the preset."
        )
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise ValueError(f"{path} is missing.")
        if sha256(path) != expected:
            raise ValueError(
                f"{path} was changed: its SHA-256 differs from the one in "
                f"{METADATA}. Fetch the preset again, or save it anew."
            )
    return metadata


def save_preset(model, folder, metadata=None, card=None):
    """Writes `model` as a preset: the whole folder or nothing.

    Args:
        model: A `keras.Model` of Keras layers and classes of keras_arcface.
        folder: Path to write. An older preset there is replaced; a folder
            that is no preset is refused.
        metadata: Dictionary to store, for example `training_data`, `license`,
            `provenance`, `results` (a list of dictionaries with `what`,
            `value` and `command`). Defaults to `None`.
        card: String, the model card in Markdown, or `None` for one written
            from the metadata. Defaults to `None`.

    Returns:
        The folder, a `Path`.
    """
    folder = Path(folder)
    if folder.is_dir() and any(folder.iterdir()):
        if not (folder / METADATA).is_file():
            raise ValueError(
                f"{folder} exists and is no preset. Choose another folder."
            )
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    check_config(config, f"The model {model.name!r}")
    metadata = {
        "format_version": FORMAT_VERSION,
        "name": folder.name,
        "saved_on": date.today().isoformat(),
        "keras_version": keras.version(),
        "parameters": model.count_params(),
        **(metadata or {}),
    }
    with atomic_path(folder) as room:
        room.mkdir()
        write_json(room / CONFIG, config)
        model.save_weights(room / WEIGHTS)
        (room / CARD).write_text(card or write_card(metadata), "utf-8")
        metadata["files"] = {name: sha256(room / name) for name in CONTENTS}
        write_json(room / METADATA, metadata)
    return folder


def load_preset(name_or_folder):
    """Builds the network of a preset and loads its weights.

    Its classes must be known to Keras: `import keras_arcface` does that.
    Layers follow the global dtype policy, whichever they were trained under.

    Args:
        name_or_folder: Name of a preset or path of a preset folder.

    Returns:
        A `keras.Model`.
    """
    folder = find_preset(name_or_folder)
    verify_preset(folder)
    config = _read_json(folder / CONFIG)
    check_config(config, folder / CONFIG)
    try:
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(
            f"{folder / CONFIG} describes no network: {error!r}"
        ) from error
    model.load_weights(folder / WEIGHTS)
    return model


def load_preset_weights(model, weights):
    """Loads weights into `model` from a preset or a `.weights.h5` file.

    Args:
        model: A built backbone.
        weights: Name of a preset, path of a preset folder, or path of a
            `.weights.h5` file.

    Raises:
        ValueError: when the weights belong to another network.
    """
    if os.fspath(weights).endswith(".weights.h5"):
        model.load_weights(weights)
        return
    folder = find_preset(weights)
    verify_preset(folder)
    theirs = _read_json(folder / CONFIG)
    ours = json.loads(json.dumps(keras.saving.serialize_keras_object(model)))
    differences = _differences(ours, theirs)
    if differences:
        raise ValueError(
            f"The weights of {os.fspath(weights)!r} belong to another network: "
            f"{'; '.join(differences)}. Pass the same arguments, or take the "
            f"whole network with load_pretrained({os.fspath(weights)!r})."
        )
    model.load_weights(folder / WEIGHTS)


def _differences(ours, theirs):
    names = [
        c.get("registered_name") or c["class_name"] for c in (ours, theirs)
    ]
    if names[0] != names[1]:
        return [f"class is {names[0]} here and {names[1]} there"]
    harmless = ("name", "trainable", "weights", "dropout")
    ours, theirs = ours["config"], theirs["config"]
    return [
        f"{key} is {ours.get(key)} here and {theirs.get(key)} there"
        for key in sorted({*ours, *theirs} - {*harmless})
        if ours.get(key) != theirs.get(key)
    ]


def _read_json(path):
    try:
        return json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ValueError(f"{path} is missing.") from None
    except ValueError as error:
        raise ValueError(f"{path} is not valid JSON: {error}") from error
