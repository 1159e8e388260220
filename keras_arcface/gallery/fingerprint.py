"""Which model made the embeddings: those of two models say nothing together."""

import hashlib
import json
from dataclasses import dataclass
from dataclasses import field
from dataclasses import replace
from typing import Any

import numpy as np


@dataclass(frozen=True)
class ModelFingerprint:
    """What tells the embeddings of one model from those of another.

    Attributes:
        digest: SHA-256 of the model, or any text that stands for one.
        flip: Whether embeddings are sums over the picture and its mirror
            image: thresholds differ.
        name: What people call the model. Two names may mean the same one: it
            is shown and not compared.
    """

    digest: str
    flip: bool = False
    name: str = field(default="", compare=False)

    def __str__(self) -> str:
        name = self.name or "a model without a name"
        shown = "" if self.digest == name else f" (SHA-256 {self.digest[:12]})"
        return f"{name}{shown}{', flip-summed' if self.flip else ''}"


def model_fingerprint(
    model: Any, *, flip: bool = False, name: str = ""
) -> ModelFingerprint:
    """Returns the fingerprint of a backbone: weights, shapes, pixel scaling.

    It is the same in every process and whatever the layers are called; a
    preset, a copy of it and the model it was saved from have one fingerprint.

    Args:
        model: Keras model, images to features, or an `ArcFaceModel`, whose
            backbone is taken.
        flip: Whether its embeddings are summed with those of mirror images.
        name: What people call it.
    """
    model = getattr(model, "backbone", model)
    digest = hashlib.sha256()
    facts = [
        list(model.input_shape[1:]),
        list(model.output_shape[1:]),
        list(_pixel_scalings(model)),
    ]
    digest.update(json.dumps(facts).encode())
    for weight in model.get_weights():
        weight = np.ascontiguousarray(weight)
        digest.update(f"{weight.dtype}{weight.shape}".encode())
        digest.update(weight.tobytes())
    return ModelFingerprint(digest.hexdigest(), flip, name)


def as_fingerprint(model: Any) -> ModelFingerprint | None:
    """Returns the fingerprint that a user means by `model`.

    Args:
        model: `ModelFingerprint`, a Keras model, a text that stands for a
            model which is not at hand, or None.

    Raises:
        ValueError: for anything else.
    """
    if model is None or isinstance(model, ModelFingerprint):
        return model
    if isinstance(model, str) and model:
        return ModelFingerprint(model, name=model)
    if hasattr(model, "get_weights") and not isinstance(model, type):
        return model_fingerprint(model, name=getattr(model, "name", ""))
    raise ValueError(
        "`model` must be a Keras model, a ModelFingerprint or a text that "
        f"stands for a model. Received: {model!r}."
    )


def embedding_dim(model: Any) -> int | None:
    """Returns how long the embeddings of a Keras model are, if it is one."""
    shape = getattr(getattr(model, "backbone", model), "output_shape", None)
    return shape[-1] if isinstance(shape, tuple) else None


def check_model(
    known: ModelFingerprint | None, dim: int | None, model: Any
) -> None:
    """Refuses embeddings of another model than those that are enrolled.

    Args:
        known: Of the gallery; None where it does not know.
        dim: Length of the embeddings enrolled, or None.
        model: Of new embeddings, as `as_fingerprint` takes it.

    Raises:
        ValueError: naming both.
    """
    other = as_fingerprint(model)
    if known is None or other is None:
        _check_dim(dim, embedding_dim(model))
        return
    if not isinstance(model, ModelFingerprint):
        other = replace(other, flip=known.flip)  # Nothing was said of it.
    if known == other:
        return
    if known.digest == other.digest:
        how = "with" if known.flip else "without"
        raise ValueError(
            f"The gallery holds embeddings {how} flip: those of {known}. "
            f"Received: {other}. Embed {how} flip, or make another gallery."
        )
    raise ValueError(
        f"The gallery holds embeddings of {known}. Received: those of {other}. "
        "Embeddings of two models cannot be compared: use the same model, or "
        "enroll everybody anew in another gallery."
    )


def _check_dim(dim, other):
    if dim is not None and other is not None and dim != other:
        raise ValueError(
            f"The gallery holds embeddings of {dim} dimensions. Received: a "
            f"model of {other}."
        )


def _pixel_scalings(model):
    for layer in getattr(model, "layers", ()):
        yield from _pixel_scalings(layer)
        if type(layer).__name__ == "PixelScaling":
            yield [float(layer.mean), float(layer.std), str(layer.channels)]
