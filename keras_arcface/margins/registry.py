"""What a margin argument means."""

import functools

import keras

from keras_arcface.margins.a_softmax import ASoftmax
from keras_arcface.margins.adacos import AdaCos
from keras_arcface.margins.adaface import AdaFace
from keras_arcface.margins.arcface import ArcFace
from keras_arcface.margins.circle import Circle
from keras_arcface.margins.combined import Combined
from keras_arcface.margins.combined import SphereFace
from keras_arcface.margins.cosface import CosFace
from keras_arcface.margins.curricularface import CurricularFace
from keras_arcface.margins.elasticface import ElasticFace
from keras_arcface.margins.li_arcface import LiArcFace
from keras_arcface.margins.magface import MagFace
from keras_arcface.margins.margin import Margin
from keras_arcface.margins.margin import NoMargin
from keras_arcface.margins.mv_softmax import MVSoftmax

# Each takes the numbers after the colon in their order: "combined:1,0.3,0.2".
MARGINS = {
    "arcface": ArcFace,
    "cosface": CosFace,
    "sphereface": SphereFace,
    "combined": Combined,
    "a_softmax": ASoftmax,
    "li_arcface": LiArcFace,
    "adacos": AdaCos,
    "adacos_fixed": functools.partial(AdaCos, dynamic=False),
    "curricularface": CurricularFace,
    "mv_arc": functools.partial(MVSoftmax, "arc"),
    "mv_am": functools.partial(MVSoftmax, "am"),
    "adaface": AdaFace,
    "magface": MagFace,
    "elastic_arc": functools.partial(ElasticFace, "arc"),
    "elastic_cos": functools.partial(ElasticFace, "cos"),
    "elastic_arc_plus": functools.partial(
        ElasticFace, "arc", deviation=0.0175, plus="paper"
    ),
    "elastic_cos_plus": functools.partial(
        ElasticFace, "cos", deviation=0.02, plus="paper"
    ),
    "circle": Circle,
    "none": NoMargin,
}
# Their first argument is no number.
_WITHOUT_VALUE = ("adacos", "adacos_fixed", "magface", "none")


def get(margin):
    """Returns the margin that an argument means.

    Args:
        margin: A number (ArcFace, radians), a `Margin`, `None` (no margin), a
            name of `MARGINS`, such as `"cosface"`, a name with its values
            (`"cosface:0.4"`, `"combined:1,0.3,0.2"`), or a serialized margin.

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
    name, _, values = text.partition(":")
    if name not in MARGINS:
        return ArcFace(_number(name, text))
    if values and name in _WITHOUT_VALUE:
        raise ValueError(
            f"margin {name!r} takes no value. Received: margin={text!r}."
        )
    numbers = [_number(v, text) for v in values.split(",")] if values else []
    try:
        return MARGINS[name](*numbers)
    except TypeError:
        raise ValueError(
            f"margin {name!r} does not take {len(numbers)} values. Received: "
            f"margin={text!r}."
        ) from None


def _number(word, text):
    try:
        return float(word)
    except ValueError:
        raise ValueError(
            "margin must be a number (ArcFace, radians) or one of "
            f"{', '.join(map(repr, MARGINS))}, as in 'cosface:0.35'. "
            f"Received: margin={text!r}."
        ) from None
