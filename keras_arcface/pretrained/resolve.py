"""From what a user names as a model to the backbone behind it."""

import json
from pathlib import Path

import keras

from keras_arcface.checks import margin_heads
from keras_arcface.model import ArcFaceModel
from keras_arcface.presets.folder import find_preset
from keras_arcface.pretrained.load import load_pretrained
from keras_arcface.utils.files import write_json


def load_backbone(source: str) -> keras.Model:
    """Returns the backbone that a name or path means.

    Args:
        source: A preset's name or folder; a `.keras` file of a backbone or an
            `ArcFaceModel`; or the folder of a training run, of which the best
            model is taken.

    Returns:
        `keras.Model`, images to features, without a training configuration.

    Raises:
        ValueError: when it is none of these.
    """
    path = _keras_file(source)
    if path is None:
        _refuse_begun_run(source)
        return _checked(load_pretrained(source), source)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    model = read_model(path)
    backbone = model.backbone if isinstance(model, ArcFaceModel) else model
    return _checked(backbone, path)


def read_model(path) -> keras.Model:
    """Returns the model of a `.keras` file, not compiled.

    Raises:
        ValueError: naming the file, when it cannot be read.
    """
    try:
        return keras.saving.load_model(path, compile=False)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no readable Keras model: {error}"
        ) from error


def read_metadata(source: str) -> dict:
    """Returns the metadata of a preset; empty for anything but a preset."""
    if _keras_file(source) is not None:
        return {}
    return json.loads(
        (find_preset(source) / "metadata.json").read_text("utf-8")
    )


def require_preset(source: str) -> None:
    """Refuses what is no preset; says how to make one of a trained model.

    Raises:
        ValueError: with the command that makes a preset of `source`.
    """
    if _keras_file(source) is None:
        find_preset(source)
        return
    raise ValueError(
        f"Only a preset can keep a threshold, and {source} is none. Make one "
        f"of it and calibrate that: {how_to_calibrate(source)}"
    )


def how_to_calibrate(source: str) -> str:
    """Returns the commands that give a model its threshold."""
    command = "keras-arcface calibrate {} --data FOLDER"
    path = _keras_file(source)
    if path is None:
        return command.format(source)
    source = str(source)
    preset = source.removesuffix(".keras") + "-preset"
    make = (
        "from keras_arcface.pretrained import load_backbone, save_pretrained; "
        f"save_pretrained(load_backbone({source!r}), {preset!r})"
    )
    return f'python -c "{make}" && {command.format(preset)}'


def update_metadata(source: str, changes: dict) -> None:
    """Changes entries of a preset's metadata, atomically."""
    path = find_preset(source) / "metadata.json"
    metadata = json.loads(path.read_text("utf-8"))
    write_json(path, {**metadata, **changes})


def _keras_file(source):
    """Returns the `.keras` file that is meant, or None for a preset."""
    path = Path(source)
    if path.is_dir() and (path / "best.keras").exists():
        return path / "best.keras"
    return path if path.suffix == ".keras" else None


def _refuse_begun_run(source):
    """Says what a run lacks that was stopped in its first epoch."""
    if not (Path(source) / "checkpoints").is_dir():
        return
    raise ValueError(
        f"{source} is a training run without a best model: its first epoch is "
        "not done. Go on with keras-arcface train --output "
        f"{source} --resume"
    )


def _checked(backbone, path):
    """Returns the model; refuses one that does not embed RGB pictures."""
    if margin_heads(backbone):
        raise ValueError(
            f"{path} is a classifier: it ends in an ArcMarginLayer and gives "
            "logits, not embeddings. Save the backbone alone, as in "
            'model.layers[0].save("backbone.keras").'
        )
    takes = getattr(backbone, "input_shape", None)
    gives = getattr(backbone, "output_shape", None)
    if not _has_rank(takes, 4) or not _has_rank(gives, 2):
        raise ValueError(
            f"{path} is no backbone: it maps {takes} to {gives}, not "
            "(batch, height, width, 3) to (batch, embedding_dim)."
        )
    if takes[-1] != 3:
        raise ValueError(
            f"{path} takes pictures of {takes[-1]} channels. Pictures are RGB "
            "here, (batch, height, width, 3): train it on three equal channels."
        )
    return backbone


def _has_rank(shape, rank):
    return (
        isinstance(shape, tuple)
        and len(shape) == rank
        and not any(isinstance(side, tuple) for side in shape)
    )
