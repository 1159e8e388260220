"""The participation ratio, against eigenvalues and closed forms."""

import numpy as np
import pytest

from keras_arcface.evaluation import dimension
from keras_arcface.evaluation import effective_dimension

RNG = np.random.default_rng(0)


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def ratio(moments):
    values = np.linalg.eigvalsh(moments)
    return values.sum() ** 2 / (values**2).sum()


@pytest.mark.parametrize("dtype", ["float32", "float64", "float16"])
@pytest.mark.parametrize("chunk", [7, 4096])
def test_it_is_that_of_the_eigenvalues(dtype, chunk, monkeypatch):
    monkeypatch.setattr(dimension, "_CHUNK", chunk)
    spread = RNG.normal(size=(60, 8)) * np.linspace(0.2, 2, 8) + 1
    vectors = (spread * RNG.uniform(0.5, 4, (60, 1))).astype(dtype)
    rows = unit(vectors.astype("float64"))
    found = effective_dimension(vectors)
    assert found.centered == pytest.approx(ratio(np.cov(rows.T, ddof=0)))
    assert found.uncentered == pytest.approx(ratio(rows.T @ rows))


def test_gaussian_features_fill_their_dimensions():
    n, dim = 20_000, 32
    found = effective_dimension(RNG.normal(size=(n, dim)))
    # Of n samples 1 / ratio is 1 / dim + 1 / n on average.
    expected = 1 / (1 / dim + 1 / n)
    assert found.centered == pytest.approx(expected, rel=5e-3)
    assert found.uncentered == pytest.approx(expected, rel=5e-3)


def test_some_directions_among_many():
    inside = (
        RNG.normal(size=(5000, 6)) @ np.linalg.qr(RNG.normal(size=(48, 6)))[0].T
    )
    assert effective_dimension(inside).centered == pytest.approx(6, rel=0.02)


def test_orthogonal_vectors_fill_one_dimension_less_around_their_mean():
    found = effective_dimension(np.eye(9) * np.arange(1, 10)[:, None])
    assert found.uncentered == pytest.approx(9)
    assert found.centered == pytest.approx(8)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_one_direction_has_one_dimension_and_no_spread(dtype):
    lengths = RNG.uniform(0.1, 9, (50, 1))
    found = effective_dimension((lengths * [[3.0, 1, 2]]).astype(dtype))
    assert found.uncentered == pytest.approx(1)
    assert np.isnan(found.centered)
    two = effective_dimension([[1.0, 2.0], [-1.0, -2.0]])
    assert two == pytest.approx((1, 1))


def test_a_small_spread_is_not_lost_beside_the_mean():
    near = np.ones(16) + 1e-5 * RNG.normal(size=(4000, 16))
    # On the sphere around the mean there are 15 directions.
    assert effective_dimension(near).centered == pytest.approx(15, rel=0.01)


@pytest.mark.parametrize(
    "embeddings, message",
    [
        (np.empty((0, 4)), "at least one row"),
        (np.zeros((3, 4)), "all zeros"),
        (np.ones(4), r"shape \(images, dim\)"),
    ],
)
def test_what_is_no_embedding_is_refused(embeddings, message):
    with pytest.raises(ValueError, match=message):
        effective_dimension(embeddings)
