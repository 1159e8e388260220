"""The network of a comparison: a linear head on features, or a backbone."""

from collections.abc import Callable

import keras
import numpy as np

from keras_arcface.backbones import create_backbone
from keras_arcface.backbones.registry import BACKBONES
from keras_arcface.embedding import embed as embed_images
from keras_arcface.layers import freeze_batch_norm
from keras_arcface.pretrained import load_pretrained
from keras_arcface.studies.compare.protocol import Protocol


def make_network(protocol: Protocol, shape: tuple[int, ...]) -> keras.Model:
    """Returns the network that every loss trains, with weights drawn anew.

    On features, a linear layer. On pictures, the backbone by its name; or,
    where the name is a preset's, the trained network and a linear layer.

    Args:
        protocol: Says which backbone, how long an embedding is, and whether
            BatchNormalization is frozen.
        shape: Of an example, `(dim,)` or `(height, width, 3)`.
    """
    if len(shape) == 1:
        return keras.Sequential(
            [keras.Input(shape), _linear(protocol.embedding_dim)]
        )
    if protocol.backbone in BACKBONES:
        network = create_backbone(
            protocol.backbone,
            input_shape=shape,
            embedding_dim=protocol.embedding_dim,
        )
    else:
        trunk = load_pretrained(protocol.backbone)
        top = _linear(protocol.embedding_dim)
        network = keras.Model(trunk.input, top(trunk.output))
    if protocol.batch_norm == "frozen":
        freeze_batch_norm(network)
    return network


def _linear(embedding_dim):
    # Components of variance 1 for inputs of variance 1, as those of a
    # backbone that ends in BatchNormalization: some margins read lengths.
    return keras.layers.Dense(
        embedding_dim,
        kernel_initializer="lecun_normal",
        dtype="float32",
        name="embedding",
    )


def embedding_of(
    network: keras.Model, weights: list[np.ndarray]
) -> Callable[[np.ndarray], np.ndarray]:
    """Returns a function from examples to unit embeddings, float32.

    It keeps the weights: the network may train on, or train something else.

    Args:
        network: Of `make_network`.
        weights: Copies, as `network.get_weights()` gives them.
    """
    if len(network.input_shape) == 2:
        kernel, bias = weights
        return lambda x: unit(x @ kernel + bias)

    def embed(images):
        network.set_weights(weights)
        return embed_images(network, images)

    return embed


def unit(vectors: np.ndarray) -> np.ndarray:
    """Returns vectors of length one, float32, each example flattened."""
    vectors = np.reshape(vectors, (len(vectors), -1)).astype(np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(length, np.float32(1e-12))
