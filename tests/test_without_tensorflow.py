import importlib.util
import os
import subprocess
import sys

import pytest

CODE = """
import sys

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "tensorflow":
            raise ModuleNotFoundError("No module named 'tensorflow'")

sys.meta_path.insert(0, Refuse())
import numpy as np
import keras_arcface as ka

model = ka.ArcFaceModel(ka.SmallNet(widths=(4, 8)), 3)
model.compile("sgd")
images = np.zeros((6, 32, 32, 3), "uint8")
model.fit(images, np.arange(6) % 3, callbacks=[ka.MarginWarmup()], verbose=0)
assert model.embed(images).shape == (6, 128)
assert "tensorflow" not in sys.modules
print("works")
"""


@pytest.mark.skipif(
    importlib.util.find_spec("jax") is None, reason="JAX is not installed"
)
def test_the_core_works_where_tensorflow_is_not_installed():
    result = subprocess.run(
        [sys.executable, "-c", CODE],
        env={**os.environ, "KERAS_BACKEND": "jax"},
        capture_output=True,
        text=True,
    )
    assert result.stdout.strip() == "works", result.stderr[-3000:]
