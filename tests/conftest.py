import os

# Before TensorFlow loads: two cores in all, quiet, deterministic.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ.setdefault(
    "TF_NUM_INTRAOP_THREADS",
    "1" if "PYTEST_XDIST_WORKER" in os.environ else "2",
)
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import sys
from pathlib import Path

import keras
import pytest

sys.path.insert(0, str(Path(__file__).parent))

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
SHARED = Path(__file__).parents[1].parent / "shared"


@pytest.fixture(params=POLICIES)
def policy(request):
    """Runs a test under each of the three dtype policies."""
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy("float32")


@pytest.fixture(autouse=True)
def seeded():
    keras.utils.set_random_seed(0)


@pytest.fixture
def shared():
    """The folder of real data beside the checkout; it does not ship."""
    if not SHARED.is_dir():
        pytest.skip("the shared data folder is not beside the checkout")
    return SHARED
