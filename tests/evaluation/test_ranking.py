"""Retrieval against a loop over queries, hand fractions and PML."""

import json
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest

from keras_arcface.evaluation import precision_at_1
from keras_arcface.evaluation import retrieval_report

RANKING = "keras_arcface.evaluation.ranking"


def classes(seed=0, count=120, dim=8, noise=1.0):
    """Classes of very different sizes, some of one image."""
    rng = np.random.default_rng(seed)
    labels = np.sort(np.floor(25 * rng.random(count) ** 3).astype(int))
    labels[-3:] = [90, 91, 92]
    rng.shuffle(labels)
    centres = rng.normal(size=(100, dim))
    return centres[labels] + noise * rng.normal(size=(count, dim)), labels


def naive(queries, labels, references, others, alone, k=None):
    """Precision@1, R-Precision, MAP@R and CMC@5 by loops."""
    unit = [
        x / np.linalg.norm(x, axis=1, keepdims=True)
        for x in (queries, references)
    ]
    sums, lone = [], 0
    for i, label in enumerate(labels):
        scores = unit[1] @ unit[0][i]
        candidates = [j for j in range(len(others)) if not alone or j != i]
        ranked = sorted(candidates, key=lambda j: -scores[j])
        right = [others[j] == label for j in ranked]
        relevant = sum(right)
        if not relevant:
            lone += 1
            continue
        top = right[: min(relevant, k or relevant)]
        average = sum(
            sum(top[: place + 1]) / (place + 1)
            for place, hit in enumerate(top)
            if hit
        )
        sums.append(
            (right[0], sum(top) / relevant, average / relevant, any(right[:5]))
        )
    return np.mean(sums, axis=0), len(sums), lone


def values(report):
    return (
        report.precision_at_1,
        report.r_precision,
        report.map_at_r,
        report.cmc[5],
    )


@pytest.mark.parametrize("elements", [1, 60, 8_000_000])
@pytest.mark.parametrize("seed", range(2))
def test_images_among_themselves_equal_a_loop(monkeypatch, elements, seed):
    monkeypatch.setattr(f"{RANKING}.LIST_ELEMENTS", elements)
    embeddings, labels = classes(seed)
    report = retrieval_report(embeddings, labels)
    expected, asked, lone = naive(*[embeddings, labels] * 2, alone=True)
    assert values(report) == pytest.approx(expected)
    assert (report.queries, report.lone_queries) == (asked, lone)
    assert lone >= 3
    assert report.k == np.bincount(labels).max() - 1
    assert (report.cut_queries, report.warnings) == (0, ())
    p1 = precision_at_1(embeddings, labels)
    assert report.precision_at_1 == pytest.approx(p1.value)
    assert report.lone_queries == p1.lone_queries


@pytest.mark.parametrize("elements", [1, 8_000_000])
def test_queries_among_references_equal_a_loop(monkeypatch, elements):
    monkeypatch.setattr(f"{RANKING}.LIST_ELEMENTS", elements)
    embeddings, labels = classes()
    split = (embeddings[:50], labels[:50], embeddings[50:], labels[50:])
    report = retrieval_report(*split)
    expected, asked, lone = naive(*split, alone=False)
    assert values(report) == pytest.approx(expected)
    assert (report.queries, report.lone_queries) == (asked, lone)
    assert report.references == 70


def test_by_hand():
    angles = np.radians([0, 10, 30, 42, 33, 90, 200])
    embeddings = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    report = retrieval_report(embeddings, [0, 0, 0, 1, 1, 1, 2])
    # Right ones by rank, R = 2. 0: 10 30. 10: 0, 30. 30: 33x 42x (10 and 0
    # come later). 42: 33, 30x. 33: 30x, 42. 90: 42, 33.
    assert report.precision_at_1 == pytest.approx(4 / 6)
    r = np.array([2, 2, 0, 1, 1, 2]) / 2
    assert report.r_precision == pytest.approx(r.mean())
    average = np.array([1, 1, 0, 1 / 2, 1 / 4, 1])
    assert report.map_at_r == pytest.approx(average.mean())
    assert report.lone_queries == 1 and report.queries == 6
    assert report.cmc == {1: pytest.approx(4 / 6), 5: 1.0}


