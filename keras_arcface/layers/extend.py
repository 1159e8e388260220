"""New identities for a trained head."""

import keras
import numpy as np
from keras import ops

from keras_arcface import margins
from keras_arcface.margins.checks import check_count


def extended(head, n, centers=None, margin=None):
    """Returns a new head with room for `n` more classes; see its `extend`.

    Args:
        head: A built `ArcMarginLayer`, or a kin of it.
        n: Int, new classes.
        centers: Optional floats `(n * sub_centers, embedding_dim)`.
        margin: Optional margin in place of the head's.
    """
    if not head.built:
        raise ValueError(
            "extend adds to class centres, and this head has none yet. Train "
            "it, load it, or call it once before."
        )
    classes = head.num_classes + check_count("n", n)
    old = ops.convert_to_numpy(head.class_centers)
    if centers is not None:
        shape = (n * head.sub_centers, old.shape[1])
        centers = _check_centers(centers, shape)
    config = {**head.get_config(), "num_classes": classes}
    if margin is not None:
        # A copy: the state of a margin belongs to one head.
        config["margin"] = keras.saving.serialize_keras_object(
            margins.get(margin)
        )
    elif isinstance(head.margin, margins.PerClass):
        raise ValueError(
            f"PerClass has a margin for each of {head.num_classes} classes. "
            "Pass extend(..., margin=PerClass(margins)) with one for each of "
            f"{classes}."
        )
    elif isinstance(config["margin"], dict):
        # Some margins were built for the old class count.
        config["margin"].pop("build_config", None)
    new = type(head).from_config(config)
    new.build((None, old.shape[1]))
    new.built = True
    if centers is None:
        # The last rows, as a head of this size would have them: drawn alone
        # they could be the same numbers as the first.
        centers = ops.convert_to_numpy(new.class_centers)[len(old) :]
    centers = _of_usual_length(centers, old)
    new.class_centers.assign(np.concatenate([old, centers]))
    _copy_state(head, new, margin is None)
    return new


def _check_centers(centers, shape):
    centers = np.asarray(centers, "float32")
    if centers.shape != shape:
        raise ValueError(
            "centers must have the shape (n * sub_centers, embedding_dim) = "
            f"{shape}. Received: shape={centers.shape}."
        )
    lengths = np.linalg.norm(centers, axis=1)
    if not np.isfinite(lengths).all() or not (lengths > 0).all():
        raise ValueError(
            "centers must be finite and have a direction each. Received: row "
            f"{int(np.argmin(np.isfinite(lengths) & (lengths > 0)))} of "
            "zeros, inf or NaN."
        )
    return centers


def _of_usual_length(centers, old):
    """Returns centres as long as the old ones, so that they turn as fast."""
    length = np.linalg.norm(old, axis=1).mean()
    return centers * (length / np.linalg.norm(centers, axis=1, keepdims=True))


def _copy_state(head, new, same_margin):
    """Copies all but the class centres: margin, bias, seeds."""
    new.margin.strength.assign(head.margin.strength)
    for before, after in zip(
        _others(head, same_margin), _others(new, same_margin), strict=True
    ):
        after.assign(before)


def _others(head, with_margin):
    apart = {id(head.class_centers)}
    if not with_margin:
        apart |= {id(variable) for variable in head.margin.variables}
    return [v for v in head.variables if id(v) not in apart]
