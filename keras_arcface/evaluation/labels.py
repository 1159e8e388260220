"""Integer identities of embeddings, checked in one place."""

import numpy as np
from numpy.typing import ArrayLike


def check_labels(
    labels: ArrayLike, rows: int, name: str = "labels", what: str = "image"
) -> np.ndarray:
    """Returns the labels as integers, `(rows,)`.

    Raises:
        ValueError: for anything but one integer a row: float ids above 2^24
            would merge.
    """
    labels = np.asarray(labels)
    if labels.shape != (rows,) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"`{name}` must hold one integer an {what}; float ids above 2^24 "
            f"would merge. Received: shape {labels.shape}, dtype "
            f"{labels.dtype}, for {rows} rows. Cast ids with "
            f"{name}.astype('int64') before they ever become floats."
        )
    return labels
