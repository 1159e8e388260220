"""Angles of class centres and embeddings, against naive loops."""

import golden
import numpy as np
import pytest

from keras_arcface.evaluation import angle_statistics
from keras_arcface.evaluation import angles
from keras_arcface.evaluation import class_means
from keras_arcface.evaluation import expected_nearest_angle
from keras_arcface.evaluation import histogram_quantiles
from keras_arcface.evaluation import nearest_angles

RNG = np.random.default_rng(0)
CENTERS = RNG.normal(size=(12, 6)) * RNG.uniform(0.1, 9.0, size=(12, 1))
EMBEDDINGS = RNG.normal(size=(40, 6)) * RNG.uniform(0.1, 9.0, size=(40, 1))
LABELS = RNG.integers(0, 4, 40)


def degrees(a, b):
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def naive_nearest(vectors, group_size=1):
    return [
        min(
            degrees(a, b)
            for j, b in enumerate(vectors)
            if i // group_size != j // group_size
        )
        for i, a in enumerate(vectors)
    ]


def test_w_inter_of_the_golden_centers():
    mean = nearest_angles(golden.CENTERS).mean()
    assert abs(mean - 50.105755873101856) < 1e-10


@pytest.mark.parametrize("group_size", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nearest_angles_are_those_of_a_loop(group_size, dtype, monkeypatch):
    monkeypatch.setattr(angles, "_ROWS", 5)
    monkeypatch.setattr(angles, "_OTHERS", 4)
    vectors = CENTERS.astype(dtype)
    np.testing.assert_allclose(
        nearest_angles(vectors, group_size),
        naive_nearest(vectors.astype("float64"), group_size),
        rtol=1e-9,
    )


def test_a_sample_looks_among_all_vectors():
    every = nearest_angles(CENTERS)
    some = nearest_angles(CENTERS, most=5, seed=3)
    assert len(some) == 5
    assert set(np.round(some, 9)) <= set(np.round(every, 9))
    np.testing.assert_array_equal(some, nearest_angles(CENTERS, most=5, seed=3))
    np.testing.assert_array_equal(every, nearest_angles(CENTERS, most=50))


def test_equal_and_opposite_vectors_are_exact():
    vectors = np.array([[1, 2, 3], [2, 4, 6], [-1, -2, -3]], "float32")
    np.testing.assert_allclose(nearest_angles(vectors), [0, 0, 180], atol=1e-5)


def test_class_means_are_of_unit_embeddings_of_classes_that_are_there():
    labels = LABELS * 5
    means, classes = class_means(EMBEDDINGS, labels)
    assert classes.tolist() == [0, 5, 10, 15]
    for mean, label in zip(means, classes, strict=True):
        rows = EMBEDDINGS[labels == label]
        expected = np.mean([row / np.linalg.norm(row) for row in rows], axis=0)
        np.testing.assert_allclose(mean, expected, rtol=1e-12)


@pytest.mark.parametrize("sub_centers", [1, 3])
def test_the_statistics_of_table_3_are_those_of_loops(sub_centers):
    centers = CENTERS[: 4 * sub_centers]
    result = angle_statistics(EMBEDDINGS, LABELS, centers, sub_centers)
    means = [
        np.mean(
            [
                row / np.linalg.norm(row)
                for row, label in zip(EMBEDDINGS, LABELS, strict=True)
                if label == j
            ],
            axis=0,
        )
        for j in range(4)
    ]
    intra = np.mean(
        [degrees(x, means[y]) for x, y in zip(EMBEDDINGS, LABELS, strict=True)]
    )
    w_ec = np.mean(
        [
            min(
                degrees(center, mean)
                for center in centers[j * sub_centers : (j + 1) * sub_centers]
            )
            for j, mean in enumerate(means)
        ]
    )
    assert result.classes == 4
    np.testing.assert_allclose(result.intra, intra, rtol=1e-9)
    np.testing.assert_allclose(result.inter, np.mean(naive_nearest(means)))
    np.testing.assert_allclose(result.w_ec, w_ec, rtol=1e-9)


def test_one_class_and_no_centers_leave_their_angles_out():
    result = angle_statistics(EMBEDDINGS, np.zeros(40, int))
    assert result.inter is None and result.w_ec is None
    assert 0 < result.intra < 180


def test_random_centers_are_as_far_apart_as_expected():
    vectors = np.random.default_rng(1).normal(size=(2000, 32))
    measured = nearest_angles(vectors).mean()
    assert abs(measured - expected_nearest_angle(2000, 32)) < 0.3


def test_two_points_on_a_circle_or_a_sphere_are_90_degrees_apart():
    for dim in (2, 3, 512):
        assert abs(expected_nearest_angle(2, dim) - 90) < 1e-6


def test_the_formula_of_the_paper():
    limits = [
        round(expected_nearest_angle(10**power, 512, limit=True), 2)
        for power in range(4, 9)
    ]
    assert limits == [55.72, 55.22, 54.72, 54.23, 53.75]


def test_quantiles_of_a_histogram_are_within_a_bin_of_the_values():
    values = np.concatenate([RNG.normal(40, 3, 500), RNG.normal(90, 5, 500)])
    edges = np.arange(181)
    counts, _ = np.histogram(values, edges)
    shares = [0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0]
    found = histogram_quantiles(counts, edges, shares)
    expected = np.quantile(values, shares)
    away = np.abs(found - expected)
    # The median lies in the gap between the two hills.
    assert (np.delete(away, 3) < 1).all()
    assert values[values < 60].max() - 1 < found[3] < values[values > 60].min()
    assert np.isnan(histogram_quantiles(np.zeros(180), edges, shares)).all()


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: nearest_angles(CENTERS[:1]), "two or more groups"),
        (lambda: nearest_angles(CENTERS, 5), "12 rows, group_size=5"),
        (lambda: nearest_angles(np.zeros((3, 2))), "all zeros"),
        (lambda: class_means(EMBEDDINGS, LABELS[:3]), "of each embedding"),
        (lambda: class_means(EMBEDDINGS, LABELS + 0.5), "float64"),
        (
            lambda: angle_statistics(EMBEDDINGS, LABELS, CENTERS[:3]),
            r"lie in \[0, 3\)",
        ),
        (lambda: expected_nearest_angle(1, 3), "at least 2"),
        (lambda: histogram_quantiles([1], [1], [0.5]), "one more than"),
    ],
)
def test_geometry_says_what_is_wrong(use, message):
    with pytest.raises(ValueError, match=message):
        use()
