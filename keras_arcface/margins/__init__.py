"""The family of margins: how the target cosine is penalised."""

import keras

from keras_arcface.margins.arcface import ArcFace as ArcFace
from keras_arcface.margins.arcface import arcface as arcface
from keras_arcface.margins.cosface import CosFace as CosFace
from keras_arcface.margins.cosface import cosface as cosface
from keras_arcface.margins.margin import Margin as Margin
from keras_arcface.margins.margin import NoMargin as NoMargin
from keras_arcface.margins.scale import auto_scale as auto_scale
from keras_arcface.margins.scale import check_scale as check_scale
from keras_arcface.margins.scale import resolve_scale as resolve_scale

MARGINS = {"arcface": ArcFace, "cosface": CosFace, "none": NoMargin}


def get(margin):
    """Returns the margin that an argument means.

    Args:
        margin: A number (ArcFace, radians), a `Margin`, `None` (no margin), a
            name (`"arcface"`, `"cosface"`, `"none"`), a name with its value
            (`"cosface:0.4"`), or a serialized margin.

    Raises:
        ValueError: for a name that is not known.
    """
    if isinstance(margin, Margin):
        return margin
    if margin is None:
        return NoMargin()
    if isinstance(margin, dict):
        return keras.saving.deserialize_keras_object(margin)
    if isinstance(margin, str):
        return _from_text(margin)
    return ArcFace(margin)


def _from_text(text):
    name, _, value = text.partition(":")
    try:
        if name not in MARGINS:
            return ArcFace(float(text))
        return MARGINS[name](float(value)) if value else MARGINS[name]()
    except TypeError:
        raise ValueError(
            f"margin {name!r} takes no value. Received: margin={text!r}."
        ) from None
    except ValueError as error:
        if "could not convert" not in str(error):
            raise
        raise ValueError(
            "margin must be a number (ArcFace, radians) or one of "
            f"{', '.join(map(repr, MARGINS))}, as in 'cosface:0.35'. "
            f"Received: margin={text!r}."
        ) from None
