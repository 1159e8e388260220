"""The paper's figures draw what its formulas and the measurements say."""

import numpy as np
import pytest

from keras_arcface import margins
from keras_arcface.evaluation import histogram_quantiles
from keras_arcface.plots import plot_angles
from keras_arcface.plots import plot_decision_boundaries
from keras_arcface.plots import plot_target_angles
from keras_arcface.plots import plot_target_logits

DEGREES = np.linspace(20, 100, 81)
COSINE = np.cos(np.radians(DEGREES))
CURVES = {
    "softmax": COSINE,
    "ArcFace 0.5": np.cos(np.radians(DEGREES) + 0.5),
    "CosFace 0.35": COSINE - 0.35,
}


def epoch(number, middle):
    angles = np.random.default_rng(number).normal(middle, 6, 3000)
    counts, _ = np.histogram(angles, range(181))
    return {"epoch": number, "target_angle_counts": counts.tolist()}


ROWS = [epoch(n, 90 - 6 * n) for n in range(1, 10)]
ROWS.insert(4, {"epoch": 77, "target_angle_counts": [0] * 180})


def lines_of(axis):
    return {line.get_label(): line for line in axis.get_lines()}


def test_target_logits_are_the_arrays_that_were_given(tmp_path, drawings):
    plot_target_logits(DEGREES.tolist(), CURVES, tmp_path / "a.svg")
    axis = drawings[0].axes[0]
    lines = lines_of(axis)
    for name, curve in CURVES.items():
        np.testing.assert_array_equal(lines[name].get_xdata(), DEGREES)
        np.testing.assert_array_equal(lines[name].get_ydata(), curve)
    assert axis.get_xlim() == (20, 100)
    looks = {(x.get_color(), x.get_linestyle()) for x in lines.values()}
    assert len(looks) == 4  # Three margins and zero.


def test_a_gap_stays_a_gap(tmp_path, drawings):
    curve = np.where(DEGREES < 50, np.nan, COSINE)
    plot_target_logits(DEGREES, {"half": curve}, tmp_path / "a.png")
    drawn = lines_of(drawings[0].axes[0])["half"].get_ydata()
    np.testing.assert_array_equal(drawn, curve)


