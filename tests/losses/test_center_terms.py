"""Terms on class centres: Intra-loss, Inter-loss, hyperspherical energy."""

import golden
import keras
import naive_heads
import numpy as np
import pytest
from keras import ops

from keras_arcface import losses

JAX = keras.backend.backend() == "jax"
DTYPE, TOLERANCE = ("float32", 1e-5) if JAX else ("float64", 1e-9)
X, W = golden.EMBEDDINGS.astype(DTYPE), golden.CENTERS.astype(DTYPE)
LABELS = golden.LABELS
TERMS = {
    "intra": losses.IntraLoss,
    "inter": losses.InterLoss,
    "energy": losses.HypersphericalEnergy,
    "energy_0": lambda: losses.HypersphericalEnergy(power=0),
    "energy_angle": lambda: losses.HypersphericalEnergy(0.3, 1, "angle"),
}


def mean(term, labels=LABELS, x=X, w=W):
    return float(np.mean(np.asarray(term(x, labels, w))))


def test_intra_and_inter_are_golden():
    np.testing.assert_allclose(
        mean(losses.IntraLoss()), 0.3720805115, rtol=TOLERANCE
    )
    np.testing.assert_allclose(
        mean(losses.InterLoss()), -0.4583333333, rtol=TOLERANCE
    )


@pytest.mark.parametrize("power", [-1.0, 0.0, 1.0, 2.0])
@pytest.mark.parametrize("distance", ["euclidean", "angle"])
def test_energy_is_that_of_the_loops(power, distance):
    term = losses.HypersphericalEnergy(2.0, power, distance)
    expected = 2 * naive_heads.energy(LABELS, golden.CENTERS, power, distance)
    np.testing.assert_allclose(mean(term), expected, rtol=max(TOLERANCE, 1e-8))


def test_inter_is_an_energy():
    energy = losses.HypersphericalEnergy(1 / np.pi, -1.0, "angle")
    np.testing.assert_allclose(
        mean(energy), mean(losses.InterLoss()), rtol=1e-6
    )


@pytest.mark.parametrize("name", TERMS)
def test_terms_are_per_sample_float32_and_weighted(name, policy):
    term = TERMS[name]()
    each = term(X.astype("float32"), LABELS, W.astype("float32"))
    assert each.shape == (4,)
    assert keras.backend.standardize_dtype(each.dtype) == "float32"
    heavier = type(term)(**{**term.get_config(), "weight": 3 * term.weight})
    np.testing.assert_allclose(mean(heavier), 3 * mean(term), rtol=1e-5)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(term)
    )
    assert copy.get_config() == term.get_config()
    symbolic = term(
        keras.Input((4,)),
        keras.Input((), dtype="int32"),
        keras.Variable(W.astype("float32")),
    )
    assert symbolic.shape == (None,) and symbolic.dtype == "float32"


@pytest.mark.parametrize("name", TERMS)
def test_gradients_are_finite_for_hard_centers(name):
    term = TERMS[name]()
    one = np.array([1.0, 0.0, 0.0, 0.0], "float32")
    centers = np.stack([one, one, -one, 0 * one, one + 1e-7])
    x = np.stack([one, -one, 0 * one, one])
    for grad in golden.gradient(
        lambda x, w: ops.sum(term(x, LABELS, w)) + 0.0 * ops.sum(x), x, centers
    ):
        assert np.isfinite(grad).all()


def test_labels_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"lie in \[0, 5\)"):
        losses.IntraLoss()(X, np.array([0, 1, 2, 5]), W)


def test_angular_triplet_is_golden():
    """Hinges of single triplets of the golden embeddings, margin 0.35."""
    loss = losses.AngularTripletLoss(0.35, dtype=DTYPE)
    for rows, expected in [((1, 0, 2), 1.0563622560), ((0, 1, 3), 0.0)]:
        x = golden.EMBEDDINGS[list(rows)].astype(DTYPE)
        pairs = losses.make_pairs(x[:1], np.array([0]), x[1:], np.array([0, 1]))
        value = float(np.asarray(loss.compare(pairs))[0])
        np.testing.assert_allclose(value, expected, rtol=TOLERANCE)
