"""The chunked path equals the dense one, in value and in gradient."""

import family
import keras
import numpy as np
import pytest
from keras import ops

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import softmax

C, DIM, BATCH = family.CLASSES, 8, 16
RNG = np.random.default_rng(0)
X = (RNG.normal(size=(BATCH, DIM)) * 5).astype("float32")
Y = RNG.integers(0, C, BATCH).astype("int32")


def make_layer(name, chunk_size, **kwargs):
    margin = family.MAKERS[name]()
    layer = ArcMarginLayer(C, margin, 20.0, chunk_size=chunk_size, **kwargs)
    layer.build((None, DIM))
    rows = C * layer.sub_centers
    layer.class_centers.assign(
        np.random.default_rng(1).normal(size=(rows, DIM))
    )
    return layer


def loss_and_gradients(layer, weights=None):
    """Returns losses, gradients by embeddings and centres, and new state."""
    losses = []

    def total(x):
        loss = layer.margin_loss(x, Y)
        losses.append(loss)
        return ops.sum(loss if weights is None else loss * weights)

    if keras.backend.backend() == "jax":
        return of_jax(layer, weights)
    import tensorflow as tf

    x = tf.constant(X)
    with tf.GradientTape() as tape:
        tape.watch(x)
        value = total(x)
    by_x, by_centers = tape.gradient(value, [x, layer.class_centers.value])
    state = [np.asarray(v.value) for v in layer.margin.variables]
    return losses[0].numpy(), by_x.numpy(), np.asarray(by_centers), state


def of_jax(layer, weights):
    import jax

    trainable = [v.value for v in layer.trainable_variables]
    fixed = [v.value for v in layer.non_trainable_variables]

    def total(trainable, x):
        mapping = zip(
            layer.trainable_variables + layer.non_trainable_variables,
            list(trainable) + fixed,
            strict=True,
        )
        with keras.StatelessScope(state_mapping=list(mapping)) as scope:
            loss = layer.margin_loss(x, Y)
            state = [scope.get_current_value(v) for v in layer.margin.variables]
        total = ops.sum(loss if weights is None else loss * weights)
        return total, (loss, state)

    (by_trainable, by_x), (loss, state) = jax.jit(
        jax.grad(total, argnums=(0, 1), has_aux=True)
    )(trainable, X)
    state = [np.asarray(v) for v in state]
    return (
        np.asarray(loss),
        np.asarray(by_x),
        np.asarray(by_trainable[0]),
        state,
    )


def assert_same(first, second, tolerance=2e-5):
    for one, other in zip(first[:3], second[:3], strict=True):
        scale = max(np.abs(other).max(), 1e-3)
        np.testing.assert_allclose(one, other, atol=tolerance * scale)
    for one, other in zip(first[3], second[3], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5)


@pytest.mark.parametrize("name", family.KINDS)
def test_every_kind_of_margin_is_exact(name):
    weights = RNG.uniform(0, 2, BATCH).astype("float32")
    dense = loss_and_gradients(make_layer(name, 0), weights)
    fused = loss_and_gradients(make_layer(name, 4), weights)
    assert_same(fused, dense)


@pytest.mark.parametrize("chunk_size", [1, 2, 5, 6, 100])
@pytest.mark.parametrize("sub_centers", [1, 3])
def test_every_division_into_chunks_is_exact(chunk_size, sub_centers):
    options = {"sub_centers": sub_centers, "label_smoothing": 0.1}
    dense, fused = (
        loss_and_gradients(make_layer("mv_arc", c, **options))
        for c in (0, chunk_size)
    )
    assert_same(fused, dense)


@pytest.mark.parametrize("kept", [0, 1, 2])
def test_chunks_kept_or_computed_anew_are_the_same(kept, monkeypatch):
    monkeypatch.setattr(softmax.plan, "KEPT_BYTES", kept * BATCH * 2 * 4)
    dense = loss_and_gradients(make_layer("arcface", 0))
    assert_same(loss_and_gradients(make_layer("arcface", 2)), dense)


