"""All losses on embeddings, pair losses and heads alike."""

import compiled
import golden
import keras
import numpy as np
import pytest
import registry
from keras import ops
from registry import ALL
from registry import PAIR_LOSSES
from registry import per_sample

LABELS, EMBEDDINGS = registry.batch()


@pytest.fixture(params=ALL)
def name(request):
    return request.param


def value_and_gradient(name, labels, embeddings):
    if compiled.JAX:
        return compiled.once(name)(labels, embeddings)
    make, _ = ALL[name]
    value = float(ops.mean(per_sample(make(), labels, embeddings)))
    (grad,) = golden.gradient(
        lambda x: ops.mean(per_sample(make(), labels, x)), embeddings
    )
    return value, np.asarray(grad, "float32")


@pytest.mark.parametrize("seed", [0, 2])
def test_values_are_those_of_the_loops(name, seed):
    make, naive = ALL[name]
    labels, embeddings = registry.batch(seed)
    if seed == 2:
        embeddings[4] = embeddings[1]
    losses = np.asarray(per_sample(make(), labels, embeddings))
    assert losses.shape == (10,) and losses.dtype == "float32"
    expected = naive(labels, embeddings.astype("float64"))
    np.testing.assert_allclose(losses.mean(), expected, rtol=2e-5, atol=1e-6)


def test_gradients_are_those_of_finite_differences(name):
    _, naive = ALL[name]
    if "memory" in name:
        pytest.skip("its gradient goes through the query; see test_memory.py")
    _, grad = value_and_gradient(name, LABELS, EMBEDDINGS)
    expected = np.zeros_like(grad)
    for place in np.ndindex(*grad.shape):
        step = np.zeros(grad.shape)
        step[place] = 1e-6
        rise = naive(LABELS, EMBEDDINGS + step) - naive(
            LABELS, EMBEDDINGS - step
        )
        expected[place] = rise / 2e-6
    np.testing.assert_allclose(grad, expected, rtol=1e-3, atol=2e-4)


# These learn from a pair of either kind, or from proxies; all others compare a
# positive pair with a negative one.
EITHER = [
    "pair_contrastive", "pair_contrastive_margins", "snr_contrastive",
    "multi_similarity", "proxy_nca", "proxy_nca_negatives", "proxy_anchor",
    "soft_triple", "memory",
]  # fmt: skip
NEEDS_BOTH = [name for name in ALL if name not in EITHER]


@pytest.mark.parametrize(
    "labels", [np.zeros(10), np.arange(10)], ids=["one_class", "all_different"]
)
@pytest.mark.parametrize("needs_both", NEEDS_BOTH)
def test_without_a_valid_pair_loss_and_gradient_are_zero(needs_both, labels):
    value, grad = value_and_gradient(
        needs_both, labels.astype("int32"), EMBEDDINGS
    )
    assert value == 0.0 and (grad == 0.0).all()


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_a_batch_of_one_gives_zero(name):
    loss = PAIR_LOSSES[name][0]()
    assert float(loss(LABELS[:1], EMBEDDINGS[:1])) == 0.0


ONE = np.eye(4, dtype="float32")[0]
HARD = {
    "equal": [ONE],
    "zero": [0 * ONE],
    "opposite": [ONE, -ONE],
    "zero_and_equal": [0 * ONE, ONE, ONE, 0 * ONE, -ONE],
    "constant": [np.ones(4), 2 * np.ones(4), ONE, ONE],
    "tiny": 1e-20 * EMBEDDINGS,
    "huge": 1e8 * EMBEDDINGS,
}


