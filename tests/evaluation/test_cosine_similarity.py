"""Cosine similarity of pairs by index."""

import numpy as np
import pytest

from keras_arcface import evaluation
from keras_arcface.evaluation import cosine_similarity
from keras_arcface.evaluation import similarity


def rows(dtype=np.float32, shape=(40, 16)):
    return np.random.default_rng(0).normal(size=shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_equals_the_formula_in_float64(dtype, monkeypatch):
    monkeypatch.setattr(similarity, "CHUNK", 7)
    embeddings = rows(dtype)
    left, right = np.random.default_rng(1).integers(0, 40, (2, 30))
    result = cosine_similarity(embeddings, left, right)
    assert result.dtype == np.float64
    for value, i, j in zip(result, left, right, strict=True):
        a, b = embeddings[i].astype("f8"), embeddings[j].astype("f8")
        expected = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
        assert value == pytest.approx(expected, abs=1e-12)


def test_length_of_the_rows_does_not_matter():
    embeddings = rows(np.float64)
    scaled = embeddings * np.geomspace(1e-20, 1e20, 40)[:, None]
    left, right = np.arange(20), np.arange(20, 40)
    np.testing.assert_allclose(
        cosine_similarity(embeddings, left, right),
        cosine_similarity(scaled, left, right),
        atol=1e-12,
    )


def test_half_precision_neither_overflows_nor_leaves_the_range():
    embeddings = np.full((2, 512), 300, dtype=np.float16)
    assert cosine_similarity(embeddings, [0], [1]) == pytest.approx(1.0)
    same = cosine_similarity(rows(), np.arange(40), np.arange(40))
    assert (same <= 1.0).all() and (same > 1 - 1e-12).all()
    np.testing.assert_array_equal(
        cosine_similarity(np.eye(2), [0, 0], [0, 1]), [1.0, 0.0]
    )


@pytest.mark.parametrize(
    "value, what", [(np.nan, "NaN"), (np.inf, "infinity"), (0, "all zeros")]
)
def test_useless_rows_are_named(value, what):
    embeddings = rows()
    embeddings[11] = value
    with pytest.raises(ValueError, match=f"Embedding 11 .*{what}"):
        cosine_similarity(embeddings, [1, 2], [3, 11])
    assert np.isfinite(cosine_similarity(embeddings, [1, 2], [3, 4])).all()


@pytest.mark.parametrize(
    "embeddings, left, right, message",
    [
        (rows(), [0, 40], [1, 2], "`left`.*0 to 39.*40 at pair 1"),
        (rows(), [0, 1], [-1, 2], "`right`.*-1 at pair 0"),
        (rows(), [0.0], [1], "`left`.*integer"),
        (rows(), [0, 1], [1], "equally long.*2 and 1"),
        (rows()[0], [0], [1], r"shape \(images, dim\)"),
        (rows() + 1j, [0], [1], "real numbers"),
    ],
)
def test_unusable_arguments_are_refused(embeddings, left, right, message):
    with pytest.raises(ValueError, match=message):
        cosine_similarity(embeddings, left, right)


def test_all_pairs_are_those_of_a_double_loop():
    rng = np.random.default_rng(0)
    embeddings, labels = rng.normal(size=(7, 3)), rng.integers(0, 3, 7)
    similarity, is_same = evaluation.all_pairs(embeddings, labels)
    left, right = np.triu_indices(7, k=1)
    np.testing.assert_allclose(
        similarity, evaluation.cosine_similarity(embeddings, left, right)
    )
    np.testing.assert_array_equal(is_same, labels[left] == labels[right])
    with pytest.raises(ValueError, match="identity of each embedding"):
        evaluation.all_pairs(embeddings, labels[:3])
