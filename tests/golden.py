"""The golden example of the formulas: four samples, five classes, float64."""

import numpy as np

CENTERS = np.array(
    [[1, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1], [1, -1, 1, -1], [-1, 2, 0, 1]],
    "float64",
)
EMBEDDINGS = np.array(
    [[3, 1, 0, 0], [1, 1, 1, 1], [12, 16, 15, 20], [-30, 30, -29, 30]],
    "float64",
)
LABELS = np.arange(4, dtype="int32")


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


COSINE = unit(EMBEDDINGS) @ unit(CENTERS).T
TARGET = COSINE[LABELS, LABELS]

# name: (margin arguments, penalised targets of rows 0 to 3, mean loss at 64)
ARCFACE_HEAD = [0.6809402521, 0.0235965853, 0.7777519763]
ARCFACE = {
    "raw": (ARCFACE_HEAD + [-0.8844669420], 42.9572403390),
    "linear": (ARCFACE_HEAD + [-1.2396068614], 48.6394790487),
    "easy": (ARCFACE_HEAD + [-0.9998940921], 44.8040747399),
    "reflect": (ARCFACE_HEAD + [-1.1155330580], 46.6542981934),
    "clamp": (ARCFACE_HEAD + [-0.99999], 44.8056092661),
}
COSFACE_TARGET = [0.5986832981, 0.15, 0.6338946999, -1.3498940921]
COSFACE_LOSS = 48.9383791651
NORM_SOFTMAX_LOSS = 37.1706366205

# dL / d(target cosine) of ArcFace raw, mean over the batch, scale 64.
EXACT_GRADIENT = [-1.5926726446, -18.4700644106, -3.0965e-6, 512.9791460272]
STRAIGHT_THROUGH_GRADIENT = [-0.6877243055, -16.0, -8.8056e-7, -16.0]


def cross_entropy(logits, labels):
    logits = logits - logits.max(1, keepdims=True)
    rows = np.arange(len(labels))
    return np.log(np.exp(logits).sum(1)) - logits[rows, labels]


def gradient(function, *inputs):
    """Gradient of a scalar function of arrays, on whatever backend runs."""
    import keras

    if keras.backend.backend() == "jax":
        import jax

        numbers = tuple(range(len(inputs)))
        grads = jax.grad(function, argnums=numbers)(
            *map(jax.numpy.asarray, inputs)
        )
        return [np.asarray(g) for g in grads]
    import tensorflow as tf

    tensors = [tf.convert_to_tensor(x) for x in inputs]
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        value = function(*tensors)
    return [
        tf.convert_to_tensor(g).numpy() for g in tape.gradient(value, tensors)
    ]
