"""Trials: the same for every loss, the same after a kill."""

import numpy as np
import pytest

from keras_arcface.ranges import Choice
from keras_arcface.ranges import Integer
from keras_arcface.ranges import LogUniform
from keras_arcface.studies.compare.searching import Tried
from keras_arcface.studies.compare.searching import settings_at
from keras_arcface.studies.compare.searching import trial_point
from keras_arcface.studies.compare.sobol import MOST_DIMENSIONS
from keras_arcface.studies.compare.sobol import sobol_point

NAMES = ("a", "b", "c")


def test_sobol_points_are_those_of_scipy():
    qmc = pytest.importorskip("scipy.stats.qmc")
    wanted = qmc.Sobol(MOST_DIMENSIONS, scramble=False).random(128)
    points = [sobol_point(index, MOST_DIMENSIONS) for index in range(128)]
    np.testing.assert_array_equal(points, wanted)


@pytest.mark.parametrize("seed", [0, 1, 7])
def test_shifted_points_still_fill_every_stripe(seed):
    points = np.array([sobol_point(i, 4, seed) for i in range(16)])
    for column in points.T:
        assert sorted((column * 16).astype(int)) == list(range(16))
    assert points.min() > 0  # The origin has moved.


def test_sobol_says_for_how_many_settings_it_has_numbers():
    with pytest.raises(ValueError, match="dimensions=99.*at random"):
        sobol_point(0, 99)


@pytest.mark.parametrize("searcher", ["sobol", "random"])
def test_points_depend_on_trial_and_seed_alone(searcher):
    points = [trial_point(searcher, NAMES, trial, 3) for trial in range(20)]
    assert points[7] == trial_point(searcher, NAMES, 7, 3, [Tried((0,), 1.0)])
    assert len(set(points)) == 20
    assert points[0] != trial_point(searcher, NAMES, 0, 4)
    assert all(0 <= u < 1 for point in points for u in point)


def test_nothing_to_choose_is_one_empty_point():
    assert trial_point("sobol", (), 0, 0) == ()


def test_settings_are_in_their_ranges_whatever_the_order():
    space = {
        "scale": LogUniform(1.0, 100.0),
        "kind": Choice(("x", "y")),
        "count": Integer(1, 4),
    }
    point = (0.999, 0.0, 0.5)  # count, kind, scale
    settings = settings_at(point, space)
    assert settings == {"count": 4, "kind": "x", "scale": pytest.approx(10)}
    turned = dict(reversed(space.items()))
    assert settings_at(point, turned) == settings


def test_optuna_looks_back_and_remembers_nothing_else():
    pytest.importorskip("optuna")
    earlier = [
        Tried(trial_point("random", NAMES, trial, 0), value)
        for trial, value in enumerate([0.1, None, *np.linspace(0, 1, 12)])
    ]
    point = trial_point("optuna", NAMES, 14, 0, earlier)
    assert point == trial_point("optuna", NAMES, 14, 0, earlier)
    turned = [t._replace(value=t.value and 1 - t.value) for t in earlier]
    assert point != trial_point("optuna", NAMES, 14, 0, turned)
    assert all(0 <= u < 1 for u in point)
