"""Distances between every query and every reference, at least in float32.

Each is a pure function of embeddings `(batch, dim)` and `(references, dim)` to
a matrix `(batch, references)`. Gradients are finite everywhere: between equal
embeddings, where a distance has no direction, they are zero.
"""

import keras
from keras import ops

from keras_arcface import numerics
from keras_arcface.margins.checks import check_choice


def squared_euclidean(query, reference):
    """Returns |q|^2 + |r|^2 - 2 q.r, never below zero; does not normalise."""
    query = numerics.at_least_float32(query)
    reference = numerics.at_least_float32(reference)
    query_square = ops.sum(ops.square(query), axis=1, keepdims=True)
    reference_square = ops.sum(ops.square(reference), axis=1)
    product = ops.matmul(query, ops.transpose(reference))
    return ops.relu(query_square + reference_square - 2.0 * product)


def euclidean(query, reference):
    """Returns |q - r|; does not normalise."""
    square = squared_euclidean(query, reference)
    # "Equal" rather than "apart": a NaN must stay one.
    equal = square <= 0
    return ops.where(equal, 0.0, ops.sqrt(ops.where(equal, 1.0, square)))


def cosine_distance(query, reference):
    """Returns 1 - cosine, in [0, 2]."""
    return ops.relu(1.0 - numerics.cosine_matrix(query, reference))


def unit_squared_euclidean(query, reference):
    """Returns the squared distance on the unit sphere, in [0, 4]."""
    return squared_euclidean(numerics.unit(query), numerics.unit(reference))


def unit_euclidean(query, reference):
    """Returns the length of the chord on the unit sphere, in [0, 2]."""
    return euclidean(numerics.unit(query), numerics.unit(reference))


def angular(query, reference):
    """Returns the angle in radians, in [0, pi]."""
    return numerics.angle(numerics.cosine_matrix(query, reference))


def signal_to_noise(query, reference):
    """Returns var(q - r) / var(q): the noise a pair adds to its anchor.

    Variances over the dimensions of unit embeddings. An anchor without
    variance, such as a zero vector, is at distance 0 of everything.
    """
    query, reference = _centered(query), _centered(reference)
    noise = squared_euclidean(query, reference)
    signal = ops.sum(ops.square(query), axis=1, keepdims=True)
    no_signal = signal <= 1e-12
    ratio = noise / ops.where(no_signal, 1.0, signal)
    return ops.where(no_signal, 0.0, ratio)


def _centered(embeddings):
    embeddings = numerics.unit(embeddings)
    return embeddings - ops.mean(embeddings, axis=1, keepdims=True)


# All on the unit sphere: what our own losses and miners take by name.
ON_THE_SPHERE = {
    "euclidean": unit_euclidean,
    "squared_euclidean": unit_squared_euclidean,
    "cosine": cosine_distance,
    "angle": angular,
}

# The names of TensorFlow Addons, whose "angular" is 1 - cosine.
OF_ADDONS = {
    "L2": euclidean,
    "squared-L2": squared_euclidean,
    "angular": cosine_distance,
}


def check_distance(distance):
    """Returns the name of a distance on the sphere, if it is one."""
    return check_choice("distance", distance, tuple(ON_THE_SPHERE))


def get_metric(distance_metric):
    """Returns a metric's name or function, as it stands in a loss.

    Args:
        distance_metric: One of `"L2"`, `"squared-L2"`, `"angular"`; a function
            of embeddings `(batch, dim)` to distances `(batch, batch)`; or what
            `serialize_metric` made of one.
    """
    if isinstance(distance_metric, dict):
        return keras.saving.deserialize_keras_object(distance_metric)
    if callable(distance_metric):
        return distance_metric
    return check_choice("distance_metric", distance_metric, tuple(OF_ADDONS))


def serialize_metric(distance_metric):
    """Returns a metric's name, or the configuration of its function."""
    if callable(distance_metric):
        return keras.saving.serialize_keras_object(distance_metric)
    return distance_metric


def metric_matrix(distance_metric, query, reference):
    """Returns the distances of a metric of `get_metric`."""
    query = numerics.at_least_float32(query)
    reference = numerics.at_least_float32(reference)
    if not callable(distance_metric):
        return OF_ADDONS[distance_metric](query, reference)
    if query is reference:
        return distance_metric(query)
    # A function of one batch: of both sides together, take the corner.
    together = ops.concatenate([query, reference], axis=0)
    first = ops.shape(query)[0]
    return distance_metric(together)[:first, first:]
