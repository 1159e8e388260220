"""Every loss of the family takes part in a comparison, with its ranges."""

import keras
import numpy as np
import pytest

from keras_arcface import layers
from keras_arcface import losses
from keras_arcface import margins
from keras_arcface.ranges import Range
from keras_arcface.studies.compare.candidate import CENTERS_RATE
from keras_arcface.studies.compare.candidate import KINDS
from keras_arcface.studies.compare.losses import EXCEPTIONS
from keras_arcface.studies.compare.losses import candidates

CLASSES, DIM = 6, 8
ALL = candidates()
TRAINED = [name for name, candidate in ALL.items() if candidate.trains]


def family():
    """Public losses, margins, heads, terms and miners by name."""
    kinds = (
        margins.Margin,
        losses.Miner,
        losses.CenterTerm,
        losses.EmbeddingHead,
        layers.ArcMarginLayer,
        keras.losses.Loss,
    )
    return {
        name: value
        for room in (margins, losses, layers)
        for name, value in vars(room).items()
        if isinstance(value, type) and issubclass(value, kinds)
    }


def settings_at(candidate, u):
    return {n: space.sample(u) for n, space in candidate.search_space.items()}


def built(name, settings):
    keras.utils.set_random_seed(0)
    counts = np.arange(1, CLASSES + 1)
    return ALL[name].build(settings, CLASSES, DIM, counts)


def batch():
    """Classes of which some lie on each other, with lengths around 3."""
    rng = np.random.default_rng(1)
    centers = np.repeat(rng.normal(size=(CLASSES, DIM)), 6, axis=0)
    x = centers + 0.5 * rng.normal(size=centers.shape)
    return x.astype("float32"), np.repeat(np.arange(CLASSES), 6)


@pytest.mark.parametrize("name, kind", family().items())
def test_every_loss_is_a_candidate_or_an_exception_with_a_reason(name, kind):
    taking_part = {used for c in ALL.values() for used in c.classes}
    assert (kind in taking_part) != (name in EXCEPTIONS)
    assert name not in EXCEPTIONS or len(EXCEPTIONS[name].split()) > 3
    if kind in taking_part:
        assert "search_space" in vars(kind), "declares ranges of its own"


def test_exceptions_exist():
    assert set(EXCEPTIONS) <= set(family())


def test_candidates_are_named_and_of_a_known_kind():
    assert list(ALL)[:3] == ["raw", "untrained", "softmax"]
    for name, candidate in ALL.items():
        assert candidate.name == name
        assert candidate.kind in KINDS
        assert all(
            isinstance(space, Range)
            for space in candidate.search_space.values()
        )
    assert not ALL["raw"].trains and not ALL["raw"].search_space


KINDS_OF_FAMILY = sorted(set(family().values()), key=str)


@pytest.mark.parametrize("kind", KINDS_OF_FAMILY, ids=str)
def test_ranges_hold_the_value_of_the_paper(kind):
    import inspect

    outside = {
        # What the Reality Check's search ended at, rather than the defaults.
        ("ASoftmax", "annealing"), ("TripletSemiHardLoss", "margin"),
    }  # fmt: skip
    default = {
        name: parameter.default
        for name, parameter in inspect.signature(kind).parameters.items()
    }
    for name, space in getattr(kind, "search_space", {}).items():
        value = default.get(name)
        if isinstance(value, (int, float)):
            known = (kind.__name__, name) in outside
            assert space.contains(value) or known, name


@pytest.mark.parametrize("name", TRAINED)
def test_a_graph_of_other_settings_gives_the_same_loss(name):
    """One compiled graph serves all settings: none may be baked into it."""
    candidate, (x, labels) = ALL[name], batch()
    settings = settings_at(candidate, 0.3)
    other = {
        **settings_at(candidate, 0.8),
        **dict(candidate.structure(settings)),
    }
    direct = built(name, settings)
    shared = built(name, other)
    for value, variable in zip(direct.variables, shared.variables, strict=True):
        variable.assign(value)
    own = {
        n: keras.ops.convert_to_tensor(settings[n], "float32")
        for n in candidate.continuous
    }
    with shared.using(own):
        loss = float(shared.loss(x, labels))
    assert np.isfinite(loss)
    assert loss == pytest.approx(float(direct.loss(x, labels)), rel=1e-5)


@pytest.mark.parametrize("name", TRAINED)
def test_every_setting_that_is_searched_changes_the_loss(name):
    candidate, (x, labels) = ALL[name], batch()
    settings = settings_at(candidate, 0.4)
    one = built(name, settings)
    for setting, space in candidate.search_space.items():
        if setting in (CENTERS_RATE, "size"):
            continue  # Of training, and of what earlier batches leave.
        seen = set()
        for u in (0.05, 0.5, 0.95):
            value = space.sample(u)
            if setting in candidate.continuous:
                with one.using({setting: value}):
                    seen.add(float(one.loss(x, labels)))
            else:
                other = built(name, {**settings, setting: value})
                seen.add(float(other.loss(x, labels)))
        assert len(seen) > 1, setting


def test_settings_are_put_back_after_tracing():
    objective = built("arcface", settings_at(ALL["arcface"], 0.5))
    _, head = objective.parts[1]
    before = head.scale
    with pytest.raises(RuntimeError), objective.using({"scale": 3.0}):
        assert head.scale == 3.0
        raise RuntimeError
    assert head.scale == before


@pytest.mark.parametrize(
    "settings, message",
    [
        ({}, r"settings of arcface must be \['centers_rate', 'margin'"),
        (
            {"margin": 0.3, "scale": 1e6, "centers_rate": 1.0},
            "scale of arcface must lie in",
        ),
    ],
)
def test_settings_outside_of_the_search_space_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        ALL["arcface"].build(settings, CLASSES, DIM)


def test_a_baseline_without_a_loss_says_so():
    with pytest.raises(ValueError, match="untrained is a baseline"):
        ALL["untrained"].build({}, CLASSES, DIM)


def test_a_setting_that_no_part_has_is_an_error():
    objective = built("arcface", settings_at(ALL["arcface"], 0.5))
    with pytest.raises(ValueError, match="has a number called 'temperature'"):
        with objective.using({"temperature": 1.0}):
            pass
