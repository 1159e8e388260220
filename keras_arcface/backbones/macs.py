"""How many multiplications a picture takes, counted from the layers."""

import math

import keras

from keras_arcface.layers.embedding_heads import EmbeddingHead

# Each kernel of theirs is used once for every position of their output.
COUNTED = (
    keras.layers.Conv2D,
    keras.layers.DepthwiseConv2D,
    keras.layers.Dense,
    EmbeddingHead,
)


def count_macs(model):
    """Returns the multiply-accumulate operations of one picture.

        sum over convolutions and dense layers of
        (elements of the kernel) * (positions of the output)

    As papers and insightface's tables count: biases, batch normalization,
    activations and additions are left out, padding counts as pixels. A forward
    pass takes 2 floating-point operations for each; a training step three
    times as many (forward, gradient of the inputs, gradient of the kernels).

    Args:
        model: A functional `keras.Model` built for one picture size.

    Returns:
        Int.

    Raises:
        ValueError: for a model of pictures of any size, and for a layer that
            multiplies by its weights and is not known, by name.

    Example:

    >>> from keras_arcface.backbones import MobileFaceNet
    >>> from keras_arcface.backbones import count_macs
    >>> round(count_macs(MobileFaceNet()) / 1e9, 4)
    0.4375
    """
    return sum(_layer_macs(layer) for layer in model.layers)


def _layer_macs(layer):
    if isinstance(layer, keras.Model):
        return count_macs(layer)
    if isinstance(layer, COUNTED):
        return _positions(layer) * sum(
            math.prod(weight.shape)
            for weight in layer.weights
            if weight.path.endswith("kernel")
        )
    if _multiplies_matrices(layer):
        raise ValueError(
            "count_macs does not know how often "
            f"{type(layer).__name__} uses its weights. Known: "
            f"{', '.join(known.__name__ for known in COUNTED)}. "
            f"Received: a model with the layer {layer.name!r}."
        )
    return 0


def _positions(layer):
    """Returns at how many places of a picture a layer is computed."""
    try:
        positions = layer.output.shape[1:-1]
    except AttributeError as error:
        raise ValueError(
            "model must be a functional keras.Model, whose layers know their "
            f"outputs. Received: one whose layer {layer.name!r} does not."
        ) from error
    if None in positions:
        raise ValueError(
            "model must be built for one picture size, such as "
            f"input_shape=(112, 112, 3). Received: {layer.name!r} gives "
            f"{layer.output.shape}."
        )
    return math.prod(positions)


def _multiplies_matrices(layer):
    """Returns whether a weight has two axes; a PReLU's are elementwise."""
    if isinstance(layer, keras.layers.PReLU):
        return False
    return any(
        sum(size > 1 for size in weight.shape) > 1 for weight in layer.weights
    )
