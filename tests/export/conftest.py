import keras
import numpy as np
import pytest

SIZE = 24
DIM = 16


@keras.saving.register_keras_serializable(package="export_tests")
class Halve(keras.layers.Layer):
    def call(self, x):
        return x / 2


class Unregistered(keras.layers.Layer):
    """As users write them: no decorator, a layer inside without a dtype."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.inner = keras.layers.Dense(DIM)

    def build(self, input_shape):
        self.inner.build(input_shape)

    def call(self, x):
        return self.inner(x)


def tiny_backbone(seed=0):
    """Every kind of layer of a mobile backbone, none of its size."""
    keras.utils.set_random_seed(seed)
    layers = keras.layers
    x = images = keras.Input((SIZE, SIZE, 3), name="image")
    x = layers.Rescaling(1 / 127.5, offset=-1.0)(x)
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    x = layers.PReLU(shared_axes=[1, 2])(x)
    x = layers.DepthwiseConv2D(SIZE // 2)(x)
    x = layers.Flatten()(x)
    x = Halve()(x)
    x = Unregistered()(x)
    x = layers.BatchNormalization(dtype="float32")(x)
    model = keras.Model(images, x, name="tiny")
    shake(model, seed)
    return model


def shake(model, seed=0):
    """Gives every weight a value that a training could have left."""
    rng = np.random.default_rng(seed)
    for weight in model.weights:
        value = rng.normal(0.0, 0.2, weight.shape)
        if "variance" in weight.path or "gamma" in weight.path:
            value = 0.5 + np.abs(value)
        weight.assign(value)


@pytest.fixture(scope="session")
def backbone():
    return tiny_backbone()


@pytest.fixture(scope="session")
def images():
    rng = np.random.default_rng(1)
    return rng.integers(0, 256, (9, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="session")
def make_backbone():
    return tiny_backbone


@pytest.fixture
def policy():
    before = keras.config.dtype_policy()
    yield keras.config.set_dtype_policy
    keras.config.set_dtype_policy(before)
