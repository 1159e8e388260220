"""What a margin head expects of memory."""

import keras

from keras_arcface.softmax import HeadPlan
from keras_arcface.softmax.backend import on_accelerator


def head_plan(
    head,
    batch_size,
    optimizer=None,
    dense_update=False,
    devices=None,
):
    """Returns the `HeadPlan` of a layer with class centres.

    Args:
        head: `ArcMarginLayer`, built.
        batch_size: Int, pictures a step.
        optimizer: Keras optimizer; one that is not known is taken for AdamW.
            None stands for the SGD of `train`.
        dense_update: As of `HeadPlan`.
        devices: As of `HeadPlan`; None for those that the head was built on.
    """
    if not head.built:
        raise ValueError(
            "A plan needs the length of the embeddings, and this head has not "
            "seen any. Build the model, or call it once before."
        )
    return HeadPlan(
        head.num_classes,
        head.class_centers.shape[1],
        batch_size,
        sub_centers=head.sub_centers,
        sample_rate=head.sample_rate,
        dense_update=dense_update,
        chunk_size=head.chunk_size,
        optimizer=_known_name(optimizer),
        precision=_precision(head),
        backend=keras.backend.backend(),
        devices=devices or head.placement.count,
        accelerator=on_accelerator(),
    )


def _known_name(optimizer):
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer is None or getattr(optimizer, "coupled_decay", 0):
        return "coupled_sgd"
    if isinstance(optimizer, keras.optimizers.SGD):
        return "sgd" if optimizer.momentum else "plain_sgd"
    return "adamw"


def _precision(head):
    half = head.compute_dtype in ("float16", "bfloat16")
    return f"mixed_{head.compute_dtype}" if half else "float32"
