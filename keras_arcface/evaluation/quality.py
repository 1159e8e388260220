"""Quality weights of pictures, as templates and galleries take them."""

import numpy as np
from numpy.typing import ArrayLike


def check_quality(quality: ArrayLike, rows: int, kind: str) -> np.ndarray:
    """Returns weights as float64, `(rows,)`.

    Args:
        quality: Non-negative numbers, one for each row.
        rows: How many there must be.
        kind: What a row is, in the message: "image".

    Raises:
        ValueError: when one is negative or not finite, or lengths differ.
    """
    quality = np.atleast_1d(np.asarray(quality, dtype=np.float64))
    if quality.shape != (rows,):
        raise ValueError(
            f"`quality` must have one value an {kind}. Received: shape "
            f"{quality.shape} for {rows} {kind}s."
        )
    bad = np.flatnonzero(~(np.isfinite(quality) & (quality >= 0)))
    if bad.size:
        raise ValueError(
            "`quality` must be finite and at least 0. Received: "
            f"{quality[bad[0]]} at {kind} {bad[0]}."
        )
    return quality