def test_a_smaller_k_is_a_lower_bound_and_says_so():
    embeddings, labels = classes()
    report = retrieval_report(embeddings, labels, k=3)
    expected, _, _ = naive(*[embeddings, labels] * 2, alone=True, k=3)
    assert values(report) == pytest.approx(expected)
    full = retrieval_report(embeddings, labels)
    assert report.map_at_r < full.map_at_r
    relevant = np.bincount(labels)[labels] - 1
    assert report.cut_queries == (relevant > 3).sum()
    assert "lower bounds" in report.warnings[0]
    assert report.warnings[0] in report.summary()
    json.dumps(report.to_dict(), allow_nan=False)


@pytest.mark.parametrize("offset", [0, 2**24, 2**40])
def test_large_ids_do_not_merge(offset):
    embeddings = np.eye(4)[[0, 0, 1, 1]]
    with pytest.raises(ValueError, match="No query has a reference"):
        retrieval_report(embeddings, np.arange(4) + offset)
    labels = np.array([0, 0, 1, 1]) + offset
    assert retrieval_report(embeddings, labels).map_at_r == 1.0


@pytest.mark.parametrize(
    "arguments, options, message",
    [
        ((np.eye(3), [0.0, 0, 1]), {}, "`query_labels` must hold one integer"),
        ((np.eye(3), [0, 0, 1], np.eye(3)), {}, "Give both `references`"),
        ((np.eye(3), [0, 0, 1]), {"k": 3}, "from 1 to the 2 entries"),
        ((np.eye(3), [0, 0, 1]), {"cmc_ranks": (9,)}, "from 1 to the 2"),
        ((np.eye(3) * 0, [0, 0, 1]), {}, "Embedding 0 is all zeros"),
    ],
)
def test_unusable_arguments_are_refused(arguments, options, message):
    with pytest.raises(ValueError, match=message):
        retrieval_report(*arguments, **options)


def test_average_precision_is_that_of_scikit_learn():
    """AP of the first R alone, times the share of R that they hold."""
    metrics = pytest.importorskip("sklearn.metrics")
    embeddings, labels = classes()
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    cosine = unit @ unit.T
    np.fill_diagonal(cosine, -2)
    average = []
    for row, label in zip(cosine, labels, strict=True):
        relevant = (labels == label).sum() - 1
        first = np.argsort(-row)[:relevant]
        right = labels[first] == label
        if right.any():
            precision = metrics.average_precision_score(right, row[first])
            average.append(precision * right.mean())
        elif relevant:
            average.append(0.0)
    report = retrieval_report(embeddings, labels)
    assert report.map_at_r == pytest.approx(np.mean(average))


PML = """
import json, sys, numpy as np, torch
from pytorch_metric_learning.utils.accuracy_calculator import AccuracyCalculator
from pytorch_metric_learning.utils.inference import CustomKNN
from pytorch_metric_learning.distances import CosineSimilarity
data = np.load(sys.argv[1])
names = ("precision_at_1", "r_precision", "mean_average_precision_at_r")
calculator = AccuracyCalculator(
    include=names, k="max_bin_count", device=torch.device("cpu"),
    knn_func=CustomKNN(CosineSimilarity()),
)
found = calculator.get_accuracy(
    torch.tensor(data["embeddings"]), torch.tensor(data["labels"]),
)
print(json.dumps([float(found[name]) for name in names]))
"""


@pytest.mark.slow
def test_values_are_those_of_pytorch_metric_learning(tmp_path):
    """In a process of its own: torch beside TensorFlow is heavy."""
    from importlib.util import find_spec

    if find_spec("pytorch_metric_learning") is None:
        pytest.skip("pytorch-metric-learning is not installed")
    embeddings, labels = classes(noise=0.7)
    embeddings = embeddings.astype(np.float32)
    np.savez(tmp_path / "data.npz", embeddings=embeddings, labels=labels)
    done = subprocess.run(
        [sys.executable, "-c", PML, str(tmp_path / "data.npz")],
        capture_output=True,
        text=True,
        check=True,
    )
    report = retrieval_report(embeddings, labels)
    assert values(report)[:3] == pytest.approx(
        json.loads(done.stdout.splitlines()[-1]), abs=1e-6
    )


def test_memory_is_not_that_of_all_similarities(monkeypatch):
    search = "keras_arcface.evaluation.search"
    monkeypatch.setattr(f"{search}.BLOCK_ELEMENTS", 50_000)
    monkeypatch.setattr(f"{search}.BLOCK_COLUMNS", 256)
    monkeypatch.setattr(f"{RANKING}.LIST_ELEMENTS", 50_000)
    embeddings, labels = classes(count=3000)
    tracemalloc.start()
    try:
        retrieval_report(embeddings, labels)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 4 * 3000**2 / 4
