"""Checks of what a head, and a model of one, are made with."""

import numbers

import keras

from keras_arcface.losses import CenterTerm
from keras_arcface.margins.checks import check_count

# Of the terms of the loss, and of what `fit` shows beside them.
_TAKEN_NAMES = {"margin_softmax", "binary", "norm_penalty", "angle", "loss"}


def check_chunk_size(chunk_size):
    """Returns None, or an int of at least 0."""
    if chunk_size is None:
        return None
    return check_count("chunk_size", chunk_size, least=0)


def check_extra_losses(terms, sub_centers):
    """Returns a list of terms on class centres, with names of their own."""
    if not isinstance(terms, (list, tuple)):
        terms = [] if terms is None else [terms]
    terms = [
        keras.saving.deserialize_keras_object(term)
        if isinstance(term, dict)
        else term
        for term in terms
    ]
    for term in terms:
        if not isinstance(term, CenterTerm):
            raise ValueError(
                "extra_losses must be terms on class centres, such as "
                f"[IntraLoss(), InterLoss()]. Received: {term!r}."
            )
    names = [term.name for term in terms]
    if len(set(names)) < len(names) or set(names) & _TAKEN_NAMES:
        raise ValueError(
            "extra_losses must have names of their own, such as "
            f"IntraLoss(name='other'), and none of {sorted(_TAKEN_NAMES)}. "
            f"Received: {names}."
        )
    if terms and sub_centers > 1:
        raise ValueError(
            "extra_losses are defined for one centre a class. Received: "
            f"sub_centers={sub_centers}."
        )
    return list(terms)


def check_head(head):
    """Refuses what has no loss on embeddings."""
    if isinstance(head, type) or not hasattr(head, "margin_loss"):
        raise ValueError(
            "head must be a layer with a loss on embeddings, such as "
            "ArcMarginLayer(num_classes), or the number of classes. Received: "
            f"head={head!r}."
        )


def check_centers_rate(rate, head):
    """Returns the class centres' multiple of the learning rate, a float."""
    number = isinstance(rate, numbers.Real) and not isinstance(rate, bool)
    if not number or not 0 < rate < float("inf"):
        raise ValueError(
            "centers_rate must be a positive number, the class centres' share "
            f"of the learning rate. Received: centers_rate={rate!r}."
        )
    if rate != 1 and head.num_classes is None:
        raise ValueError(
            f"centers_rate is for heads with class centres or proxies, and "
            f"{type(head).__name__} has none. Received: centers_rate={rate!r}."
        )
    return float(rate)


def check_clip_backbone(limit):
    """Returns the greatest norm of the backbone's gradient, or None."""
    if limit is None:
        return None
    number = isinstance(limit, numbers.Real) and not isinstance(limit, bool)
    if not number or not 0 < limit < float("inf"):
        raise ValueError(
            "clip_backbone must be a positive number, the greatest norm of "
            "the backbone's gradient, or None for no limit. Received: "
            f"clip_backbone={limit!r}."
        )
    return float(limit)


def check_no_regularizer(head):
    """Refuses a regularizer that would move centres that were not drawn."""
    if head.centers_regularizer is not None:
        raise ValueError(
            "centers_regularizer moves every class centre, sample_rate < 1 "
            "only those that a step draws. Leave one of them out, or use "
            "compile(..., dense_update=True)."
        )
