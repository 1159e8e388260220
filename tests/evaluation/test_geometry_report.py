"""The report of geometry, against naive loops and closed forms."""

import json
import math
import tracemalloc

import numpy as np
import pytest

from keras_arcface.evaluation import angle_statistics
from keras_arcface.evaluation import class_angles
from keras_arcface.evaluation import effective_dimension
from keras_arcface.evaluation import expected_nearest_angle
from keras_arcface.evaluation import geometry_report
from keras_arcface.evaluation import hubness
from keras_arcface.evaluation import nearest_angles

RNG = np.random.default_rng(0)
LABELS = np.sort(RNG.integers(0, 6, 90))[RNG.permutation(90)]
CENTERS = RNG.normal(size=(8, 12)) * RNG.uniform(0.1, 9, size=(8, 1))
EMBEDDINGS = (
    CENTERS[LABELS] / np.linalg.norm(CENTERS[LABELS], axis=1, keepdims=True)
    + 0.3 * RNG.normal(size=(90, 12))
) * RNG.uniform(0.1, 9, size=(90, 1))


def degrees(a, b):
    cosine = a @ b / np.linalg.norm(a) / np.linalg.norm(b)
    return np.degrees(np.arccos(np.clip(cosine, -1, 1)))


def naive():
    unit = [e / np.linalg.norm(e) for e in EMBEDDINGS]
    means = [
        np.mean([u for u, y in zip(unit, LABELS, strict=True) if y == j], 0)
        for j in range(6)
    ]

    def nearest(vectors):
        return [
            min(degrees(a, b) for b in vectors if b is not a) for a in vectors
        ]

    return {
        "intra": [degrees(u, means[y]) for u, y in zip(unit, LABELS)],
        "inter": nearest(means),
        "target": [degrees(u, CENTERS[y]) for u, y in zip(unit, LABELS)],
        "w_ec": [degrees(CENTERS[j], means[j]) for j in range(6)],
        "w_inter": nearest(list(CENTERS)),
    }


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_angle_is_that_of_a_loop(dtype, monkeypatch):
    monkeypatch.setattr(class_angles, "_CHUNK", 11)
    report = geometry_report(
        EMBEDDINGS.astype(dtype), LABELS, CENTERS.astype(dtype)
    )
    expected = naive()
    assert set(report.angles) == set(expected)
    for name, angles in expected.items():
        found = report.angles[name]
        assert found.mean == pytest.approx(np.mean(angles), rel=1e-6), name
        assert found.of == len(angles) == sum(found.counts)
        assert list(found.quantiles.values()) == pytest.approx(
            np.quantile(angles, [0.05, 0.25, 0.5, 0.75, 0.95]), rel=1e-6
        )
        if dtype == "float64":
            assert found.counts == tuple(np.histogram(angles, range(181))[0])
    assert report.intra == report.angles["intra"].mean
    assert report.inter == report.angles["inter"].mean
    assert report.w_ec == report.angles["w_ec"].mean
    assert report.w_inter == report.angles["w_inter"].mean


def test_it_agrees_with_what_measures_one_thing_each():
    report = geometry_report(EMBEDDINGS, LABELS, CENTERS)
    table = angle_statistics(EMBEDDINGS, LABELS, CENTERS)
    assert (report.intra, report.inter, report.w_ec) == (
        table.intra,
        table.inter,
        table.w_ec,
    )
    assert report.w_inter == nearest_angles(CENTERS).mean()
    assert report.hubness == hubness(EMBEDDINGS, LABELS)
    dimension = effective_dimension(EMBEDDINGS)
    assert report.effective_dimension == dimension.centered
    assert report.effective_dimension_uncentered == dimension.uncentered


@pytest.mark.parametrize("n", [2, 3, 8, 40])
def test_a_simplex_is_as_far_apart_as_can_be(n):
    simplex = np.eye(n) - 1 / n
    report = geometry_report(simplex, np.arange(n), simplex, k=1)
    expected = math.degrees(math.acos(-1 / (n - 1)))
    assert report.w_inter == pytest.approx(expected)
    assert report.inter == pytest.approx(expected)
    assert report.w_ec == pytest.approx(0, abs=1e-5)
    assert report.effective_dimension == pytest.approx(n - 1)


def test_random_directions_are_as_far_apart_as_random_ones():
    vectors = np.random.default_rng(1).normal(size=(3000, 24))
    report = geometry_report(vectors, np.arange(3000), vectors)
    random = report.angles["w_inter"].random
    assert random == expected_nearest_angle(3000, 24)
    assert report.w_inter == pytest.approx(random, abs=0.3)
    assert report.effective_dimension == pytest.approx(24, rel=0.02)


def test_sub_centers_take_the_nearest_and_are_no_neighbours():
    centers = np.repeat(CENTERS, 2, axis=0)
    centers[1::2] = RNG.normal(size=(8, 12))
    report = geometry_report(EMBEDDINGS, LABELS, centers, 2)
    to_both = [
        [degrees(e, centers[2 * y + k]) for k in range(2)]
        for e, y in zip(EMBEDDINGS, LABELS, strict=True)
    ]
    assert report.angles["target"].mean == pytest.approx(
        np.min(to_both, axis=1).mean()
    )
    assert report.w_inter == nearest_angles(centers, 2).mean()
    assert report.angles["w_inter"].random == expected_nearest_angle(15, 12)


