import keras
import numpy as np
import pytest

from keras_arcface import export
from keras_arcface.export.float32 import policies


def test_float32_model_is_returned_as_it_is(backbone):
    assert export.float32_clone(backbone) is backbone


@pytest.mark.parametrize(
    "name", ["mixed_float16", "mixed_bfloat16", "float16", "float64"]
)
def test_clone_computes_in_float32(make_backbone, policy, images, name):
    policy("float32")
    plain = make_backbone()
    policy(name)
    model = make_backbone()
    clone = export.float32_clone(model)
    assert keras.config.dtype_policy().name == name
    assert policies(clone) == {"float32"}
    assert name in policies(model)
    if name != "float16":  # Which rounds the weights themselves.
        images = images.astype("float32")
        np.testing.assert_allclose(clone(images), plain(images), rtol=1e-5)


def test_nested_model_and_policy_given_to_layers(images):
    inner = keras.Sequential(
        [keras.layers.Dense(4, dtype="mixed_float16")], name="inner"
    )
    x = inputs = keras.Input((24, 24, 3))
    x = keras.layers.GlobalAveragePooling2D()(x)
    model = keras.Model(inputs, inner(x))
    clone = export.float32_clone(model)
    assert policies(clone) == {"float32"}
    np.testing.assert_allclose(
        clone(images.astype("float32")),
        model(images.astype("float32")),
        rtol=0.01,
        atol=0.2,
    )


def test_model_without_config_is_refused(policy):
    class Subclassed(keras.Model):
        def __init__(self, units):
            super().__init__()
            self.dense = keras.layers.Dense(units)

        def call(self, x):
            return self.dense(x[:, 0, 0, :])

    policy("mixed_float16")
    model = Subclassed(4)
    model(np.zeros((1, 24, 24, 3)))
    model.get_config = lambda: {}
    with pytest.raises(ValueError, match="could not be rebuilt in float32"):
        export.float32_clone(model)
