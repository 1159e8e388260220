"""Every candidate trains, the same way each time."""

import dataclasses

import numpy as np
import pytest

from keras_arcface.evaluation import retrieval_report
from keras_arcface.studies.compare.losses import candidates
from keras_arcface.studies.compare.order import batch_rows
from keras_arcface.studies.compare.protocol import Protocol
from keras_arcface.studies.compare.trainer import Frame
from keras_arcface.studies.compare.training import fit

ALL = candidates()
TRAINED = [name for name, candidate in ALL.items() if candidate.trains]
CLASSES, EACH, DIM = 20, 6, 24
BASELINE = {"kind": "baseline", "search_space": {}}
PROTOCOL = Protocol(
    budget="smoke",
    data="made up",
    data_hash="0" * 64,
    classes=2 * CLASSES,
    samples=2 * CLASSES * EACH,
    input_shape=(DIM,),
    backbone="features",
    embedding_dim=8,
    batch_norm="none",
    augmentation="none",
    optimizer="adam",
    learning_rate=0.01,
    weight_decay=0.0,
    batch_size=12,
    pair_samples=4,
    class_samples=1,
    steps=120,
    evaluate_every=60,
    folds=2,
    trials=1,
    searcher="random",
    seeds=2,
    seed=0,
    metric="map_at_r",
    losses={"untrained": BASELINE, "softmax": BASELINE},
)


def features(seed):
    """Classes that differ in 6 directions of 24; the rest is noise."""
    rng = np.random.default_rng(seed)
    classes = rng.normal(size=(CLASSES, 1, 6))
    signal = classes + 0.25 * rng.normal(size=(CLASSES, EACH, 6))
    noise = 0.5 * rng.normal(size=(CLASSES, EACH, DIM - 6))
    x = np.concatenate([signal, noise], axis=2).reshape(-1, DIM)
    return x.astype("float32"), np.repeat(np.arange(CLASSES), EACH)


TRAIN, UNSEEN = features(0), features(1)


def judge(embed):
    return retrieval_report(embed(UNSEEN[0]), UNSEEN[1]).map_at_r


def middle(name, u=0.5):
    space = ALL[name].search_space
    return {setting: range_.sample(u) for setting, range_ in space.items()}


def train(name, settings=None, protocol=PROTOCOL, seed=0, judge=judge):
    settings = middle(name) if settings is None else settings
    return fit(ALL[name], settings, protocol, *TRAIN, judge, seed)


def untrained(seed=0):
    return train("untrained", seed=seed)[0]


@pytest.mark.parametrize("name", TRAINED)
def test_every_candidate_gets_better_on_classes_it_never_saw(name):
    embed, history = train(name)
    embeddings = embed(UNSEEN[0])
    assert embeddings.dtype == np.float32
    assert np.allclose(np.linalg.norm(embeddings, axis=1), 1.0, atol=1e-5)
    assert np.isfinite(history["losses"]).all()
    assert history["steps"] == 120
    assert judge(embed) == max(history["scores"])
    assert judge(embed) > judge(untrained()) + 0.05


def test_equal_arguments_give_equal_results_and_seeds_differ():
    (first, one), (again, two) = train("arcface"), train("arcface")
    other, three = train("arcface", seed=1)
    assert one == two
    assert one != three
    assert np.array_equal(first(UNSEEN[0]), again(UNSEEN[0]))
    assert not np.allclose(first(UNSEEN[0]), other(UNSEEN[0]))


def test_a_shared_graph_forgets_the_training_before():
    settings = [middle("curricularface", u) for u in (0.2, 0.9)]
    alone = train("curricularface", settings[0])[1]
    between = train("curricularface", settings[1])[1]
    assert train("curricularface", settings[0])[1] == alone
    assert between != alone


def test_an_embedding_goes_on_giving_the_same():
    embed, _ = train("cosface")
    before = embed(UNSEEN[0])
    train("cosface", seed=3)
    assert np.array_equal(embed(UNSEEN[0]), before)


def test_the_best_checkpoint_comes_back_and_of_equals_the_first():
    protocol = dataclasses.replace(PROTOCOL, steps=35, evaluate_every=10)
    seen = []

    def by_list(scores):
        def judged(embed):
            seen.append(embed(UNSEEN[0]))
            return scores[len(seen) - 1]

        return judged

    embed, history = train(
        "arcface", protocol=protocol, judge=by_list([0.1, 0.7, 0.7, 0.2])
    )
    assert history["best_step"] == 20
    assert history["scores"] == [0.1, 0.7, 0.7, 0.2]
    assert np.array_equal(embed(UNSEEN[0]), seen[1])
    assert not np.array_equal(seen[1], seen[3])


