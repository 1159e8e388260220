"""Ours against pytorch-metric-learning 2.9; see tests/parity/run."""

import cases
import comparison
import deviations
import pytest

pytestmark = comparison.needs_originals

if comparison.folder():
    import ours

    RECORDS, _, FACTS = comparison.load("pml")
    CASES = cases.make()
    OURS = ours.pml()
else:
    RECORDS, CASES, OURS, FACTS = {}, {}, {}, {}


def test_every_loss_is_compared():
    assert {loss for loss, _ in RECORDS} == set(OURS)


@pytest.mark.parametrize(("loss", "case"), sorted(RECORDS))
def test_a_loss_agrees_or_deviates_as_declared(loss, case):
    comparison.check(
        "pml", loss, case, RECORDS[loss, case], OURS[loss](**CASES[case])
    )


@pytest.mark.parametrize(
    "loss", sorted(loss for loss, case in RECORDS if case == "float16")
)
def test_half_precision_is_computed_in_float32(loss):
    comparison.check_half(
        OURS[loss](**CASES["float16"]), OURS[loss](**CASES["ordinary"])
    )


def test_its_other_defects_are_still_there():
    expected = {fact.name: fact.theirs for fact in deviations.FACTS}
    assert set(FACTS) == set(expected)
    for name, value in FACTS.items():
        assert value == (
            pytest.approx(expected[name], abs=1e-6)
            if isinstance(value, float)
            else expected[name]
        )


def test_ours_has_not_these_defects():
    expected = {
        fact.name: pytest.approx(fact.ours, abs=1e-6)
        for fact in deviations.FACTS
        if fact.ours is not None
    }
    assert ours.facts() == expected
