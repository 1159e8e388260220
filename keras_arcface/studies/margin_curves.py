"""What the margins of the ArcFace paper's Figure 4b make of an angle."""

import numpy as np
from keras import ops

from keras_arcface import margins

DEGREES = np.linspace(20, 100, 321)

# As the paper's legend names them. SphereFace is the annealed one: lambda 5 is
# where its authors' schedule ends.
CURVES = {
    "softmax": lambda: margins.get("none"),
    "SphereFace (m=4, λ=5)": lambda: margins.ASoftmax(4.0, annealing=5.0),
    "ArcFace (0.5)": lambda: margins.get("arcface:0.5"),
    "CosFace (0.35)": lambda: margins.get("cosface:0.35"),
    "CM1 (1, 0.3, 0.2)": lambda: margins.get("combined:1,0.3,0.2"),
    "CM2 (0.9, 0.4, 0.15)": lambda: margins.get("combined:0.9,0.4,0.15"),
}


def target_logits(
    degrees: np.ndarray = DEGREES,
) -> dict[str, np.ndarray]:
    """Returns target logits divided by the scale, `(angles,)`, by margin.

    From the library's own margins, as they are while training.

    Args:
        degrees: Angles to the own class centre, `(angles,)`.
    """
    cosine = ops.convert_to_tensor(np.cos(np.radians(degrees)), "float32")
    lengths = ops.ones_like(cosine)
    return {
        name: ops.convert_to_numpy(make()(cosine, norm=lengths))
        for name, make in CURVES.items()
    }
