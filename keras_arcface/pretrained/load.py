"""Loading and saving whole networks: the two functions most users need."""

import os

# Importing the backbones makes their classes known to Keras.
import keras_arcface.backbones  # noqa: F401
from keras_arcface.backbones.pixel_scaling import PixelScaling
from keras_arcface.presets.archive import fetch_preset
from keras_arcface.presets.folder import load_preset
from keras_arcface.presets.folder import save_preset

SCHEMES = ("https://", "http://", "file://")


def load_pretrained(name_or_folder_or_url, sha256=None):
    """Returns a backbone with its trained weights.

    Every file is checked against the SHA-256 in the preset's metadata.json
    first. Layers follow the global dtype policy: set it before loading.

    Args:
        name_or_folder_or_url: The name of a preset that came with the
            package, the path of a preset folder, or the URL of a zip or tar
            archive of one.
        sha256: Hexadecimal digest of the archive; required with a URL and
            only with a URL. Defaults to `None`.

    Returns:
        A `keras.Model`: images (batch, height, width, 3), RGB in [0, 255], to
        features (batch, embedding_dim), float32, not normalised.

    Raises:
        ValueError: when there is no such preset (names those that exist) or a
            file was changed.

    Example:

    >>> from keras_arcface.pretrained import load_pretrained
    >>> load_pretrained("mobilefacenet_ms1m_192").output_shape
    (None, 192)
    """
    source = os.fspath(name_or_folder_or_url)
    if source.startswith(SCHEMES):
        return load_preset(fetch_preset(source, sha256))
    if sha256 is not None:
        raise ValueError(
            "sha256 belongs to a URL; the files of a preset folder are checked "
            f"against its own metadata.json. Received: {source!r} with "
            f"sha256={sha256!r}"
        )
    return load_preset(source)


def save_pretrained(model, folder, metadata=None, card=None):
    """Saves a backbone as a preset folder: all of it or nothing.

    Input size, pixel scaling and embedding_dim are read from the model.

    Args:
        model: A backbone. (Of an `ArcFaceModel`, pass its `backbone`.)
        folder: Path to write; an older preset there is replaced.
        metadata: Dictionary of what the model cannot know: `description`,
            `training_data`, `license`, `provenance`, `results` (a list of
            dictionaries with `what`, `value` and `command`), `verification`
            (`threshold`, `fmr`, `calibrated_on`, `checked_on`).
            Defaults to `None`.
        card: String, the model card in Markdown, or `None` for one written
            from the metadata. Defaults to `None`.

    Returns:
        The folder, a `Path`.
    """
    facts = {
        "input_size": list(model.input_shape[1:3]),
        "pixel_scaling": _pixel_scaling(model),
        "embedding_dim": model.output_shape[-1],
    }
    return save_preset(model, folder, {**facts, **(metadata or {})}, card)


def _pixel_scaling(model):
    for layer in model.layers:
        if isinstance(layer, PixelScaling):
            return {
                "mean": layer.mean,
                "std": layer.std,
                "channels": layer.channels,
            }
    return None
