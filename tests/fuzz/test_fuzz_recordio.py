"""400 damaged files by default; `FUZZ_INPUTS=200000` for the whole."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import fuzz_recordio


def test_damaged_files_are_read_or_refused():
    inputs = int(os.environ.get("FUZZ_INPUTS", 400))
    read, _ = fuzz_recordio.run(inputs)
    assert 0.1 < read / inputs < 0.9  # Both happen, else nothing was tried.
