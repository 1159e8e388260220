"""Cross-batch memory: a queue of earlier batches as reference."""

import golden
import keras
import numpy as np
import pytest
import registry
from keras import ops
from naive_pairs import distance
from naive_pairs import mean_positive

from keras_arcface import losses

LABELS, EMBEDDINGS = registry.batch(size=40)


def batches(size=4):
    for start in range(0, len(LABELS), size):
        stop = start + size
        yield LABELS[start:stop], EMBEDDINGS[start:stop]


def naive_contrastive(seen, batch, size):
    """Of the last items of `seen`, where the batch is at the end."""
    labels, x = LABELS[:seen], EMBEDDINGS[:seen]
    far, first = distance(x, "euclidean"), max(0, seen - size)
    pairs = [
        (q, r)
        for q in range(seen - batch, seen)
        for r in range(first, seen)
        if q != r
    ]
    positive = [far[q, r] for q, r in pairs if labels[q] == labels[r]]
    negative = [1.0 - far[q, r] for q, r in pairs if labels[q] != labels[r]]
    return mean_positive(positive) + mean_positive(negative)


@pytest.mark.parametrize("size", [4, 10, 64])
def test_the_queue_holds_the_newest(size):
    head = losses.CrossBatchMemory(losses.PairContrastiveLoss(), size)
    for step, (labels, x) in enumerate(batches(), start=1):
        value = np.asarray(head.margin_loss(x, labels)).mean()
        expected = naive_contrastive(4 * step, 4, size)
        np.testing.assert_allclose(value, expected, rtol=1e-5, atol=1e-6)
    filled = min(size, 40)
    assert int(head.filled) == filled
    np.testing.assert_array_equal(
        np.asarray(head.queue)[-filled:], EMBEDDINGS[-filled:]
    )


def test_outside_training_the_queue_stays():
    head = losses.CrossBatchMemory(losses.PairContrastiveLoss(), 16)
    labels, x = LABELS[:8], EMBEDDINGS[:8]
    alone = np.asarray(losses.PairContrastiveLoss().call(labels, x))
    for _ in range(2):
        value = head.margin_loss(x, labels, training=False)
        np.testing.assert_allclose(np.asarray(value), alone, rtol=1e-6)
    assert int(head.filled) == 0


def test_the_gradient_goes_through_the_query_only():
    head = losses.CrossBatchMemory(losses.PairContrastiveLoss(), 8)
    labels, x = LABELS[:8], EMBEDDINGS[:8]
    (grad,) = golden.gradient(
        lambda x: ops.mean(head.margin_loss(x, labels)), x
    )
    pairs = losses.make_pairs(x, labels, x, labels, ~np.eye(8, dtype=bool))
    (expected,) = golden.gradient(
        lambda q: ops.mean(
            losses.PairContrastiveLoss().compare(
                pairs._replace(query=ops.convert_to_tensor(q))
            )
        ),
        x,
    )
    np.testing.assert_allclose(grad, expected, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("name", registry.PAIR_LOSSES)
def test_it_works_with_every_pair_loss(name):
    """A full queue that holds the batch: the loss of the batch itself."""
    make, naive = registry.PAIR_LOSSES[name]
    head = losses.CrossBatchMemory(make(), 10)
    labels, x = registry.batch()
    value = np.asarray(head.margin_loss(x, labels)).mean()
    expected = naive(labels, x.astype("float64"))
    np.testing.assert_allclose(value, expected, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("miner", registry.MINERS)
def test_it_works_with_every_miner(miner):
    loss = losses.TripletLoss(miner=registry.MINERS[miner]())
    head = losses.CrossBatchMemory(loss, 16)
    for labels, x in list(batches(8))[:2]:
        assert np.isfinite(np.asarray(head.margin_loss(x, labels))).all()
    copy = type(head).from_config(head.get_config())
    assert copy.get_config() == head.get_config()


def test_labels_stay_integers():
    head = losses.CrossBatchMemory(losses.SupConLoss(), 16)
    big = np.array([2**24, 2**24 + 1, 2**24, 2**24 + 1], "int64")
    x = EMBEDDINGS[:4]
    value = np.asarray(head.margin_loss(x, big))
    small = np.asarray(losses.SupConLoss().call(big - 2**24, x))
    np.testing.assert_allclose(value, small, rtol=1e-5)
    dtype = keras.backend.standardize_dtype(head.queue_labels.dtype)
    assert dtype == "int32"
