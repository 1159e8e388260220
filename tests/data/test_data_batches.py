"""Batches: every sample once, ids exact, order a function of (seed, epoch)."""

import keras
import numpy as np
import pytest

from keras_arcface.data import AUGMENTATIONS
from keras_arcface.data import ImageData
from keras_arcface.data import epoch_order
from keras_arcface.data.batching import make_batches
from keras_arcface.data.plans import Draw
from keras_arcface.data.plans import ExactEpochs

IDS = np.array([0, 2049, 85741, 2**24 + 1])


@pytest.fixture
def data():
    """23 pictures whose every pixel is the sample's number."""
    numbers = np.arange(23, dtype=np.uint8)
    samples = np.tile(numbers[:, None, None, None], (1, 4, 5, 3))
    return ImageData(samples, np.arange(23) % 4, list("abcd"))


def order_of(dataset):
    return [int(x) for images, _ in dataset for x in images[:, 0, 0, 0]]


@pytest.fixture(params=["float32", "mixed_float16", "mixed_bfloat16"])
def policy(request):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(request.param)
    yield request.param
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("augment", [None, *AUGMENTATIONS[1:]])
def test_class_ids_arrive_as_they_left(policy, augment):
    from keras_arcface.data import get_augmentation

    dataset = make_batches(
        lambda indices: np.zeros((len(indices), 4, 4, 3), np.uint8),
        IDS,
        (4, 4),
        ExactEpochs(
            4, 3, shuffle=False, drop_remainder=False, draw=Draw(seed=0)
        ),
        seed=0,
        epoch=0,
        epochs=1,
        augment=get_augmentation(augment),
    )
    labels = [ids.numpy() for _, ids in dataset]
    assert all(ids.dtype == np.int32 for ids in labels)
    assert np.concatenate(labels).tolist() == IDS.tolist()


def test_elements(data):
    dataset = data.batches(5)
    images, labels = dataset.element_spec
    assert images.dtype == "float32" and labels.dtype == "int32"
    assert images.shape.as_list() == [None, 4, 5, 3]
    assert len(dataset) == data.steps(5) == 5
    assert [len(ids) for _, ids in dataset] == [5, 5, 5, 5, 3]


def test_labels_stay_with_their_pictures(data):
    for images, labels in data.batches(5, seed=1):
        numbers = images[:, 0, 0, 0].numpy().astype(int)
        assert (data.labels[numbers] == labels.numpy()).all()


def test_every_sample_once(data):
    for epoch in range(3):
        assert sorted(order_of(data.batches(4, epoch=epoch))) == list(range(23))


def test_order_is_a_function_of_seed_and_epoch(data):
    dataset = data.batches(4, seed=7, epoch=2)
    first = order_of(dataset)
    assert first == epoch_order(23, seed=7, epoch=2).tolist()
    assert (
        first == order_of(dataset) == order_of(data.batches(9, seed=7, epoch=2))
    )
    assert first != order_of(data.batches(4, seed=7, epoch=3))
    assert first != order_of(data.batches(4, seed=8, epoch=2))


def test_order_is_the_same_on_every_machine():
    order = epoch_order(8, seed=1, epoch=2)
    assert order.tolist() == [6, 0, 7, 5, 1, 4, 3, 2]


def test_several_epochs_are_the_single_ones_in_turn(data):
    together = data.batches(4, seed=7, epoch=1, epochs=3)
    singly = [order_of(data.batches(4, seed=7, epoch=e)) for e in (1, 2, 3)]
    assert len(together) == 3 * data.steps(4)
    assert order_of(together) == sum(singly, [])


def test_unshuffled_order(data):
    assert order_of(data.batches(64, shuffle=False)) == list(range(23))


def test_drop_remainder_gives_a_static_shape(data):
    dataset = data.batches(5, drop_remainder=True)
    assert dataset.element_spec[0].shape.as_list() == [5, 4, 5, 3]
    assert len(dataset) == len(list(dataset)) == 4


def test_without_labels(data):
    dataset = data.batches(23, shuffle=False, labels=False)
    (images,) = list(dataset)
    assert images.shape == (23, 4, 5, 3)
    assert len(dataset) == 1


def test_keras_fit_sees_every_epoch(data):
    class Recorder(keras.Model):
        seen = []

        def train_step(self, batch):
            self.seen += [int(x) for x in batch[0][:, 0, 0, 0]]
            return {"loss": 0.0}

    model = Recorder()
    model.compile(run_eagerly=True)
    model.fit(
        data.batches(4, seed=5, epochs=3),
        epochs=3,
        steps_per_epoch=data.steps(4),
        shuffle=False,
        verbose=0,
    )
    expected = [epoch_order(23, seed=5, epoch=e).tolist() for e in range(3)]
    assert model.seen == sum(expected, [])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"batch_size": 24}, "must not exceed the 23 samples.*batch_size=24"),
        ({"batch_size": 0}, "batch_size must be an integer of at least 1"),
        ({"batch_size": 2.0}, "batch_size must be an integer"),
        ({"batch_size": 4, "seed": -1}, "seed must be"),
        ({"batch_size": 4, "epochs": 0}, "epochs must be"),
        ({"batch_size": 4, "augment": "mirror"}, "augment must be one of"),
    ],
)
def test_wrong_arguments(data, arguments, message):
    with pytest.raises(ValueError, match=message):
        data.batches(**arguments)


def test_own_augmentation_gets_another_seed_each_batch(data):
    import tensorflow as tf

    def paint(images, seed):
        value = tf.random.stateless_uniform((), seed, 0.0, 255.0)
        return tf.zeros_like(images) + value

    def values(**arguments):
        batches = data.batches(4, augment=paint, **arguments)
        return [float(images[0, 0, 0, 0]) for images, _ in batches]

    first = values(epoch=3)
    assert len(set(first)) == len(first)
    assert first == values(epoch=3)
    assert set(first).isdisjoint(values(epoch=4))
