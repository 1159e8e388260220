"""Embeddings of many pictures."""

import numpy as np
from keras import ops

from keras_arcface import numerics
from keras_arcface.utils.console import progress


def embed(backbone, images, batch_size=128, flip=False, verbose=False):
    """Returns the unit embeddings that a backbone gives many pictures.

    See `ArcFaceModel.embed`. The mirrored picture's features are added before
    either is normalised.
    """
    if hasattr(images, "shape"):
        if len(images.shape) != 4:
            raise ValueError(
                "images must have the shape (n, height, width, 3). Received: "
                f"shape={tuple(images.shape)}. For one picture pass "
                "images[None]."
            )
        images = [
            images[start : start + batch_size]
            for start in range(0, len(images), batch_size)
        ]
    batches = progress(images, "Embedding") if verbose else images
    features_of = _features_of(backbone)
    embeddings = [_embed_batch(features_of, batch, flip) for batch in batches]
    if not embeddings:
        return np.zeros((0, backbone.output_shape[-1]), "float32")
    return np.concatenate(embeddings)


def _features_of(backbone):
    """Returns a function from pictures to features, on one device.

    Under `tf.distribute`, Keras's `predict_on_batch` gives every replica the
    whole batch and returns each picture once a replica; with several workers
    it waits for all of them.
    """
    strategy = getattr(backbone, "distribute_strategy", None)
    if getattr(strategy, "num_replicas_in_sync", 1) == 1:
        return backbone.predict_on_batch
    import tensorflow as tf

    return tf.function(
        lambda images: backbone(images, training=False),
        autograph=False,
        reduce_retracing=True,
    )


def _embed_batch(features_of, batch, flip):
    features = features_of(batch)
    if flip:
        features = features + features_of(batch[:, :, ::-1])
    return ops.convert_to_numpy(numerics.unit(features))
