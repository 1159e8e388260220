"""A margin for every class."""

import keras
import numpy as np
from keras import ops

from keras_arcface.margins.arcface import TAILS
from keras_arcface.margins.arcface import arcface
from keras_arcface.margins.checks import check_angle
from keras_arcface.margins.checks import check_choice
from keras_arcface.margins.checks import check_number
from keras_arcface.margins.cosface import check_cosine_margin
from keras_arcface.margins.cosface import cosface
from keras_arcface.margins.margin import Margin
from keras_arcface.ranges import Uniform

_CHECKS = {"arc": check_angle, "cos": check_cosine_margin}


@keras.saving.register_keras_serializable(package="keras_arcface")
class PerClass(Margin):
    """ArcFace or CosFace with a margin for each class.

    Classes with few pictures need a wider margin than classes with many:

    >>> counts = np.array([2, 10, 300])
    >>> margin = keras_arcface.PerClass.from_counts(counts)
    >>> [round(float(m), 3) for m in margin.margins]
    [0.5, 0.291, 0.05]

    The strength scales all margins.

    Args:
        margins: Floats `(num_classes,)`, radians for `"arc"`, units of cosine
            for `"cos"`; the index is the class id.
        kind: `"arc"` or `"cos"`. Defaults to `"arc"`.
        tail: For `"arc"`, as of `ArcFace`. Defaults to `"reflect"`; the GLDv2
            solution has `"linear"`.
        **kwargs: Of `Margin`.

    Raises:
        ValueError: for margins that are no vector or outside their range, and,
            when the layer is built, for another number of them than classes.

    Reference:
    - [Ha et al., 2020 (dynamic margins)](https://arxiv.org/abs/2010.05350)
    """

    # Of `from_counts`.
    search_space = {"low": Uniform(0.0, 0.3), "high": Uniform(0.3, 0.8)}

    reads = ("labels",)

    def __init__(self, margins, kind="arc", tail="reflect", **kwargs):
        super().__init__(**kwargs)
        self.kind = check_choice("kind", kind, tuple(_CHECKS))
        self.tail = check_choice("tail", tail, TAILS)
        self.margins = _check_margins(margins, kind)
        self.class_margins = self.add_weight(
            name="class_margins",
            shape=self.margins.shape,
            initializer=lambda shape, dtype: ops.cast(self.margins, dtype),
            trainable=False,
            autocast=False,
        )

    @classmethod
    def from_counts(
        cls, counts, power=0.25, low=0.05, high=0.5, a=None, b=None, **kwargs
    ):
        """Returns margins that fall with the number of pictures.

            m_k = a n_k^-power + b

        Args:
            counts: Ints `(num_classes,)`, pictures of each class, as
                `data.counts`.
            power: Float > 0. Defaults to `0.25`.
            low: Margin of the largest class, where a and b are not given.
            high: Margin of the smallest class, likewise.
            a: Float, the factor.
            b: Float, the offset. Give both or neither.
            **kwargs: Of `PerClass`.

        Raises:
            ValueError: for counts below 1, or only one of `a` and `b`.
        """
        counts = _vector("counts", counts, "float64")
        if counts.ndim != 1 or not (counts >= 1).all():
            raise ValueError(
                "counts must be a vector of at least 1 picture a class. "
                f"Received: shape={counts.shape}, least="
                f"{counts.min() if counts.size else None}."
            )
        falling = counts ** -check_number("power", power, 0.0)
        if (a is None) != (b is None):
            raise ValueError("Give both a and b, or neither.")
        if a is not None:
            a, b = check_number("a", a), check_number("b", b)
            return cls(a * falling + b, **kwargs)
        spread = falling.max() - falling.min()
        share = (falling - falling.min()) / (spread if spread > 0 else 1.0)
        return cls(low + (high - low) * share, **kwargs)

    def for_classes(self, num_classes):
        super().for_classes(num_classes)
        if num_classes != len(self.margins):
            raise ValueError(
                f"PerClass has {len(self.margins)} margins, but there are "
                f"{num_classes} classes. Give one margin a class, in the order "
                "of the class ids."
            )

    def penalize(self, cosine, strength=1.0, labels=None):
        margins = ops.convert_to_tensor(self.class_margins)
        labels = ops.clip(labels, 0, len(self.margins) - 1)
        margin = ops.take(margins, labels) * strength
        if self.kind == "arc":
            return arcface(cosine, margin, self.tail)
        return cosface(cosine, ops.cast(margin, cosine.dtype))

    def get_config(self):
        return {
            **super().get_config(),
            "margins": [float(m) for m in self.margins],
            "kind": self.kind,
            "tail": self.tail,
        }


def _vector(name, values, dtype):
    try:
        return np.asarray(values, dtype)
    except (TypeError, ValueError):
        raise ValueError(
            f"{name} must be numbers, one a class. Received: {values!r}."
        ) from None


def _check_margins(margins, kind):
    margins = _vector("margins", margins, "float32")
    if margins.ndim != 1 or margins.size < 2:
        raise ValueError(
            "margins must be a vector with one margin a class. Received: "
            f"shape={margins.shape}. For one margin for all use a number."
        )
    for bound in (margins.min(), margins.max()):
        _CHECKS[kind](float(bound), "margins")
    return margins