@pytest.mark.parametrize(
    "degrees, curves, message",
    [
        (DEGREES, {}, "at least one margin"),
        (DEGREES, {"a": COSINE[1:]}, r"'a'.* 81 angles.*\(80,\)"),
        (DEGREES, {"a": np.full(81, np.nan)}, "target logit for each"),
        (DEGREES[::-1], {"a": COSINE}, "rising angles"),
        (2 * DEGREES, {"a": COSINE}, r"in \[0, 180\]"),
        ([30], {"a": [1]}, "two or more"),
    ],
)
def test_curves_that_do_not_fit_are_refused(degrees, curves, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot_target_logits(degrees, curves, tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_target_angles_are_shares_of_the_chosen_epochs(tmp_path, drawings):
    plot_target_angles(ROWS, tmp_path / "a.png", most=3)
    axis = drawings[0].axes[0]
    assert len(axis.patches) == 3
    for patch, number in zip(axis.patches, (1, 5, 9), strict=True):
        row = next(row for row in ROWS if row["epoch"] == number)
        counts = np.array(row["target_angle_counts"])
        values, edges, _ = patch.get_data()
        np.testing.assert_allclose(values, 100 * counts / counts.sum())
        np.testing.assert_array_equal(edges, np.arange(181))
        median = histogram_quantiles(counts, np.arange(181), [0.5])[0]
        expected = f"epoch {number} (median {median:.0f}°)"
        assert patch.get_label() == expected


def test_one_epoch_is_enough_and_none_is_refused(tmp_path, drawings):
    plot_target_angles(ROWS[:1], tmp_path / "one.png")
    assert len(drawings[0].axes[0].patches) == 1
    for rows in ([], [ROWS[4]], [{"epoch": 1, "w_inter": 70.0}]):
        with pytest.raises(ValueError, match="target_angle_counts"):
            plot_target_angles(rows, tmp_path / "none.png")
    with pytest.raises(ValueError, match="at least 2. Received: 1"):
        plot_target_angles(ROWS, tmp_path / "none.png", most=1)


def test_the_figure_of_a_run_has_the_same_distributions(tmp_path, drawings):
    quantiles = {f"angle_p{q}": 50.0 for q in ("05", "25", "50", "75", "95")}
    plot_angles([{**row, **quantiles} for row in ROWS], tmp_path / "a.png")
    plot_target_angles(ROWS, tmp_path / "b.png", most=3)
    run, alone = (drawing.axes[0].patches for drawing in drawings)
    for left, right in zip(run, alone, strict=True):
        np.testing.assert_array_equal(left.get_data()[0], right.get_data()[0])


def boundaries(drawings, tmp_path, **margins_of):
    plot_decision_boundaries(tmp_path / "b.png", **margins_of)
    return dict(
        zip(
            ("softmax", "SphereFace", "CosFace", "ArcFace"),
            drawings[-1].axes,
            strict=True,
        )
    )


@pytest.mark.parametrize("values", [{}, {"sphereface": 4, "cosface": 0.1}])
def test_boundaries_obey_their_formulas(values, tmp_path, drawings):
    axes = boundaries(drawings, tmp_path, **values)
    sphere = values.get("sphereface", 1.35)
    cosine = values.get("cosface", 0.35)
    target = {
        "softmax": np.cos,
        "SphereFace": lambda theta: np.cos(sphere * theta),
        "CosFace": lambda theta: np.cos(theta) - cosine,
        "ArcFace": lambda theta: np.cos(theta + 0.5),
    }
    for name, axis in axes.items():
        lines = lines_of(axis)
        for label in ("class 1", "class 2"):
            own, other = np.radians(lines[label].get_data())
            if label == "class 2":
                own, other = other, own
            known = np.isfinite(own + other)
            assert known.sum() > 300
            np.testing.assert_allclose(
                target[name](own[known]), np.cos(other[known]), atol=1e-12
            )


def test_boundaries_are_those_of_the_margins(tmp_path, drawings):
    axes = boundaries(drawings, tmp_path)
    layers = {
        "SphereFace": margins.SphereFace(1.35),
        "CosFace": margins.CosFace(0.35),
        "ArcFace": margins.ArcFace(0.5),
    }
    for name, layer in layers.items():
        own, other = np.radians(lines_of(axes[name])["class 1"].get_data())
        # At 0 degrees the margins clip their cosines.
        known = np.isfinite(other) & (own > 0.02)
        target = np.asarray(layer.penalize(np.cos(own[known])))
        np.testing.assert_allclose(target, np.cos(other[known]), atol=1e-5)


def test_the_margin_is_grey_and_nothing_else(tmp_path, drawings):
    axes = boundaries(drawings, tmp_path)

    def grey(axis, point):
        return any(
            path.contains_point(point)
            for area in axis.collections
            for path in area.get_paths()
        )

    for name in ("SphereFace", "CosFace", "ArcFace"):
        assert grey(axes[name], (50, 58)) and grey(axes[name], (58, 50)), name
        assert not grey(axes[name], (10, 80)), name
        assert not grey(axes[name], (80, 10)), name
    # Only that of ArcFace is there near the centre of a class too.
    assert grey(axes["ArcFace"], (1, 20)) and grey(axes["CosFace"], (1, 20))
    assert not grey(axes["SphereFace"], (1, 20))
    for point in ((50, 58), (10, 80), (1, 20)):
        assert not grey(axes["softmax"], point)


def test_softmax_moves_with_the_lengths_of_its_centres(tmp_path, drawings):
    axis = boundaries(drawings, tmp_path)["softmax"]
    for ratio in (0.8, 1.25):
        line = lines_of(axis)[f"|W₁| = {ratio:g} |W₂|"]
        own, other = np.radians(line.get_data())
        known = np.isfinite(other)
        np.testing.assert_allclose(
            ratio * np.cos(own[known]), np.cos(other[known]), atol=1e-12
        )


@pytest.mark.parametrize(
    "values, message",
    [
        ({"arcface": 28.6}, "28.6.*looks like degrees.*0.499"),
        ({"arcface": -0.1}, "arcface"),
        ({"cosface": 1.0}, "cosine units"),
        ({"sphereface": 0.9}, "at least 1"),
        ({"sphereface": float("nan")}, "at least 1"),
    ],
)
def test_margins_that_are_none_are_refused(values, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        plot_decision_boundaries(tmp_path / "b.png", **values)
    assert not list(tmp_path.iterdir())
