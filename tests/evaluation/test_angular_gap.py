import numpy as np
import pytest

from keras_arcface.evaluation import angular_gaps


def on_circle(degrees):
    radians = np.radians(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1)


def test_the_empty_arcs_of_a_circle_also_across_zero():
    degrees = np.array([350, 10, 100, 110, 120, 200, 240])
    labels = np.array([5, 5, 2, 2, 2, 9, 9])
    gaps = angular_gaps(on_circle(degrees), labels, tail=0.0)
    # Centres at 0, 110 and 220; 140 degrees back to the first.
    found = dict(zip(map(tuple, gaps.pairs.tolist()), gaps.raw, strict=True))
    assert found == {
        (2, 5): pytest.approx(90),
        (2, 9): pytest.approx(80),
        (5, 9): pytest.approx(110),
    }
    np.testing.assert_allclose(np.sort(gaps.between), [110, 110, 140])
    np.testing.assert_allclose(gaps.robust, gaps.raw)
    # Classes 2, 5 and 9 to the nearer of their two neighbours.
    np.testing.assert_allclose(gaps.of_classes(), [80, 90, 80])


def test_a_stray_picture_moves_the_raw_gap_alone():
    spread = np.linspace(-10, 10, 201)
    degrees = np.concatenate([spread, 90 + spread])
    labels = np.repeat([0, 1], 201)
    clean = angular_gaps(on_circle(degrees), labels)
    assert clean.raw == pytest.approx([70])
    # 5% of 20 degrees on each side that faces the other.
    assert clean.robust == pytest.approx([72])
    degrees[0] = 60
    gaps = angular_gaps(on_circle(degrees), labels)
    assert gaps.raw[0] == pytest.approx(20, abs=0.5)
    assert gaps.robust[0] == pytest.approx(72, abs=0.5)


def test_classes_that_overlap_have_a_negative_gap():
    degrees = [0, 50, 30, 80]
    assert angular_gaps(on_circle(degrees), [0, 0, 1, 1], 0.0).raw == (
        pytest.approx([-20])
    )


def test_neither_lengths_nor_order_nor_a_turn_matter():
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(4), 30)
    points = rng.normal(0, 0.4, (120, 3)) + 2 * rng.normal(size=(4, 3))[labels]
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(120)
    moved = (points * rng.uniform(0.5, 2, (120, 1)) @ turn)[order]
    one, other = (
        angular_gaps(points, labels),
        angular_gaps(moved, labels[order]),
    )
    np.testing.assert_array_equal(one.pairs, other.pairs)
    np.testing.assert_allclose(one.robust, other.robust)
    np.testing.assert_allclose(one.raw, other.raw)


def test_neighbours_on_a_circle_are_next_to_each_other():
    rng = np.random.default_rng(1)
    degrees = np.arange(8) * 45 + rng.uniform(-15, 15, 8)
    labels = rng.permutation(8)
    pairs = angular_gaps(on_circle(degrees), labels).pairs
    naive = zip(labels, np.roll(labels, -1), strict=True)
    assert {frozenset(pair) for pair in pairs.tolist()} == {
        frozenset(map(int, pair)) for pair in naive
    }


def test_neighbours_on_a_sphere_are_joined_by_an_edge_of_the_octahedron():
    corners = np.concatenate([np.eye(3), -np.eye(3)])
    gaps = angular_gaps(corners, np.arange(6))
    assert len(gaps.pairs) == 12
    assert not any(b - a == 3 for a, b in gaps.pairs)
    np.testing.assert_allclose(gaps.robust, 90)


@pytest.mark.parametrize(
    "embeddings, labels, tail, message",
    [
        (np.eye(2), [0, 0], 0.05, "between two classes"),
        (np.eye(2), [0, 1], 0.5, r"tail. must be in \[0, 0.5\)"),
        (np.ones((2, 2)), [0, 1], 0.0, "same or opposite centres"),
        ([[1, 0], [-1, 0], [0, 1]], [0, 0, 1], 0.0, "cancel"),
    ],
)
def test_mistakes(embeddings, labels, tail, message):
    with pytest.raises(ValueError, match=message):
        angular_gaps(np.asarray(embeddings, float), np.asarray(labels), tail)
