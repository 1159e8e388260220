"""Plans: disjoint shards, resuming at any step, P x K, balanced classes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import tensorflow as tf

from keras_arcface.data import ImageData
from keras_arcface.data.plans import BalancedBatches
from keras_arcface.data.plans import Draw
from keras_arcface.data.plans import ExactEpochs
from keras_arcface.data.plans import PKBatches

COUNTS = (6, 2, 9, 3, 4, 2, 7)


@pytest.fixture
def data():
    """33 pictures of 7 identities whose every pixel is its number, mixed."""
    numbers = np.arange(sum(COUNTS), dtype=np.uint8)
    samples = np.tile(numbers[:, None, None, None], (1, 2, 2, 3))
    labels = np.repeat(np.arange(len(COUNTS)), COUNTS)
    order = np.random.default_rng(1).permutation(len(labels))
    return ImageData(samples, labels[order], list("abcdefg"))


def numbers(dataset):
    """The pictures' numbers, batch by batch; labels must be theirs."""
    return [images[:, 0, 0, 0].numpy().astype(int) for images, _ in dataset]


def joined(batches):
    return np.concatenate(batches).tolist()


ways = pytest.mark.parametrize(
    "draw",
    [
        lambda data, **kw: data.batches(4, **kw),
        lambda data, **kw: data.batches(4, drop_remainder=True, **kw),
        lambda data, **kw: data.pk_batches(2, 2, **kw),
        lambda data, **kw: data.balanced_batches(4, **kw),
    ],
    ids=["exact", "dropping", "pk", "balanced"],
)


@ways
def test_a_run_resumes_at_any_step(data, draw):
    whole = [
        (images.numpy(), labels.numpy())
        for images, labels in draw(data, seed=5, epoch=2, epochs=2)
    ]
    noisy = [
        images.numpy()
        for images, _ in draw(data, seed=5, epoch=2, epochs=2, augment="shift")
    ]
    for start in (1, 3, 7):
        arguments = {"seed": 5, "epoch": 2, "epochs": 2, "start_step": start}
        rest = draw(data, **arguments)
        assert len(rest) == len(whole) - start
        for (images, labels), (a, b) in zip(rest, whole[start:], strict=True):
            np.testing.assert_array_equal(images, a)
            np.testing.assert_array_equal(labels, b)
        rest = draw(data, augment="shift", **arguments)
        for (images, _), expected in zip(rest, noisy[start:], strict=True):
            np.testing.assert_array_equal(images, expected)


@ways
def test_labels_stay_with_their_pictures(data, draw):
    for images, labels in draw(data, seed=1):
        at = images[:, 0, 0, 0].numpy().astype(int)
        assert data.labels[at].tolist() == labels.numpy().tolist()


