"""Exact search against a full sort, faiss, and its own promises."""

import numpy as np
import pytest

from keras_arcface.evaluation import ExactIndex
from keras_arcface.evaluation import search_gallery
from keras_arcface.evaluation.top_k import TopK

SEARCH = "keras_arcface.evaluation.search"


def rows(count, dim=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dim))


def naive(probes, gallery, k):
    unit = [
        x / np.linalg.norm(x, axis=1, keepdims=True) for x in (probes, gallery)
    ]
    cosine = unit[0] @ unit[1].T
    order = np.argsort(-cosine, axis=1, kind="stable")[:, :k]
    return np.take_along_axis(cosine, order, 1), order


@pytest.mark.parametrize(
    "elements, columns", [(4_000_000, 1024), (900, 64), (50, 7), (1, 1)]
)
@pytest.mark.parametrize("k", [1, 3, 40, 150])
def test_equals_a_full_sort_whatever_the_blocks(
    monkeypatch, elements, columns, k
):
    monkeypatch.setattr(f"{SEARCH}.BLOCK_ELEMENTS", elements)
    monkeypatch.setattr(f"{SEARCH}.BLOCK_COLUMNS", columns)
    probes, gallery = rows(23), rows(150, seed=1)
    found = search_gallery(probes, gallery, k)
    scores, order = naive(probes, gallery, k)
    np.testing.assert_array_equal(found.indices, order)
    np.testing.assert_allclose(found.scores, scores, atol=1e-6)
    assert found.scores.dtype == np.float32


@pytest.mark.parametrize("k", [1, 4, 17])
@pytest.mark.parametrize("width", [1, 5, 300])
def test_the_first_of_equal_columns_wins(k, width):
    # Few distinct scores, negative ones and both zeros among them.
    rng = np.random.default_rng(k)
    matrix = rng.choice([-1.5, -0.0, 0.0, 0.25, 2.0], (9, 300))
    matrix = matrix.astype(np.float32)
    best = TopK(9, k)
    for start in range(0, 300, width):
        block = np.ascontiguousarray(matrix[:, start : start + width])
        best.update(0, block, start)
    scores, columns = best.result()
    order = np.argsort(-matrix, axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(columns, order)
    np.testing.assert_array_equal(scores, np.take_along_axis(matrix, order, 1))


def test_what_never_came_is_said():
    best = TopK(2, 3)
    block = np.array([[0.5, -np.inf], [0.1, 0.2]], np.float32)
    best.update(0, block, 10)
    scores, columns = best.result()
    assert columns.tolist() == [[10, -1, -1], [11, 10, -1]]
    assert np.isneginf(scores[0, 1:]).all()
    assert np.isneginf(best.least).all()


def test_many_candidates_at_once_are_all_seen():
    """Rising scores: every column is a candidate when it comes."""
    matrix = np.tile(np.arange(5000, dtype=np.float32), (3, 1))
    best = TopK(3, 2)
    best.update(0, matrix, 0)
    assert best.result()[1].tolist() == [[4999, 4998]] * 3


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, int])
def test_any_real_dtype_and_length(dtype):
    probes = np.array([[100, 1], [0, 3]]).astype(dtype)
    gallery = np.array([[0, 1], [2, 0], [3, 3]]).astype(dtype)
    found = search_gallery(probes, gallery, 2)
    assert found.indices.tolist() == [[1, 2], [0, 2]]
    assert found.scores[1].tolist() == pytest.approx([1, np.sqrt(0.5)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_lengths_far_from_one_change_nothing(dtype):
    probes, gallery = rows(5), rows(30, seed=1).astype(dtype)
    scales = np.geomspace(1e-34, 1e38, 30)[:, None].astype(dtype)
    np.testing.assert_array_equal(
        search_gallery(probes, gallery, 6).indices,
        search_gallery(probes, gallery * scales, 6).indices,
    )


def test_unit_rows_are_taken_as_they_are():
    probes, gallery = rows(5), rows(30, seed=1)
    units = gallery / np.linalg.norm(gallery, axis=1, keepdims=True)
    units = units.astype(np.float32)
    index = ExactIndex(units)
    assert np.shares_memory(index.unit_entries(3, 9), units)
    assert not np.shares_memory(ExactIndex(2 * units).unit_entries(3, 9), units)
    found, known = index.search(probes, 30), search_gallery(probes, gallery, 30)
    np.testing.assert_array_equal(found.indices, known.indices)
    np.testing.assert_allclose(found.scores, known.scores, atol=1e-6)


@pytest.mark.parametrize("columns", [4, 1024])
def test_an_excluded_row_is_never_found(monkeypatch, columns):
    monkeypatch.setattr(f"{SEARCH}.BLOCK_COLUMNS", columns)
    gallery = rows(20)
    found = ExactIndex(gallery).search(gallery, 19, excluded=np.arange(20))
    assert not (found.indices == np.arange(20)[:, None]).any()
    assert (np.sort(found.indices, axis=1)[:, 0] >= 0).all()


def test_a_memory_mapped_gallery_is_searched(tmp_path):
    gallery = rows(50).astype(np.float32)
    np.save(tmp_path / "gallery.npy", gallery)
    mapped = np.load(tmp_path / "gallery.npy", mmap_mode="r")
    np.testing.assert_array_equal(
        search_gallery(gallery[:3], mapped, 1).indices, [[0], [1], [2]]
    )


def test_faiss_finds_the_same():
    pytest.importorskip("faiss")
    probes, gallery = rows(20), rows(300, seed=1)
    ours = search_gallery(probes, gallery, 10)
    theirs = search_gallery(probes, gallery, 10, engine="faiss")
    np.testing.assert_array_equal(ours.indices, theirs.indices)
    np.testing.assert_allclose(ours.scores, theirs.scores, atol=1e-6)


def test_without_faiss_the_pip_command_is_given(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "faiss", None)
    with pytest.raises(ImportError, match=r"pip install .*\[search\]"):
        search_gallery(rows(1), rows(2), 1, engine="faiss")


@pytest.mark.parametrize(
    "arguments, message",
    [
        ((rows(2), rows(5), 0), "`k` must be from 1 to the 5 entries"),
        ((rows(2), rows(5), 6), "from 1 to the 5 entries.*Received: 6"),
        ((rows(2), rows(5, dim=3), 1), "same dim. Received: 8 and 3"),
        ((rows(2), rows(5) * 0, 1), "Embedding 0 is all zeros"),
        ((rows(2) * np.nan, rows(5), 1), "Embedding 0 holds NaN"),
        ((rows(2), rows(0), 1), "1 to 4,294,967,295 rows"),
    ],
)
def test_unusable_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        search_gallery(*arguments)
    with pytest.raises(ValueError, match="`engine` must be one of"):
        search_gallery(rows(1), rows(2), 1, engine="annoy")
