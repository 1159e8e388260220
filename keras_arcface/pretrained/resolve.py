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
    path = Path(source)
    if path.is_dir() and (path / "best.keras").exists():
        path = path / "best.keras"
    if path.suffix != ".keras":
        return load_pretrained(source)
    if not path.is_file():
        raise FileNotFoundError(f"There is no file {path}.")
    try:
        model = keras.saving.load_model(path, compile=False)
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{path} is no readable Keras model: {error}"
        ) from error
    backbone = model.backbone if isinstance(model, ArcFaceModel) else model
    if margin_heads(backbone):
        raise ValueError(
            f"{path} is a classifier: it ends in an ArcMarginLayer and gives "
            "logits, not embeddings. Save the backbone alone, as in "
            'model.layers[0].save("backbone.keras").'
        )
    shapes = backbone.input_shape, backbone.output_shape
    if len(shapes[0]) != 4 or len(shapes[1]) != 2:
        raise ValueError(
            f"{path} is no backbone: it maps {shapes[0]} to {shapes[1]}, not "
            "(batch, height, width, 3) to (batch, embedding_dim)."
        )
    return backbone


def read_metadata(source: str) -> dict:
    """Returns the metadata of a preset; empty for anything but a preset."""
    path = Path(source)
    if path.suffix == ".keras" or (path / "best.keras").exists():
        return {}
    return json.loads(
        (find_preset(source) / "metadata.json").read_text("utf-8")
    )


def update_metadata(source: str, changes: dict) -> None:
    """Changes entries of a preset's metadata, atomically."""
    path = find_preset(source) / "metadata.json"
    metadata = json.loads(path.read_text("utf-8"))
    write_json(path, {**metadata, **changes})
