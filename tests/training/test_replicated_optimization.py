"""Two replicas of TensorFlow train as one device does.

In a process of its own, which makes two devices of one processor.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import pytest

SCRIPT = Path(__file__).with_name("replicated_optimization.py")

pytestmark = pytest.mark.skipif(
    keras.backend.backend() != "tensorflow", reason="of TensorFlow"
)


@pytest.fixture(scope="module")
def seen():
    done = subprocess.run(
        [sys.executable, SCRIPT],
        env={**os.environ, "PYTHONPATH": str(SCRIPT.parents[2])},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("case", ["plain", "scaled"])
def test_the_gradient_that_is_clipped_is_that_of_the_whole_batch(seen, case):
    """As are the statistics: synchronized, nothing differs from one device."""
    assert seen[case]["train"] < 1e-5
    assert seen[case]["replicas"] == 0.0
    assert seen["free"] > 0.1  # Without clipping it ends elsewhere.


def test_statistics_that_are_not_synchronized_are_others(seen):
    assert seen["apart"]["train"] > 0.1


@pytest.mark.parametrize("case", ["plain", "scaled"])
def test_averages_are_judged_and_the_weights_that_train_come_back(seen, case):
    case = seen[case]
    assert case["restored"] and case["kept"]
    assert case["moved"] > 0.1 and case["average"] < 1e-5


def test_the_rate_is_that_of_one_device(seen):
    one, two = seen["plain"]["rates"]
    assert one == two == pytest.approx(0.15)