def test_gradients_are_finite_on_hard_batches(name):
    step = compiled.once(name)
    for case, embeddings in HARD.items():
        embeddings = np.resize(embeddings, (10, 4)).astype("float32")
        for labels in ([0, 0, 1, 1, 2], [0, 1], [0], range(10)):
            if name == "lifted_struct" and case == "huge":
                continue  # Squares of 1e8, not normalised: large, not wrong.
            value, grad = step(
                np.resize(labels, 10).astype("int32"), embeddings
            )
            assert np.isfinite(value), (case, labels)
            assert np.isfinite(grad).all(), (case, labels)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_computed_in_float32(name, dtype):
    keras.config.set_dtype_policy(f"mixed_{dtype}")
    try:
        loss = ALL[name][0]()
        rounded = ops.cast(EMBEDDINGS, dtype)
        half = per_sample(loss, LABELS, rounded)
        full = per_sample(ALL[name][0](), LABELS, ops.cast(rounded, "float32"))
    finally:
        keras.config.set_dtype_policy("float32")
    assert keras.backend.standardize_dtype(half.dtype) == "float32"
    np.testing.assert_allclose(np.asarray(half), np.asarray(full), rtol=1e-6)


def test_the_order_of_the_batch_and_the_names_of_classes_do_not_matter(name):
    make, _ = ALL[name]
    losses = np.asarray(per_sample(make(), LABELS, EMBEDDINGS))
    order = np.random.default_rng(1).permutation(10)
    moved = per_sample(make(), LABELS[order], EMBEDDINGS[order])
    np.testing.assert_allclose(
        np.asarray(moved), losses[order], rtol=2e-5, atol=1e-6
    )
    if name in PAIR_LOSSES:
        renamed = per_sample(make(), 7000001 - LABELS, EMBEDDINGS)
        np.testing.assert_allclose(np.asarray(renamed), losses, rtol=1e-6)


def test_config_round_trip(name):
    loss = ALL[name][0]()
    copy = keras.saving.deserialize_keras_object(
        keras.saving.serialize_keras_object(loss)
    )
    assert type(copy) is type(loss)
    assert copy.get_config() == loss.get_config()


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_sample_weights_and_every_reduction(name):
    make, _ = PAIR_LOSSES[name]
    each = np.asarray(make().call(LABELS, EMBEDDINGS))
    weights = np.linspace(0, 2, 10).astype("float32")
    expected = {
        "sum_over_batch_size": (each * weights).mean(),
        "mean": (each * weights).mean(),
        "sum": (each * weights).sum(),
        "mean_with_sample_weight": (each * weights).sum() / weights.sum(),
        "none": each * weights,
        None: each * weights,
    }
    for reduction, value in expected.items():
        config = {**make().get_config(), "reduction": reduction}
        loss = type(make()).from_config(config)
        weighted = np.asarray(loss(LABELS, EMBEDDINGS, weights))
        np.testing.assert_allclose(weighted, value, rtol=2e-5, atol=1e-6)


@pytest.mark.parametrize("name", registry.EACH_KIND)
def test_graph_and_xla_equal_eager(name):
    eager = per_sample(ALL[name][0](), LABELS, EMBEDDINGS)
    eager = float(ops.mean(eager))
    if compiled.JAX:
        value, _ = compiled.once(name)(LABELS, EMBEDDINGS)
        np.testing.assert_allclose(value, eager, rtol=1e-5, atol=1e-6)
        return
    _, eager_grad = value_and_gradient(name, LABELS, EMBEDDINGS)
    # Outside XLA with a batch size that the graph does not know.
    for size, jit in ((None, False), (10, True)):
        value, grad = compiled.gradient(name, size, jit)(LABELS, EMBEDDINGS)
        np.testing.assert_allclose(value, eager, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(grad, eager_grad, rtol=1e-4, atol=1e-6)


def test_a_nan_never_becomes_a_number(name):
    make, _ = ALL[name]
    embeddings = np.array(EMBEDDINGS)
    embeddings[3, 1] = np.nan
    losses = np.asarray(per_sample(make(), LABELS, embeddings))
    assert np.isnan(losses.mean())


@pytest.mark.parametrize("name", PAIR_LOSSES)
def test_labels_of_another_number_are_named(name):
    make, _ = PAIR_LOSSES[name]
    with pytest.raises(ValueError, match="10 embeddings"):
        make()(LABELS[:4], EMBEDDINGS)
