"""Miners against loops, and every pair loss after every miner."""

import compiled
import keras
import numpy as np
import pytest
import registry
from keras import ops
from naive_pairs import distance
from naive_pairs import mean_positive
from naive_pairs import negatives_of
from naive_pairs import positives_of
from naive_pairs import triplets_of

from keras_arcface import losses

LABELS, EMBEDDINGS = registry.batch(size=14)
FAR = distance(EMBEDDINGS, "euclidean")
COSINE = 1.0 - distance(EMBEDDINGS, "cosine")


def kept(miner):
    mined = miner(EMBEDDINGS, LABELS)
    return [
        {tuple(map(int, each)) for each in np.argwhere(np.asarray(mask))}
        for mask in (mined.positives, mined.negatives)
    ]


def anchors():
    """Anchors that have both a positive and a negative."""
    for a in range(len(LABELS)):
        positives, negatives = positives_of(LABELS, a), negatives_of(LABELS, a)
        if positives and negatives:
            yield a, positives, negatives


def test_batch_hard():
    positives, negatives = kept(losses.BatchHardMiner())
    assert positives == {
        (a, max(p, key=lambda i: FAR[a, i])) for a, p, _ in anchors()
    }
    assert negatives == {
        (a, min(n, key=lambda i: FAR[a, i])) for a, _, n in anchors()
    }


def test_pair_margin():
    positives, negatives = kept(losses.PairMarginMiner(0.7, 0.9))
    every = range(len(LABELS))
    assert positives == {
        (a, p)
        for a in every
        for p in positives_of(LABELS, a)
        if FAR[a, p] > 0.7
    }
    assert negatives == {
        (a, n)
        for a in every
        for n in negatives_of(LABELS, a)
        if FAR[a, n] < 0.9
    }


def test_multi_similarity():
    positives, negatives = kept(losses.MultiSimilarityMiner(0.1))
    assert positives == {
        (a, p)
        for a, own, others in anchors()
        for p in own
        if COSINE[a, p] - 0.1 < max(COSINE[a, n] for n in others)
    }
    assert negatives == {
        (a, n)
        for a, own, others in anchors()
        for n in others
        if COSINE[a, n] + 0.1 > min(COSINE[a, p] for p in own)
    }


def test_semi_hard():
    mined = losses.SemiHardMiner()(EMBEDDINGS, LABELS)
    index = np.asarray(mined.negative_index)
    chosen = set()
    for a, positives, negatives in anchors():
        for p in positives:
            beyond = [n for n in negatives if FAR[a, n] > FAR[a, p]]
            nearest = min(beyond, key=lambda n: FAR[a, n], default=None)
            if nearest is None:
                nearest = max(negatives, key=lambda n: FAR[a, n])
            assert index[a, p] == nearest
            chosen.add((a, nearest))
    assert kept(losses.SemiHardMiner())[1] == chosen


GAPS = {
    "all": lambda gap: gap <= 0.2,
    "hard": lambda gap: gap <= 0.0,
    "semihard": lambda gap: 0.0 < gap <= 0.2,
    "easy": lambda gap: gap > 0.2,
}


@pytest.mark.parametrize("kind", GAPS)
def test_triplet_margin(kind):
    triplets = [
        (a, p, n)
        for a, p, n in triplets_of(LABELS)
        if GAPS[kind](FAR[a, n] - FAR[a, p])
    ]
    miner = losses.TripletMarginMiner(kind=kind)
    positives, negatives = kept(miner)
    assert positives == {(a, p) for a, p, _ in triplets}
    assert negatives == {(a, n) for a, _, n in triplets}
    # By one distance mined, by another judged.
    square = distance(EMBEDDINGS, "squared_euclidean")
    expected = mean_positive(
        square[a, p] - square[a, n] + 0.7 for a, p, n in triplets
    )
    value = losses.TripletLoss(0.7, miner=miner)(LABELS, EMBEDDINGS)
    np.testing.assert_allclose(float(value), expected, rtol=1e-5)
    far = [max(0.0, FAR[a, p] - 0.9) for a, p, _ in triplets]
    near = [max(0.0, 1.3 - FAR[a, n]) for a, _, n in triplets]
    hinges = np.count_nonzero(far) + np.count_nonzero(near)
    value = losses.MarginLoss(0.2, 1.1, miner=miner)(LABELS, EMBEDDINGS)
    np.testing.assert_allclose(
        float(value), (sum(far) + sum(near)) / hinges, rtol=1e-5
    )


