"""k-occurrences against naive loops."""

import json

import numpy as np
import pytest
from scipy import stats
from sklearn.neighbors import NearestNeighbors

from keras_arcface.evaluation import hubness

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(80, 24)) + 0.3
LABELS = RNG.integers(0, 6, 80)


def naive_lists(points, k):
    unit = points / np.linalg.norm(points, axis=1, keepdims=True)
    for i, row in enumerate(unit):
        others = [j for j in range(len(unit)) if j != i]
        yield i, sorted(others, key=lambda j: -(row @ unit[j]))[:k]


@pytest.mark.parametrize("k", [1, 5, 10])
def test_counts_are_those_of_loops(k):
    times = np.zeros(80, int)
    lists = dict(naive_lists(POINTS, k))
    for near in lists.values():
        for j in near:
            times[j] += 1
    found = hubness(POINTS * RNG.uniform(0.1, 9, (80, 1)), LABELS, k)
    worst = int(times.argmax())
    assert found.occurrences == tuple(
        (n, int((times == n).sum())) for n in sorted(set(times.tolist()))
    )
    assert found.skewness == pytest.approx(stats.skew(times))
    assert found.anti_hubs == (times == 0).mean()
    assert (found.worst_hub, found.worst_hub_lists) == (worst, times[worst])
    wrong = np.zeros(80, int)
    for i, near in lists.items():
        for j in near:
            wrong[j] += LABELS[i] != LABELS[j]
    assert found.worst_hub_strangers == wrong[worst]
    assert found.worst_stranger == int(wrong.argmax())
    assert found.worst_stranger_lists == wrong.max()
    assert (found.k, found.of) == (k, 80)


def test_where_every_list_is_of_one_class_there_is_no_stranger():
    found = hubness(POINTS, np.zeros(80, int))
    assert found.worst_stranger is found.worst_stranger_lists is None
    assert found.worst_hub_strangers == 0


def test_scikit_learn_finds_the_same():
    points = RNG.normal(size=(400, 50)).astype("float32")
    search = NearestNeighbors(n_neighbors=10, metric="cosine").fit(points)
    times = np.bincount(
        search.kneighbors(return_distance=False).ravel(), minlength=400
    )
    found = hubness(points)
    assert found.skewness == pytest.approx(stats.skew(times))
    assert found.worst_hub_lists == times.max()
    assert found.worst_stranger is found.worst_stranger_lists is None


def test_every_point_occurs_k_times_on_average():
    found = hubness(POINTS, k=7)
    assert sum(times * many for times, many in found.occurrences) == 7 * 80
    assert sum(many for _, many in found.occurrences) == 80


def test_a_star_has_one_hub_and_no_skewness_is_zero():
    star = hubness(np.vstack([np.eye(30)[1:], np.ones(30)]), k=1)
    assert (star.worst_hub, star.worst_hub_lists) == (29, 29)
    assert star.anti_hubs == pytest.approx(28 / 30) and star.skewness > 4
    turn = 2 * np.pi * np.arange(12) / 12
    circle = hubness(np.stack([np.cos(turn), np.sin(turn)], axis=1), k=2)
    assert circle.occurrences == ((2, 12),) and circle.skewness == 0


def test_many_dimensions_make_hubs_near_the_mean():
    few, many = (
        hubness(1 + np.random.default_rng(1).normal(size=(1500, dim))).skewness
        for dim in (3, 100)
    )
    assert few < 0.5 < 1.5 < many


def test_a_sample_looks_among_itself_and_names_rows_of_all():
    found = hubness(POINTS, LABELS, k=3, most=40, seed=5)
    rows = np.sort(np.random.default_rng(5).choice(80, 40, replace=False))
    alone = hubness(POINTS[rows], LABELS[rows], k=3)
    assert found.of == 40 and found.occurrences == alone.occurrences
    assert found.worst_hub == rows[alone.worst_hub]
    assert found.worst_hub_strangers == alone.worst_hub_strangers
    assert found.worst_stranger == rows[alone.worst_stranger]
    assert found.worst_stranger_lists == alone.worst_stranger_lists


def test_it_is_plain_values():
    text = json.dumps(hubness(POINTS, LABELS).to_dict())
    assert json.loads(text)["occurrences"][0][1] > 0


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: hubness(POINTS, k=0), "from 1 to .* k=0 for 80"),
        (lambda: hubness(POINTS, k=79), "k=79 for 80"),
        (lambda: hubness(POINTS, k=10, most=11), "k=10 for 11"),
        (lambda: hubness(POINTS, LABELS[:9]), "one integer an image"),
        (lambda: hubness(POINTS * (LABELS > 0)[:, None]), "all zeros"),
    ],
)
def test_hubness_says_what_is_wrong(use, message):
    with pytest.raises(ValueError, match=message):
        use()