def test_half_precision_is_as_near_as_the_dense_path(policy):
    exact = make_layer("arcface", 0, dtype="float32")
    exact = loss_and_gradients(exact)
    fused = loss_and_gradients(make_layer("arcface", 4))
    tolerance = {"float32": 2e-5, "mixed_float16": 1e-2}.get(policy, 8e-2)
    assert_same(fused, exact, tolerance)
    dense = loss_and_gradients(make_layer("arcface", 0))
    np.testing.assert_allclose(fused[0], dense[0], rtol=1e-2, atol=1e-2)


def test_label_smoothing_is_that_of_keras():
    layer = make_layer("arcface", 4, label_smoothing=0.2)
    logits = layer(X, labels=Y, training=True)
    expected = keras.losses.categorical_crossentropy(
        np.eye(C)[Y], logits, from_logits=True, label_smoothing=0.2
    )
    np.testing.assert_allclose(
        np.asarray(layer.margin_loss(X, Y)), np.asarray(expected), rtol=1e-4
    )


def test_small_losses_keep_their_digits():
    layer = ArcMarginLayer(1000, None, 64.0, chunk_size=300)
    layer.build((None, 1000))
    layer.class_centers.assign(np.eye(1000))
    embeddings = np.eye(1000)[:4].astype("float32")
    loss = np.asarray(layer.margin_loss(embeddings, np.arange(4)))
    np.testing.assert_allclose(loss, 999 * np.exp(-64.0), rtol=1e-5)


@pytest.mark.parametrize("chunk_size", [0, 4])
def test_a_label_outside_the_classes_is_infinite_in_a_graph(chunk_size):
    layer = make_layer("arcface", chunk_size)
    compiled = compile_loss(layer)
    loss = np.asarray(compiled(X[:3], np.array([0, -1, C], "int32")))
    assert np.isfinite(loss[0]) and np.isposinf(loss[1:]).all()


def compile_loss(layer):
    if keras.backend.backend() == "jax":
        import jax

        return jax.jit(layer.margin_loss)
    import tensorflow as tf

    return tf.function(layer.margin_loss)


def test_without_training_it_is_the_plain_loss():
    dense, fused = make_layer("adaface", 0), make_layer("adaface", 4)
    np.testing.assert_allclose(
        np.asarray(fused.margin_loss(X, Y, training=False)),
        np.asarray(dense.margin_loss(X, Y, training=False)),
        rtol=1e-5,
        atol=1e-6,
    )


@pytest.mark.parametrize(
    "name, jit_compile",
    [("arcface", False), ("magface", False), ("curricularface", True)],
)
def test_models_train_alike_in_both_paths(name, jit_compile):
    losses = []
    for chunk_size in (0, 4):
        keras.utils.set_random_seed(0)
        backbone = keras.Sequential([keras.Input((8,)), keras.layers.Dense(8)])
        head = ArcMarginLayer(
            C, family.MAKERS[name](), 10.0, chunk_size=chunk_size
        )
        model = ArcFaceModel(backbone, head)
        model.compile(
            keras.optimizers.SGD(0.1, momentum=0.9), jit_compile=jit_compile
        )
        rows = {"epochs": 5, "batch_size": 8, "shuffle": False, "verbose": 0}
        losses.append(model.fit(X, Y, **rows).history["loss"])
    assert losses[0][-1] < losses[0][0]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-4)


def test_the_path_is_chosen_by_the_number_of_logits():
    assert softmax.choose_chunk(256, 1000) is None
    assert softmax.choose_chunk(256, 10**6) >= 128
    assert softmax.choose_chunk(None, 10**7) >= 128
    # Rows of 512 bytes, or of any multiple, share few lines of a cache.
    for batch in (32, 256, 512, 8192):
        assert softmax.choose_chunk(batch, 10**7, accelerator=False) % 128
    assert softmax.choose_chunk(256, 10**6, 0) is None
    assert softmax.choose_chunk(256, 100, 1000) == 100


@pytest.mark.parametrize("chunk_size", [-1, 2.5, "auto"])
def test_bad_chunk_sizes_are_refused(chunk_size):
    with pytest.raises(ValueError, match="chunk_size must be an integer"):
        ArcMarginLayer(C, chunk_size=chunk_size)
