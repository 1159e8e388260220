"""docs/parity.md says what the code declares; needs no originals."""

import deviations
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