def test_small_integers_as_labels_do_not_wrap():
    centers = RNG.normal(size=(600, 4))
    labels = np.arange(0, 200, 7)
    every = [
        geometry_report(centers[3 * labels], labels.astype(kind), centers, 3)
        for kind in ("uint8", "int64", "uint64")
    ]
    assert every[0] == every[1] == every[2]
    assert every[0].angles["target"].mean == pytest.approx(0, abs=1e-5)


def test_one_class_has_no_neighbours():
    report = geometry_report(EMBEDDINGS, np.zeros(90, int))
    assert (report.inter, report.w_inter, report.w_ec) == (None, None, None)
    assert set(report.angles) == {"intra"} and 0 < report.intra < 180
    alone = geometry_report(EMBEDDINGS, np.zeros(90, int), CENTERS[:1])
    assert alone.w_inter is None and alone.w_ec > 0


def test_lone_classes_are_told_apart_from_the_others():
    labels = LABELS.copy()
    labels[:3] = [6, 7, 8]
    report = geometry_report(EMBEDDINGS, labels)
    others = geometry_report(EMBEDDINGS[3:], LABELS[3:])
    assert report.lone_classes == 3 and others.lone_classes == 0
    assert report.intra < report.intra_without_lone
    assert report.intra_without_lone == pytest.approx(others.intra)
    assert f"without them {others.intra:.2f}" in report.summary()
    assert geometry_report(EMBEDDINGS[:5], range(5)).intra_without_lone is None


def test_few_embeddings_are_said_to_be_few():
    report = geometry_report(np.eye(5), [0, 0, 1, 1, 2])
    text = "\n".join(report.warnings)
    assert report.hubness is None and "k + 2" in text
    assert "1 of 3 classes have a single" in text and "biased low" in text
    same = geometry_report(np.ones((90, 3)), LABELS)
    assert "one direction" in "\n".join(same.warnings)
    assert same.effective_dimension_uncentered == pytest.approx(1)
    assert "undefined" in same.summary()
    assert same.to_dict()["effective_dimension"] is None


def test_the_text_has_every_number_and_json_too():
    report = geometry_report(EMBEDDINGS, LABELS, CENTERS)
    lines = report.lines()
    assert report.summary() == "\n".join(lines)
    for name in ("Intra", "target angle", "W-EC", "Inter", "W-Inter"):
        assert any(line.startswith(name) for line in lines), name
    assert f"{report.w_inter:.2f}" in report.summary()
    values = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert values["w_ec"] == report.w_ec
    assert values["angles"]["inter"]["random"] > 0
    assert values["hubness"]["k"] == 10


def test_memory_is_that_of_blocks():
    rng = np.random.default_rng(2)
    embeddings = rng.standard_normal((30_000, 64), "float32")
    centers = rng.standard_normal((400_000, 64), "float32")
    labels = rng.integers(0, 2000, 30_000)
    tracemalloc.start()
    report = geometry_report(embeddings, labels, centers, most_cosines=2**23)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert report.angles["w_inter"].of == 2**23 // 400_000
    assert report.angles["inter"].of == 2000
    assert report.hubness.of == math.isqrt(2**23)
    # The blocks take 66 MB; the centres alone 102 MB, a copy of them too.
    assert peak < 90e6


@pytest.mark.parametrize(
    "use, message",
    [
        (lambda: geometry_report(EMBEDDINGS, LABELS / 2), "one integer"),
        (lambda: geometry_report(EMBEDDINGS, LABELS[:4]), "for 90 rows"),
        (lambda: geometry_report(np.empty((0, 3)), []), "one integer"),
        (
            lambda: geometry_report(np.empty((0, 3)), np.empty(0, int)),
            "no embedding",
        ),
        (
            lambda: geometry_report(EMBEDDINGS, LABELS, CENTERS[:3]),
            r"lie in \[0, 3\)",
        ),
        (lambda: geometry_report(EMBEDDINGS, LABELS, CENTERS, 3), "8 rows"),
        (
            lambda: geometry_report(EMBEDDINGS, LABELS, CENTERS[:, :5]),
            "same dim.*5 and 12",
        ),
        (
            lambda: geometry_report(EMBEDDINGS, LABELS, 0 * CENTERS),
            "all zeros",
        ),
        (
            lambda: geometry_report([[1, 2], [-1, -2], [0, 3]], [7, 7, 8]),
            "class 7 cancel out",
        ),
        (lambda: geometry_report(np.ones((9, 1)), np.zeros(9, int)), "two num"),
        (lambda: geometry_report(EMBEDDINGS, LABELS, k=0), "k=0"),
        (
            lambda: geometry_report(EMBEDDINGS, LABELS, most_cosines=0),
            "most_cosines=0",
        ),
    ],
)
def test_what_does_not_fit_is_refused(use, message):
    with pytest.raises(ValueError, match=message):
        use()


@pytest.mark.parametrize(
    "options, message",
    [
        ({"k": "10"}, "positive integers. Received: k='10'"),
        ({"k": 1.5}, "positive integers. Received: k=1.5"),
        ({"k": True}, "positive integers. Received: k=True"),
        ({"most_cosines": "9"}, "most_cosines='9'"),
        ({"most_cosines": 0}, "most_cosines=0"),
    ],
)
def test_limits_are_positive_integers(options, message):
    with pytest.raises(ValueError, match=message):
        geometry_report(np.eye(4), np.arange(4), **options)
