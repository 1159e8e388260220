"""What a margin head expects of memory."""

import keras

from keras_arcface.softmax import HeadPlan
from keras_arcface.softmax.backend import on_accelerator


def head_plan(
    head,
    embedding_dim,
    batch_size,
    optimizer=None,
    chunk_size=None,
    dense_update=False,
    devices=1,
):
    """Returns the `HeadPlan` of a layer with class centres.

    Args:
        head: `ArcMarginLayer`.
        embedding_dim: Int.
        batch_size: Int, pictures a step.
        optimizer: Keras optimizer; one that is not known is taken for AdamW.
            None stands for the SGD of `train`.
        chunk_size: As of `ArcMarginLayer`.
        dense_update: As of `HeadPlan`.
        devices: As of `HeadPlan`.
    """
    return HeadPlan(
        head.num_classes,
        embedding_dim,
        batch_size,
        sub_centers=head.sub_centers,
        sample_rate=head.sample_rate,
        dense_update=dense_update,
        chunk_size=chunk_size,
        optimizer=_known_name(optimizer),
        precision=_precision(head),
        backend=keras.backend.backend(),
        devices=devices,
        accelerator=on_accelerator(),
    )


def _known_name(optimizer):
    optimizer = getattr(optimizer, "inner_optimizer", optimizer)
    if optimizer is None or getattr(optimizer, "coupled_decay", 0):
        return "coupled_sgd"
    return "sgd" if isinstance(optimizer, keras.optimizers.SGD) else "adamw"


def _precision(head):
    half = head.compute_dtype in ("float16", "bfloat16")
    return f"mixed_{head.compute_dtype}" if half else "float32"
