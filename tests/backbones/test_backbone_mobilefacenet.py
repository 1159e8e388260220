import math

import pytest

from keras_arcface.backbones import MobileFaceNet
from keras_arcface.backbones import create_backbone


def parameters(model):
    """Parameters without BN's statistics, counted from shapes."""
    return sum(
        math.prod(w.shape) for w in model.weights if "/moving_" not in w.path
    )


@pytest.mark.parametrize(
    ("arguments", "published"),
    [
        ({}, 2_059_520),
        ({"scale": 4, "blocks": (2, 8, 12, 4)}, 6_314_880),
    ],
)
def test_parameters_of_arcface_torch(shapes_only, arguments, published):
    model = MobileFaceNet(**arguments)
    assert parameters(model) == published
    assert parameters(model) == sum(
        math.prod(w.shape) for w in model.trainable_weights
    )


def test_paper_network_has_a_million_parameters(shapes_only):
    model = MobileFaceNet(embedding_dim=128, scale=1)
    assert 0.99e6 < parameters(model) < 1.01e6


def test_sirius_layout(shapes_only):
    model = MobileFaceNet(192, layout="sirius_tf")
    assert model.get_layer("head").input.shape == (None, 7, 7, 512)
    assert model.get_layer("head").pointwise
    names = [layer.name for layer in model.layers]
    assert not [name for name in names if name.endswith("_pad")]


def test_slim_layout(shapes_only):
    model = create_backbone("mobilefacenet_slim", embedding_dim=192)
    assert model.get_layer("head").input.shape == (None, 7, 7, 256)
    assert sum(math.prod(w.shape) for w in model.weights) == 497_216


@pytest.mark.parametrize("head", ["E", "GAP"])
@pytest.mark.parametrize("layout", ["arcface_torch", "sirius_tf", "slim"])
def test_other_heads(shapes_only, head, layout):
    model = MobileFaceNet(64, layout=layout, head=head)
    assert model.output_shape == (None, 64)
