import json

import pytest

from keras_arcface import ranges
from keras_arcface.ranges import Choice
from keras_arcface.ranges import Integer
from keras_arcface.ranges import LogUniform
from keras_arcface.ranges import Uniform

ALL = [
    Uniform(-1.0, 3.0),
    LogUniform(0.01, 100.0),
    Integer(2, 5),
    Choice((None, True, 0.5, "all")),
]


@pytest.mark.parametrize("space", ALL, ids=str)
def test_samples_lie_in_the_range_and_reach_its_ends(space):
    nearly_one = 1.0 - 2.0**-53
    values = [space.sample(u) for u in (0.0, 0.3, 0.7, nearly_one)]
    assert all(space.contains(value) for value in values)
    ends = getattr(space, "options", None) or (space.low, space.high)
    assert values[0] == ends[0]
    if not isinstance(ends[-1], str):
        assert values[-1] == pytest.approx(ends[-1])


def test_a_logarithmic_range_gives_every_factor_the_same_share():
    space = LogUniform(0.01, 100.0)
    middle = [space.sample(u) for u in (0.25, 0.5, 0.75)]
    assert middle == pytest.approx([0.1, 1.0, 10.0])


def test_integers_are_equally_likely_and_choices_too():
    points = [(i + 0.5) / 400 for i in range(400)]
    drawn = [Integer(2, 5).sample(u) for u in points]
    assert [drawn.count(n) for n in (2, 3, 4, 5)] == [100] * 4
    assert all(isinstance(n, int) for n in drawn)
    drawn = [Choice(("a", "b")).sample(u) for u in points]
    assert drawn.count("a") == drawn.count("b") == 200


@pytest.mark.parametrize("space", ALL, ids=str)
def test_json_keeps_a_range(space):
    written = json.loads(json.dumps(space.to_dict()))
    assert ranges.from_dict(written) == space


def test_ranges_differ_by_kind_and_by_bounds():
    assert Uniform(1.0, 2.0) != LogUniform(1.0, 2.0)
    assert Uniform(1.0, 2.0) != Uniform(1.0, 3.0)


@pytest.mark.parametrize("value", [True, "0.5", None, float("nan"), 9.0])
def test_an_interval_contains_numbers_in_it_only(value):
    assert not Uniform(0.0, 1.0).contains(value)
    assert not Integer(0, 4).contains(2.5)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Uniform(1.0, 1.0), "low must be below high"),
        (lambda: Uniform(0.0, float("inf")), "two finite numbers"),
        (lambda: LogUniform(0.0, 1.0), "Use Uniform for ranges with 0"),
        (lambda: Integer(0, 1.5), "two integers"),
        (lambda: Choice((1,)), "two or more"),
        (lambda: Choice(((1, 2), (3, 4))), "two or more"),
        (lambda: Uniform(0.0, 1.0).sample(1.0), r"u must be in \[0, 1\)"),
        (lambda: ranges.from_dict({"kind": "Normal"}), "kind='Normal'"),
    ],
)
def test_mistakes_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