def test_the_rate_of_the_class_centres_is_heeded():
    slow, fast = (
        {**middle("norm_softmax"), "centers_rate": rate} for rate in (0.3, 30)
    )
    losses = [train("norm_softmax", s)[1]["losses"] for s in (slow, fast)]
    assert losses[0][-1] != losses[1][-1]


@pytest.mark.parametrize("name", ["arcface", "triplet_semihard"])
def test_a_long_search_is_compiled_and_gives_the_same(name):
    """XLA takes over where there are many trainings; on features only."""
    short = dataclasses.replace(PROTOCOL, steps=20, evaluate_every=10)
    long = dataclasses.replace(short, trials=200)
    assert Frame.of(long, (DIM,), CLASSES).compiled
    assert not Frame.of(short, (DIM,), CLASSES).compiled
    assert not Frame.of(long, (8, 8, 3), CLASSES).compiled
    losses = [train(name, protocol=p)[1]["losses"] for p in (short, long)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_a_training_that_diverges_says_so():
    protocol = dataclasses.replace(PROTOCOL, learning_rate=1e38)
    with pytest.raises(FloatingPointError, match="arcface diverged after"):
        train("arcface", protocol=protocol)


def test_baselines_without_training():
    raw, history = train("raw")
    assert history == {}
    x, _ = UNSEEN
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    assert np.allclose(raw(x), unit, atol=1e-6)
    assert untrained()(x).shape == (len(x), 8)
    assert np.array_equal(untrained(1)(x), untrained(1)(x))
    assert not np.array_equal(untrained(1)(x), untrained(2)(x))


def test_all_losses_start_from_the_network_of_the_seed():
    still = dataclasses.replace(PROTOCOL, learning_rate=0.0, steps=1)
    x, _ = UNSEEN
    start = untrained()(x)
    for name in ("arcface", "softmax"):
        assert np.allclose(train(name, protocol=still)[0](x), start, atol=1e-6)


@pytest.mark.parametrize("optimizer", ["sgd", "rmsprop"])
def test_other_optimizers_and_weight_decay(optimizer):
    protocol = dataclasses.replace(
        PROTOCOL, optimizer=optimizer, weight_decay=0.1, steps=5
    )
    _, decayed = train("softmax", protocol=protocol)
    plain = dataclasses.replace(protocol, weight_decay=0.0)
    assert decayed["losses"] != train("softmax", protocol=plain)[1]["losses"]


def test_pictures_train_a_backbone():
    rng = np.random.default_rng(0)
    faces = rng.uniform(60, 200, size=(4, 1, 16, 16, 3))
    images = faces + rng.normal(0, 20, (4, 6, 16, 16, 3))
    images = images.clip(0, 255).astype("uint8").reshape(-1, 16, 16, 3)
    labels = np.repeat(np.arange(4), 6)
    protocol = dataclasses.replace(
        PROTOCOL,
        input_shape=(16, 16, 3),
        backbone="smallnet",
        batch_norm="train",
        augmentation="shift",
        batch_size=8,
        class_samples=0,
        steps=4,
        evaluate_every=2,
    )

    def judge(embed):
        return retrieval_report(embed(images), labels).map_at_r

    results = [
        fit(
            ALL["cosface"],
            middle("cosface"),
            protocol,
            images,
            labels,
            judge,
            0,
        )
        for _ in range(2)
    ]
    (embed, history), (_, again) = results
    assert history == again
    assert history["augmentation"] == "shift"
    assert embed(images).shape == (24, 8)


def test_losses_of_a_kind_see_the_same_batches():
    labels = TRAIN[1]
    pairs = batch_rows(PROTOCOL, "pair", labels, 0)
    assert pairs.shape == (120, 12)
    of_class = labels[pairs].reshape(120, 3, 4)
    assert (of_class == of_class[:, :, :1]).all()
    assert all(len(set(step[:, 0])) == 3 for step in of_class)
    single = batch_rows(PROTOCOL, "class", labels, 0)
    assert all(len(set(row)) == 12 for row in labels[single])
    assert np.array_equal(single, batch_rows(PROTOCOL, "baseline", labels, 0))
    assert not np.array_equal(single, batch_rows(PROTOCOL, "class", labels, 1))


def test_shuffled_batches_pass_over_all_examples():
    protocol = dataclasses.replace(PROTOCOL, class_samples=0, steps=20)
    rows = batch_rows(protocol, "class", TRAIN[1], 0)
    assert (np.bincount(rows.ravel()) == 2).all()


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"batch_size": 24}, "needs 24 classes. Received: 20"),
        ({"batch_size": 200, "class_samples": 0}, "needs as many examples"),
    ],
)
def test_batches_that_the_data_cannot_fill_are_refused(changes, message):
    protocol = dataclasses.replace(PROTOCOL, **changes)
    with pytest.raises(ValueError, match=message):
        train("arcface", protocol=protocol)