@pytest.mark.parametrize("workers", [2, 3, 5])
@pytest.mark.parametrize("drop", [True, False])
def test_shards_are_disjoint_and_together_one_worker(data, workers, drop):
    options = {"seed": 3, "epoch": 1, "drop_remainder": drop}
    one = numbers(data.batches(4 * workers, **options))
    each = [
        numbers(data.batches(4, shard=(index, workers), **options))
        for index in range(workers)
    ]
    for step, batch in enumerate(one):
        parts = [steps[step] for steps in each if step < len(steps)]
        assert joined(parts) == batch.tolist()
    total = sum(len(joined(steps)) for steps in each)
    assert total == (33 // (4 * workers) * 4 * workers if drop else 33)
    lengths = [
        len(data.batches(4, shard=(i, workers), **options))
        for i in range(workers)
    ]
    assert lengths == [len(steps) for steps in each]


def test_shards_of_identities_and_of_draws(data):
    for draw, size in (
        (lambda **kw: data.pk_batches(2, 2, steps=4, **kw), (4, 2)),
        (lambda **kw: data.balanced_batches(4, steps=4, **kw), None),
    ):
        each = [numbers(draw(shard=(index, 2))) for index in range(2)]
        assert all(len(steps) == 4 for steps in each)
        for first, second in zip(*each, strict=True):
            assert first.tolist() != second.tolist()
            if size:
                ids = [set(data.labels[part]) for part in (first, second)]
                assert not ids[0] & ids[1]


def test_workers_augment_differently(data):
    def paint(images, seed):
        return images * 0 + tf.cast(seed[0], tf.float32)

    def first(index):
        batches = data.batches(
            4,
            shuffle=False,
            shard=(index, 2),
            augment=paint,
        )
        return float(next(iter(batches))[0][0, 0, 0, 0])

    assert first(0) != first(1)


def test_pk_batches_hold_p_identities_with_k_pictures(data):
    seen = []
    for images, labels in data.pk_batches(3, 3, seed=2, epochs=4):
        ids = labels.numpy().reshape(3, 3)
        assert (ids == ids[:, :1]).all() and len(set(ids[:, 0])) == 3
        at = images[:, 0, 0, 0].numpy().astype(int).reshape(3, 3)
        for identity, pictures in zip(ids[:, 0], at, strict=True):
            count = COUNTS[identity]
            assert len(set(pictures)) == min(count, 3)
        seen += ids[:, 0].tolist()
    assert set(seen) == set(range(7))
    assert len(data.pk_batches(3, 3)) == 33 // 9


def test_identities_are_dealt_before_any_comes_again():
    labels = np.repeat(np.arange(12), 3)
    plan = PKBatches(labels, 4, 2, steps=6, draw=Draw(seed=1))
    dealt = [labels[plan.indices(0, step)][::2].tolist() for step in range(6)]
    assert sorted(sum(dealt[:3], [])) == list(range(12))
    assert sorted(sum(dealt[3:], [])) == list(range(12))
    assert dealt[:3] != dealt[3:]


@pytest.mark.parametrize(
    "counts, p, k, message",
    [
        (COUNTS, 8, 2, "p must not exceed the 7 identities"),
        ((2, 1, 3), 2, 2, r"1 identities have one picture.*with_at_least\(2\)"),
        (COUNTS, 0, 2, "p must be an integer of at least 1"),
        (COUNTS, 2, 1.5, "k must be an integer"),
    ],
)
def test_impossible_pk_batches(counts, p, k, message):
    labels = np.repeat(np.arange(len(counts)), counts)
    samples = np.zeros((len(labels), 2, 2, 3), np.uint8)
    data = ImageData(samples, labels, [str(i) for i in range(len(counts))])
    with pytest.raises(ValueError, match=message):
        data.pk_batches(p, k)


def test_one_picture_is_enough_where_one_is_asked_for():
    data = ImageData(np.zeros((3, 2, 2, 3), np.uint8), [0, 1, 2], list("abc"))
    ((_, labels),) = data.pk_batches(3, 1)
    assert sorted(labels.numpy()) == [0, 1, 2]


def test_balanced_draws_every_identity_equally():
    labels = np.repeat(np.arange(4), (1, 10, 100, 1000))
    plan = BalancedBatches(labels, 1000, steps=4, draw=Draw(seed=0))
    drawn = np.concatenate([plan.indices(0, step) for step in range(4)])
    shares = np.bincount(labels[drawn]) / len(drawn)
    np.testing.assert_allclose(shares, 0.25, atol=0.03)
    assert len(np.unique(drawn[labels[drawn] == 1])) == 10


def test_a_million_classes_cost_a_few_arrays():
    classes = 10**6
    labels = np.repeat(np.arange(classes), 2)
    plan = PKBatches(labels, 64, 2, steps=9, draw=Draw(seed=0))
    arrays = [v for v in vars(plan._rows).values() if isinstance(v, np.ndarray)]
    assert sum(a.nbytes for a in arrays) <= 24 * classes + 8 * len(labels)
    batch = plan.indices(0, 8)
    assert len(np.unique(labels[batch])) == 64
    assert batch.tolist() == plan.indices(0, 8).tolist()


@pytest.mark.parametrize(
    "arguments, message",
    [
        ({"start_step": 9}, r"start_step must be in 0\.\.8"),
        ({"start_step": -1}, "start_step must be"),
        ({"shard": (2, 2)}, r"0 <= index < count. Received: shard=\(2, 2\)"),
        ({"shard": 1}, "shard must be"),
        ({"shard": (0, 9)}, "batch_size=4 for each of 9 workers.*at most 3"),
    ],
)
def test_wrong_arguments(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        data.batches(4, **arguments)


@pytest.mark.parametrize("kind", ["exact", "pk"])
def test_threads_work_an_order_out_once(kind, monkeypatch):
    draws, together = [], threading.Barrier(8)
    default_rng = np.random.default_rng

    class Counted:
        def __init__(self, key):
            self.key, self.rng = key, default_rng(key)

        def __getattr__(self, name):
            return getattr(self.rng, name)

        def permutation(self, count):
            draws.append(self.key)
            return self.rng.permutation(count)

    draw = Draw()
    if kind == "exact":
        plan = ExactEpochs(
            10**5, 100, shuffle=True, drop_remainder=True, draw=draw
        )
    else:
        labels = np.repeat(np.arange(10**5), 2)
        plan = PKBatches(labels, 8, 2, steps=100, draw=draw)
    monkeypatch.setattr(np.random, "default_rng", Counted)

    def ask(step):
        together.wait()
        return plan.indices(3, step).tolist()

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(8)))
    assert len(draws) == 1
    assert found == [plan.indices(3, step).tolist() for step in range(8)]
    assert len(draws) == 1
