"""Figures of what was judged show the reports' own numbers."""

import matplotlib.colors
import numpy as np
import pytest

from keras_arcface.evaluation import det_curve
from keras_arcface.evaluation import error_versus_reject
from keras_arcface.evaluation import geometry_report
from keras_arcface.evaluation import identification_report
from keras_arcface.evaluation import roc_curve
from keras_arcface.evaluation import wilson_interval
from keras_arcface.plots import plot_cmc
from keras_arcface.plots import plot_det
from keras_arcface.plots import plot_geometry
from keras_arcface.plots import plot_reject_curve
from keras_arcface.plots import plot_roc

RNG = np.random.default_rng(0)
IS_SAME = np.arange(4000) % 2 == 0
SCORES = RNG.normal(2.0 * IS_SAME)
QUALITY = RNG.uniform(size=4000)
LABELS = np.repeat(np.arange(30), 5)
EMBEDDINGS = RNG.normal(size=(30, 16))[LABELS] + RNG.normal(size=(150, 16))


@pytest.fixture(scope="module")
def points():
    return det_curve(SCORES, IS_SAME, fmr_targets=(0.1, 0.01), bootstrap=50)


@pytest.fixture(scope="module")
def report():
    return geometry_report(EMBEDDINGS, LABELS, EMBEDDINGS[::5])


@pytest.fixture(scope="module")
def rejection():
    return error_versus_reject(
        SCORES + QUALITY * IS_SAME, IS_SAME, QUALITY, QUALITY, 1, bootstrap=50
    )


def line(axis, start):
    return next(x for x in axis.get_lines() if x.get_label().startswith(start))


def test_the_roc_is_the_curve(tmp_path, drawings):
    plot_roc({"one": (SCORES, IS_SAME)}, tmp_path / "roc.png")
    _, fmr, fnmr = roc_curve(SCORES, IS_SAME)
    x, y = line(drawings[0].axes[0], "one (AUC").get_data()
    count = np.argmax(fmr == 0) + 1
    np.testing.assert_allclose(y, 1 - fnmr[:count])
    np.testing.assert_allclose(x[:-1], fmr[: count - 1])
    assert x[-1] == 0.5 / 2000  # No error has no place on the axis.


@pytest.mark.parametrize("draw", [plot_roc, plot_det])
def test_operating_points_have_their_intervals(
    draw, points, tmp_path, drawings
):
    curves = {"one": (SCORES, IS_SAME), "two": (-SCORES, ~IS_SAME)}
    draw(curves, tmp_path / "a.png", points={"one": points})
    for axis in drawings[0].axes:
        assert len(axis.containers) == 2
        is_det = axis.get_title() == "DET"
        for bar, point in zip(axis.containers, points.points, strict=True):
            value = point.fnmr if is_det else point.tar
            ends = point.fnmr_interval if is_det else point.tar_interval
            segment = bar.lines[2][0].get_segments()[0]
            np.testing.assert_allclose(segment[:, 0], point.fmr)
            np.testing.assert_allclose(segment[:, 1], ends, rtol=1e-9)
            assert bar.lines[0].get_ydata()[0] == pytest.approx(value)
    assert axis.get_ylim()[0] < min(p.tar_interval[0] for p in points.points)


def test_points_of_nobody_are_refused(points, tmp_path):
    with pytest.raises(ValueError, match="belong.*'two'"):
        plot_roc(
            {"one": (SCORES, IS_SAME)}, tmp_path / "a.png", {"two": points}
        )
    with pytest.raises(ValueError, match="at least one system"):
        plot_roc({}, tmp_path / "a.png")


def test_cmc_of_ranks_counts_them(tmp_path, drawings):
    ranks = np.array([1, 1, 2, 5, 0, 1, 9, 3])
    plot_cmc({"one": ranks}, tmp_path / "cmc.png", max_rank=6)
    axis = drawings[0].axes[0]
    x, y = line(axis, "one (rank-1 37.5%)").get_data()
    assert x.tolist() == [1, 2, 3, 4, 5, 6]
    hits = [3, 4, 5, 5, 6, 6]
    np.testing.assert_allclose(y, np.array(hits) / 8)
    band = axis.collections[0].get_paths()[0].vertices
    for rank, count in zip(x, hits, strict=True):
        ends = band[band[:, 0] == rank, 1]
        np.testing.assert_allclose(
            [ends.min(), ends.max()], wilson_interval(count, 8)
        )