def test_chosen_triplets_reach_the_losses():
    mined = losses.SemiHardMiner()(EMBEDDINGS, LABELS)
    index = np.asarray(mined.negative_index)
    triplets = [(a, p, index[a, p]) for a, own, _ in anchors() for p in own]
    expected = mean_positive(
        FAR[a, p] - FAR[a, n] + 0.3 for a, p, n in triplets
    )
    loss = losses.TripletLoss(0.3, "euclidean", losses.SemiHardMiner())
    np.testing.assert_allclose(
        float(loss(LABELS, EMBEDDINGS)), expected, rtol=1e-5
    )


def test_distance_weighted_draws_evenly_over_distances():
    """Negatives at 0.6 and 1.3: the nearer is drawn as 1 / q says."""
    angles = 2 * np.arcsin(np.array([0.6, 1.3, 1.9] + [0.0] * 500) / 2)
    x = np.zeros((503, 5), "float32")
    x[:, 0], x[:, 1] = np.cos(angles), np.sin(angles)
    labels = np.array([1, 2, 3] + [0] * 500, "int32")

    def chance(d, dim=5):
        return d ** (2.0 - dim) * (1 - d**2 / 4) ** ((3.0 - dim) / 2)

    mined = losses.DistanceWeightedMiner()(x, labels)
    draws = np.asarray(mined.negative_index)[3, 4:]
    assert set(draws.tolist()) == {0, 1}
    expected = chance(0.6) / (chance(0.6) + chance(1.3))
    assert abs((draws == 0).mean() - expected) < 0.05


def test_distance_weighted_changes_with_the_embeddings_only():
    miner = losses.DistanceWeightedMiner()
    labels, embeddings = registry.batch(size=40, dim=8)
    first = np.asarray(miner(embeddings, labels).negative_index)
    again = np.asarray(miner(embeddings, labels).negative_index)
    moved = np.asarray(miner(embeddings * 1.0 + 1e-3, labels).negative_index)
    np.testing.assert_array_equal(first, again)
    assert (first != moved).any()


def test_distance_weighted_draws_negatives_only():
    rng = np.random.default_rng(0)
    for dim in (2, 3, 16, 512):
        labels = rng.integers(0, 5, 40).astype("int32")
        x = rng.normal(size=(40, dim)).astype("float32")
        x[:20] = x[0] + 0.01 * x[:20]
        mined = losses.DistanceWeightedMiner()(x, labels)
        positives = np.asarray(mined.positives)
        index = np.asarray(mined.negative_index)
        for a, p in np.argwhere(positives):
            assert labels[index[a, p]] != labels[a]
            assert labels[p] == labels[a] and p != a
        assert positives.any()


@pytest.mark.parametrize("miner", registry.MINERS)
def test_every_pair_loss_after_every_miner(miner):
    """Finite, also in the gradient; in one function of all losses."""
    made = {}
    # Compiling them all takes JAX minutes.
    some = ("triplet", "margin", "pair_contrastive", "lifted_struct")
    names = some if compiled.JAX else registry.EACH_KIND
    for name in set(names) & set(registry.PAIR_LOSSES):
        make, _ = registry.PAIR_LOSSES[name]
        config = make().get_config()
        config["miner"] = registry.MINERS[miner]()
        made[name] = type(make()).from_config(config)

    def total(labels, x):
        return sum(ops.mean(loss.call(labels, x)) for loss in made.values())

    step = compiled.gradient_of(total)
    _, grad = step(LABELS, EMBEDDINGS)
    assert np.isfinite(grad).all() and grad.any()
    _, grad = step(np.zeros_like(LABELS), EMBEDDINGS)
    assert np.isfinite(grad).all()
    for loss in made.values():
        copy = keras.saving.deserialize_keras_object(
            keras.saving.serialize_keras_object(loss)
        )
        assert copy.get_config() == loss.get_config()
