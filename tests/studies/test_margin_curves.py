import numpy as np
import pytest

from keras_arcface.studies.margin_curves import target_logits

DEGREES = np.array([20, 30, 45, 60, 80, 90, 100])
# In float64 from the papers' formulas.
GOLDEN = {
    "softmax": [0.93969, 0.86603, 0.70711, 0.5, 0.17365, 0.0, -0.17365],
    "SphereFace (m=4, λ=5)": [
        0.81202,
        0.63835,
        0.42259,
        0.16667,
        -0.31630,
        -0.5,
        -0.68370,
    ],
    "ArcFace (0.5)": [
        0.66068,
        0.52030,
        0.28154,
        0.02360,
        -0.31975,
        -0.47943,
        -0.62453,
    ],
    "CosFace (0.35)": [
        0.58969,
        0.51603,
        0.35711,
        0.15,
        -0.17635,
        -0.35,
        -0.52365,
    ],
    "CM1 (1, 0.3, 0.2)": [
        0.59665,
        0.47959,
        0.26656,
        0.02174,
        -0.32514,
        -0.49552,
        -0.65692,
    ],
    "CM2 (0.9, 0.4, 0.15)": [
        0.60564,
        0.49388,
        0.29747,
        0.07634,
        -0.23574,
        -0.39054,
        -0.53942,
    ],
}


@pytest.mark.parametrize("name", GOLDEN)
def test_the_curves_of_figure_4b(name):
    found = target_logits(DEGREES)
    assert found.keys() == GOLDEN.keys()
    np.testing.assert_allclose(found[name], GOLDEN[name], atol=2e-5)
