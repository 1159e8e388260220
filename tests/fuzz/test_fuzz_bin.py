"""1,000 damaged files by default; `FUZZ_INPUTS=200000` for the whole."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fuzz_bin


def test_damaged_sets_are_read_or_refused():
    inputs = int(os.environ.get("FUZZ_INPUTS", 1000))
    read, _ = fuzz_bin.run(inputs)
    assert 0.05 < read / inputs < 0.9  # Both happen, else nothing was tried.
