"""Class centres that start where a trained backbone sees their classes."""

import numpy as np

from keras_arcface.training.verification import embed_data


def class_means(backbone, data):
    """Returns where a backbone sees each class.

    Args:
        backbone: `keras.Model`, images to features.
        data: `ImageData`.

    Returns:
        NumPy float32 `(num_classes, embedding_dim)`: the mean of the unit
        embeddings of each class, of unit length.
    """
    embeddings = embed_data(backbone, data)
    means = np.zeros((data.num_classes, embeddings.shape[1]), "float32")
    np.add.at(means, data.labels, embeddings)
    return _unit(means)


def set_class_centers(head, means):
    """Points the class centres of a head to the means of their classes.

    From random centres the first steps of fine-tuning tear at a backbone that
    was right; from these there is little left to correct. All sub-centres of a
    class start at its mean, but for a hundredth of noise, so that they can
    part. The centres have unit length.

    Args:
        head: A built `ArcMarginLayer`.
        means: `(num_classes, embedding_dim)`, as `class_means` returns them.

    Raises:
        ValueError: when there are others than the head has.

    Reference:
    - [Qi et al., 2018, "Low-Shot Learning with Imprinted Weights"](
      https://arxiv.org/abs/1712.07136)
    """
    expected = (head.num_classes, head.class_centers.shape[-1])
    if np.shape(means) != expected:
        raise ValueError(
            "means must have a row for each class of the head, "
            f"{expected}. Received: shape={np.shape(means)}. Make the head "
            "for the data: ArcMarginLayer(data.num_classes)."
        )
    centers = np.repeat(_unit(means), head.sub_centers, axis=0)
    if head.sub_centers > 1:
        noise = np.random.default_rng(0).normal(size=centers.shape)
        centers = _unit(centers + 0.01 * _unit(noise))
    head.class_centers.assign(centers)


def _unit(vectors):
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return (vectors / np.maximum(length, 1e-12)).astype("float32")
