"""TensorFlow Addons' losses against loops over every pair and triplet."""

import golden
import keras
import naive_addons
import numpy as np
import pytest
from keras import ops

from keras_arcface import losses

RNG = np.random.default_rng(3)
# One class alone, one pair of equal embeddings.
LABELS = np.array([0, 1, 2, 0, 1, 3, 0, 2, 1, 0])
EMBEDDINGS = RNG.normal(size=(10, 4)).astype("float32")
EMBEDDINGS[4] = EMBEDDINGS[1]
SIMILARITY = RNG.normal(size=(10, 10)).astype("float32")
SETS = np.eye(4)[LABELS] + np.eye(4)[::-1][LABELS] * (LABELS > 0)[:, None]
SETS[5] = 0
DISTANCES = np.abs(SIMILARITY[0])

CASES = {
    "semihard": (
        losses.TripletSemiHardLoss(),
        (LABELS, EMBEDDINGS),
        naive_addons.triplet_semihard(LABELS, EMBEDDINGS),
    ),
    "hard": (
        losses.TripletHardLoss(),
        (LABELS, EMBEDDINGS),
        naive_addons.triplet_hard(LABELS, EMBEDDINGS),
    ),
    "hard_soft": (
        losses.TripletHardLoss(soft=True),
        (LABELS, EMBEDDINGS),
        naive_addons.triplet_hard(LABELS, EMBEDDINGS, soft=True),
    ),
    "contrastive": (
        losses.ContrastiveLoss(),
        (LABELS == 0, DISTANCES),
        naive_addons.contrastive(LABELS == 0, DISTANCES),
    ),
    "npairs": (
        losses.NpairsLoss(),
        (LABELS, SIMILARITY),
        naive_addons.npairs(LABELS, SIMILARITY),
    ),
    "npairs_multilabel": (
        losses.NpairsMultilabelLoss(),
        (SETS, SIMILARITY),
        naive_addons.npairs_multilabel(SETS, SIMILARITY),
    ),
    "lifted_struct": (
        losses.LiftedStructLoss(),
        (LABELS, EMBEDDINGS),
        naive_addons.lifted_struct(LABELS, EMBEDDINGS),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_values_are_those_of_the_loops(name):
    loss, inputs, expected = CASES[name]
    np.testing.assert_allclose(float(loss(*inputs)), expected, rtol=1e-5)


@pytest.mark.parametrize("metric", ["L2", "squared-L2", "angular"])
@pytest.mark.parametrize("margin", [0.1, 1.0])
def test_triplets_under_every_metric(metric, margin):
    for ours, naive in [
        (losses.TripletSemiHardLoss, naive_addons.triplet_semihard),
        (losses.TripletHardLoss, naive_addons.triplet_hard),
    ]:
        value = float(ours(margin, distance_metric=metric)(LABELS, EMBEDDINGS))
        expected = naive(LABELS, EMBEDDINGS, margin, metric=metric)
        np.testing.assert_allclose(value, expected, rtol=1e-5)


@pytest.mark.parametrize("name", ["contrastive", "npairs", "npairs_multilabel"])
def test_losses_of_distances_and_similarities(name):
    """What `test_embedding_losses` sees to for the losses of embeddings."""
    loss, (labels, scores), expected = CASES[name]
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert type(copy) is type(loss)
    assert copy.get_config() == loss.get_config()
    each = np.asarray(loss.call(labels, scores))
    assert each.shape == (10,)
    weights = np.linspace(0, 2, 10).astype("float32")
    np.testing.assert_allclose(
        float(copy(labels, scores, weights)), (each * weights).mean(), rtol=1e-5
    )
    total = type(loss).from_config({**loss.get_config(), "reduction": "sum"})
    np.testing.assert_allclose(
        float(total(labels, scores)), 10 * expected, rtol=1e-5
    )
    half = loss.call(labels, ops.cast(scores, "bfloat16"))
    assert keras.backend.standardize_dtype(half.dtype) == "float32"
    for hard in (0.0 * scores, 1e4 * scores):
        (grad,) = golden.gradient(
            lambda x: ops.sum(loss.call(labels, x)), hard.astype("float32")
        )
        assert np.isfinite(grad).all()


def test_npairs_trains_on_a_similarity_matrix():
    images = keras.Input((4,))
    embed = keras.layers.Dense(3)(images)
    similarity = keras.ops.matmul(embed, keras.ops.transpose(embed))
    model = keras.Model(images, similarity)
    model.compile(keras.optimizers.Adam(0.05), loss=losses.NpairsLoss())
    history = model.fit(EMBEDDINGS, LABELS, epochs=8, verbose=0, shuffle=False)
    assert history.history["loss"][-1] < history.history["loss"][0]


@keras.saving.register_keras_serializable(package="tests")
def minus_product(embeddings):
    return -ops.matmul(embeddings, ops.transpose(embeddings))


def test_a_metric_may_be_a_function():
    loss = losses.TripletSemiHardLoss(distance_metric=minus_product)
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert copy.distance_metric is minus_product
    assert float(copy(LABELS, EMBEDDINGS)) == float(loss(LABELS, EMBEDDINGS))


def test_addons_own_example():
    """Two of one class: Addons' docstring has 2.414; no triplet is here."""
    embeddings = np.array([[0.0, 1.0], [1.0, 0.0]], "float32")
    assert float(losses.TripletSemiHardLoss()(np.zeros(2), embeddings)) == 0.0


@pytest.mark.parametrize(
    "use, message",
    [
        (
            lambda: losses.TripletSemiHardLoss(distance_metric="L3"),
            "distance_metric must be one of 'L2', 'squared-L2', 'angular'",
        ),
        (
            lambda: losses.ContrastiveLoss()(LABELS, EMBEDDINGS),
            "use PairContrastiveLoss",
        ),
        (
            lambda: losses.NpairsMultilabelLoss()(LABELS, SIMILARITY),
            "use NpairsLoss",
        ),
        (
            lambda: losses.TripletHardLoss()(np.eye(10), EMBEDDINGS),
            "For one-hot labels pass",
        ),
        (
            lambda: losses.TripletHardLoss()(LABELS, EMBEDDINGS[None]),
            "embeddings must have the shape",
        ),
        (
            lambda: losses.TripletHardLoss()(LABELS + 2**24, EMBEDDINGS),
            "exact to 16777216 class ids",
        ),
        (
            lambda: losses.LiftedStructLoss(dtype="bfloat16"),
            "merges neighbouring ids",
        ),
        (
            lambda: losses.LiftedStructLoss(miner="hard"),
            "miner must be a miner of keras_arcface.losses",
        ),
    ],
)
def test_bad_arguments_say_how_to_fix_them(use, message):
    with pytest.raises(ValueError, match=message):
        use()
