"""docs/parity.md says what the code declares; needs no originals."""

import comparison
import deviations
import numpy as np
import pytest
import table

PAGE = table.DOCUMENT.read_text(encoding="utf-8")


def test_the_page_lists_the_declared_deviations():
    assert table.deviations_section() in PAGE, "run tests/parity/table.py"


def test_the_page_describes_the_cases():
    assert table.cases_section() in PAGE, "run tests/parity/table.py"


def test_every_loss_with_a_deviation_is_in_the_table():
    for deviation in deviations.DEVIATIONS:
        for loss in deviation.losses:
            assert f"\n| `{loss}` |" in PAGE


def test_no_deviation_is_declared_twice():
    seen = set()
    for deviation in deviations.DEVIATIONS:
        for loss in deviation.losses:
            for case in deviation.cases:
                key = (deviation.original, loss, case)
                assert key not in seen
                seen.add(key)


def arrays(value):
    return {"value": np.array(value), "gradient": np.zeros((2, 2))}


def test_an_undeclared_difference_fails():
    with pytest.raises(AssertionError, match="differs by"):
        comparison.check("pml", "NTXentLoss", "unit", arrays(1), arrays(1.1))


def test_a_declared_deviation_that_agrees_fails():
    lost = "LiftedStructLoss", "same_class"
    with pytest.raises(AssertionError, match="declared to deviate"):
        comparison.check("tfa", *lost, arrays(0), arrays(0))


def test_a_deviation_other_than_the_declared_fails():
    lost = "TripletHardLoss(L2)", "same_class"
    with pytest.raises(AssertionError, match="ours: value should be zero"):
        comparison.check("tfa", *lost, arrays(1), arrays(2))