def test_cmc_of_a_report_is_its_own(tmp_path, drawings):
    report = identification_report(
        EMBEDDINGS[1:],
        LABELS[1:],
        EMBEDDINGS[::5],
        LABELS[::5],
        max_rank=12,
        bootstrap=50,
    )
    plain = identification_report(
        EMBEDDINGS, LABELS, EMBEDDINGS[::5], LABELS[::5], bootstrap=0
    )
    plot_cmc({"with": report, "without": plain}, tmp_path / "cmc.png")
    axis = drawings[0].axes[0]
    np.testing.assert_allclose(line(axis, "with (").get_ydata(), report.cmc)
    np.testing.assert_allclose(line(axis, "without").get_ydata(), plain.cmc)
    assert len(axis.collections) == 1
    band = axis.collections[0].get_paths()[0].vertices
    ends = band[band[:, 0] == 3, 1]
    np.testing.assert_allclose(
        sorted({ends.min(), ends.max()}), report.cmc_intervals[2]
    )
    assert axis.get_ylim()[0] < report.cmc_intervals[0][0]


@pytest.mark.parametrize(
    "systems, options, message",
    [
        ({}, {}, "at least one system"),
        ({"a": [1.0, 2.0]}, {}, "'a'.*float64"),
        ({"a": np.empty(0, int)}, {}, "one integer rank"),
        ({"a": [1, -2]}, {}, "ranks from 1.*-2"),
        ({"a": [1]}, {"max_rank": 0}, "at least 1"),
    ],
)
def test_what_has_no_ranks_is_refused(systems, options, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot_cmc(systems, tmp_path / "cmc.png", **options)
    assert not list(tmp_path.iterdir())


def test_rejection_is_the_curve_with_its_interval(
    rejection, tmp_path, drawings
):
    plot_reject_curve({"sharpness": rejection}, tmp_path / "a.png")
    axis = drawings[0].axes[0]
    x, y = line(axis, "sharpness (").get_data()
    assert tuple(x) == rejection.rejected and tuple(y) == rejection.fnmr
    assert tuple(line(axis, "perfect").get_ydata()) == rejection.best
    assert set(line(axis, "a quality that").get_ydata()) == {rejection.fnmr[0]}
    band = axis.collections[0].get_paths()[0].vertices
    ends = band[band[:, 0] == rejection.rejected[4], 1]
    np.testing.assert_allclose([ends.min(), ends.max()], rejection.intervals[4])


def test_rejection_without_intervals_and_without_curves(tmp_path, drawings):
    bare = error_versus_reject(
        SCORES, IS_SAME, QUALITY, QUALITY, 1.0, bootstrap=0
    )
    plot_reject_curve({"a": bare, "b": bare}, tmp_path / "a.png")
    axis = drawings[0].axes[0]
    assert not axis.collections
    assert len(axis.get_lines()) == 4  # Two curves, one pair of references.
    with pytest.raises(ValueError, match="at least one quality"):
        plot_reject_curve({}, tmp_path / "none.png")


def test_geometry_draws_the_counts_of_the_report(report, tmp_path, drawings):
    plot_geometry(report, tmp_path / "a.png")
    nearest, hubs = drawings[0].axes
    for patch, name in zip(nearest.patches, ("inter", "w_inter"), strict=True):
        angles = report.angles[name]
        values, edges, _ = patch.get_data()
        np.testing.assert_allclose(
            values, 100 * np.array(angles.counts) / angles.of
        )
        assert f"mean {angles.mean:.1f}°" in patch.get_label()
        low, high = nearest.get_xlim()
        assert low <= angles.mean <= high and low <= angles.random <= high
    values, edges, _ = hubs.patches[-1].get_data()
    drawn = {
        int(edge + 0.5): int(value)
        for edge, value in zip(edges, values, strict=False)
        if value
    }
    assert drawn == dict(report.hubness.occurrences)
    chance = line(hubs, "by chance").get_ydata()
    assert chance[10] == pytest.approx(150 * 0.12511, rel=1e-4)


def test_geometry_leaves_out_what_is_not_known(tmp_path, drawings):
    one = geometry_report(EMBEDDINGS, np.zeros(150, int))
    plot_geometry(one, tmp_path / "one.png")
    few = geometry_report(EMBEDDINGS[:8], LABELS[:8])
    plot_geometry(few, tmp_path / "few.png")
    assert [len(drawing.axes) for drawing in drawings] == [1, 1]
    neither = geometry_report(EMBEDDINGS[:4], np.zeros(4, int))
    with pytest.raises(ValueError, match="4 embeddings of 1 classes"):
        plot_geometry(neither, tmp_path / "none.png")


def test_a_hub_of_thousands_leaves_the_others_room(tmp_path, drawings):
    star = np.vstack([np.eye(400), np.ones((1, 400))])
    plot_geometry(
        geometry_report(star, np.arange(401), k=1), tmp_path / "a.png"
    )
    assert drawings[0].axes[1].get_xscale() == "symlog"


def test_systems_are_told_apart_in_grey_print(tmp_path, drawings):
    ranks = {str(k): np.arange(1, 9 + k) for k in range(6)}
    plot_cmc(ranks, tmp_path / "a.png")
    looks = {
        (
            line.get_linestyle(),
            round(np.mean(matplotlib.colors.to_rgb(line.get_color())), 2),
        )
        for line in drawings[0].axes[0].get_lines()
    }
    assert len(looks) == 6
