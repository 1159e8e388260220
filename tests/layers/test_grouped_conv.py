import keras
import numpy as np
import pytest

from keras_arcface.layers import GroupedConv2D

IMAGES = np.random.default_rng(0).normal(size=(2, 6, 6, 8)).astype("float32")


@pytest.mark.parametrize("filters", [8, 16])
@pytest.mark.parametrize("padding", ["same", "valid"])
def test_equals_a_convolution_of_each_group(filters, padding):
    layer = GroupedConv2D(filters, 3, groups=4, padding=padding)
    result = np.asarray(layer(IMAGES))
    kernel, bias = layer.get_weights()
    assert kernel.shape == (3, 3, 2, filters)
    each = filters // 4
    parts = []
    for group in range(4):
        plain = keras.layers.Conv2D(each, 3, padding=padding)
        part = IMAGES[..., 2 * group : 2 * group + 2]
        plain.build(part.shape)
        some = slice(each * group, each * (group + 1))
        plain.set_weights([kernel[..., some], bias[some]])
        parts.append(np.asarray(plain(part)))
    np.testing.assert_allclose(result, np.concatenate(parts, -1), atol=1e-5)


def test_config_round_trip_keeps_the_class():
    layer = GroupedConv2D(8, 3, groups=4, use_bias=False, name="grouped")
    config = keras.saving.serialize_keras_object(layer)
    copy = keras.saving.deserialize_keras_object(config)
    assert isinstance(copy, GroupedConv2D)
    assert copy.get_config() == layer.get_config()
