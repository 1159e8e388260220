import inspect

import keras
import numpy as np
import pytest

from keras_arcface.layers.embedding_heads import HEADS
from keras_arcface.layers.embedding_heads import embedding_head

EVERY_HEAD = [*HEADS, "GDC pointwise"]
every_head = pytest.mark.parametrize("kind", EVERY_HEAD)


def build(kind, **kwargs):
    name, *pointwise = kind.split()
    if pointwise:
        kwargs["pointwise"] = True
    return embedding_head(name, 8, dropout=0.5, **kwargs)


def feature_map():
    random = np.random.default_rng(0)
    return random.normal(size=(4, 3, 5, 16)).astype("float32")


@every_head
def test_float32_output_symbolic_and_eager(kind, policy):
    head = build(kind)
    symbolic = head(keras.KerasTensor((None, 3, 5, 16)))
    eager = head(feature_map(), training=True)
    assert symbolic.dtype == "float32"
    assert keras.backend.standardize_dtype(eager.dtype) == "float32"
    assert symbolic.shape == (None, 8)
    assert eager.shape == (4, 8)
    assert head.dense.compute_dtype == "float32"
    assert head.features.compute_dtype == "float32"


@every_head
def test_config_covers_every_argument(kind):
    head = build(kind)
    arguments = set(inspect.signature(type(head).__init__).parameters)
    config = head.get_config()
    assert arguments - {"self", "kwargs"} <= set(config)
    assert type(head).from_config(config).get_config() == config


@every_head
def test_dropout_only_while_training(kind):
    head = build(kind)
    x = feature_map()
    np.testing.assert_array_equal(head(x), head(x))
    assert not np.array_equal(head(x, training=True), head(x, training=True))


def test_names_in_the_error():
    with pytest.raises(ValueError, match="'E', 'GDC', 'GAP'.*head='F'"):
        embedding_head("F")


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        # BN 2c; dense 15c * 8 + 8; BN 2 * 8.
        ("E", 2 * 16 + 15 * 16 * 8 + 8 + 16),
        ("GDC", 15 * 16 + 2 * 16 + 16 * 8 + 16),
        ("GDC pointwise", 15 * 16 + 4 * 16 + 16 * 16 + 16 * 8 + 16),
        ("GAP", 16 * 8 + 16),
    ],
)
def test_parameters(kind, parameters):
    head = build(kind)
    head.build((None, 3, 5, 16))
    moving = [w for w in head.weights if "moving_" in w.path]
    counted = head.count_params() - sum(int(np.prod(w.shape)) for w in moving)
    assert counted == parameters
