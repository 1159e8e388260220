import keras
import pytest


@pytest.fixture(params=["float32", "mixed_float16", "mixed_bfloat16"])
def policy(request):
    """Each dtype policy as the global one, put back afterwards."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.fixture
def shapes_only():
    """Inside, weights have shapes but no values: no 450 MB for a large net."""
    with keras.StatelessScope(initialize_variables=False):
        yield
    # Keras would give them values at the next chance: make it forget them.
    keras.utils.clear_session()
