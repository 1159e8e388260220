import math

import numpy as np
import pytest

from keras_arcface.backbones import IResNet
from keras_arcface.backbones import create_backbone

# Parameters with the frozen scale of the last BN, without BN's statistics;
# then BN's statistics. Measured on arcface_torch.
PUBLISHED = {
    "iresnet18": (24_025_600, 14_720),
    "iresnet34": (34_139_328, 25_856),
    "iresnet50": (43_590_848, 38_144),
    "iresnet100": (65_156_160, 69_632),
    "iresnet200": (118_833_920, 136_064),
}


def sizes(model):
    """(parameters, BN statistics), counted from shapes."""
    moving = [w for w in model.weights if "/moving_" in w.path]
    total = sum(math.prod(w.shape) for w in model.weights)
    statistics = sum(math.prod(w.shape) for w in moving)
    return total - statistics, statistics


@pytest.mark.parametrize("name", PUBLISHED)
def test_parameter_counts(shapes_only, name):
    model = create_backbone(name)
    assert sizes(model) == PUBLISHED[name]
    assert model.count_params() == sum(PUBLISHED[name])
    trainable = sum(math.prod(w.shape) for w in model.trainable_weights)
    assert trainable == PUBLISHED[name][0] - 512


def test_face_ends_as_seven_by_seven(shapes_only):
    model = create_backbone("iresnet18")
    assert model.get_layer("head").input.shape == (None, 7, 7, 512)


def test_last_scale_stays_frozen():
    model = IResNet((1, 1, 1, 1), (32, 32, 3), embedding_dim=8)
    gamma = model.get_layer("head").features.gamma
    assert not gamma.trainable
    model.trainable = False
    model.trainable = True
    assert not gamma.trainable
    assert gamma.path not in [w.path for w in model.trainable_weights]


def test_stride_two_pads_both_sides():
    """arcface_torch's symmetric padding, where Keras' "same" differs."""
    model = IResNet((1, 1, 1, 1), (32, 32, 3), embedding_dim=8)
    conv = model.get_layer("stage1_block1_conv2")
    x = np.zeros((1, 32, 32, 64), "float32")
    x[:, 0, 0] = 1.0
    kernel = np.zeros((3, 3, 64, 64), "float32")
    kernel[1, 1] = 1.0  # The centre: output 0 looks at input 0.
    conv.set_weights([kernel])
    y = conv(model.get_layer("stage1_block1_conv2_pad")(x))
    assert y.shape == (1, 16, 16, 64)
    assert float(y[0, 0, 0, 0]) == 64.0


def test_initial_values_are_those_of_arcface_torch():
    model = IResNet((1, 1, 1, 1), (32, 32, 3), embedding_dim=8)
    kernel = np.array(model.get_layer("stage4_block1_conv2").kernel)
    assert abs(kernel.std() - 0.1) < 1e-3
    np.testing.assert_array_equal(model.get_layer("stem_prelu").alpha, 0.25)
    norm = model.get_layer("stem_bn")
    assert (norm.epsilon, norm.momentum) == (1e-5, 0.9)
