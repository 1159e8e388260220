"""How long the logits are: the scale of a margin softmax."""

import math

from keras_arcface.margins.checks import check_number

# Below this, the softmax of few classes cannot become sharp enough for a
# margin to bite; see docs/starting.md for the measurements.
MINIMUM_AUTO_SCALE = 16.0


def auto_scale(num_classes):
    """Returns a scale from the class count that trains from scratch.

        max(16, sqrt(2) ln(num_classes - 1))

    AdaCos's fixed scale with a floor for few classes.

    Args:
        num_classes: Int > 0.

    Reference:
    - [Zhang et al., 2019, Eq. 13](https://arxiv.org/abs/1905.00292)
    """
    return max(
        MINIMUM_AUTO_SCALE, math.sqrt(2.0) * math.log(max(num_classes - 1, 2))
    )


def check_scale(scale):
    """Returns `scale` if it is `"auto"` or a positive number."""
    if scale == "auto":
        return scale
    if isinstance(scale, str):
        raise ValueError(
            'scale must be a positive number or "auto". Received: '
            f"scale={scale!r}."
        )
    scale = check_number("scale", scale)
    if scale <= 0:
        raise ValueError(
            'scale must be a positive number or "auto". Received: '
            f"scale={scale:g}."
        )
    return scale


def resolve_scale(scale, num_classes):
    """Returns the number that `scale` means for `num_classes` classes."""
    return auto_scale(num_classes) if scale == "auto" else scale
