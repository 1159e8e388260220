"""Ours against TensorFlow Addons 0.23; see tests/parity/run."""

import cases
import comparison
import pytest

pytestmark = comparison.needs_originals

if comparison.folder():
    import ours

    RECORDS, _, _ = comparison.load("tfa")
    CASES = cases.make()
    OURS = ours.tfa()
else:
    RECORDS, CASES, OURS = {}, {}, {}


def test_every_loss_is_compared():
    assert {loss for loss, _ in RECORDS} == set(OURS)


@pytest.mark.parametrize(("loss", "case"), sorted(RECORDS))
def test_a_loss_agrees_or_deviates_as_declared(loss, case):
    comparison.check(
        "tfa", loss, case, RECORDS[loss, case], OURS[loss](**CASES[case])
    )


@pytest.mark.parametrize(
    "loss", sorted(loss for loss, case in RECORDS if case == "float16")
)
def test_half_precision_is_computed_in_float32(loss):
    comparison.check_half(
        OURS[loss](**CASES["float16"]), OURS[loss](**CASES["ordinary"])
    )
