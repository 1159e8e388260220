"""Leave-one-out nearest neighbour."""

import numpy as np
import pytest

from keras_arcface.evaluation import precision_at_1
from keras_arcface.evaluation import retrieval


def naive(embeddings, labels):
    units = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    right, asked = 0, 0
    for i, label in enumerate(labels):
        if sum(labels == label) < 2:
            continue
        others = [j for j in range(len(labels)) if j != i]
        best = max(others, key=lambda j: units[i] @ units[j])
        asked, right = asked + 1, right + (labels[best] == label)
    return right, asked


@pytest.mark.parametrize("chunk", [1, 500, 8_000_000])
def test_equals_a_naive_loop(monkeypatch, chunk):
    monkeypatch.setattr(retrieval, "CHUNK_ELEMENTS", chunk)
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 40, 90)
    centres = rng.normal(size=(40, 8))
    embeddings = centres[labels] + rng.normal(size=(90, 8))
    result = precision_at_1(embeddings, labels)
    assert (result.correct, result.queries) == naive(embeddings, labels)
    assert result.value == result.correct / result.queries
    assert result.lone_queries == 90 - result.queries > 0


def test_by_hand_with_a_lone_class():
    angles = np.radians([0, 10, 11, 90, 100])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    result = precision_at_1(embeddings, [0, 0, 7, 1, 1])
    # 0 finds its mate; 10 finds the lone 11 instead; 90 and 100 are right.
    assert (result.correct, result.queries, result.lone_queries) == (3, 4, 1)


def test_length_of_the_rows_does_not_matter():
    embeddings = np.array([[1.0, 0], [100, 1], [0, 1], [1, 100]])
    assert precision_at_1(embeddings, [0, 0, 1, 1]).value == 1.0


@pytest.mark.parametrize("offset", [0, 2049, 2**24, 2**40])
def test_large_ids_do_not_merge(offset):
    embeddings = np.eye(4)[[0, 0, 1, 1]]
    with pytest.raises(ValueError, match="Every class has one member"):
        precision_at_1(embeddings, np.array([0, 1, 2, 3]) + offset)
    result = precision_at_1(embeddings, np.array([0, 0, 1, 1]) + offset)
    assert result.value == 1.0


def test_a_query_never_finds_itself():
    embeddings = np.eye(3)[[0, 1, 0, 1]] + 0.01
    assert precision_at_1(embeddings, [0, 0, 1, 1]).correct == 0


@pytest.mark.parametrize(
    "labels, message",
    [
        ([0.0, 0.0, 1.0], "above 2\\^24.*float64"),
        ([0, 0], "one integer an image"),
        ([True, True, False], "one integer an image"),
    ],
)
def test_unusable_labels_are_refused(labels, message):
    with pytest.raises(ValueError, match=message):
        precision_at_1(np.eye(3), labels)


def test_useless_rows_are_named():
    embeddings = np.eye(3)
    embeddings[2] = np.nan
    with pytest.raises(ValueError, match="Embedding 2 "):
        precision_at_1(embeddings, [0, 0, 1])
