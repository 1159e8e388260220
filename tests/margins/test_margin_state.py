"""State that margins keep: when it moves, by what, and on whom it depends."""

import golden
import keras
import numpy as np
import pytest

from keras_arcface import AdaCos
from keras_arcface import AdaFace
from keras_arcface import ArcFace
from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer
from keras_arcface import ASoftmax
from keras_arcface import Circle
from keras_arcface import CurricularFace
from keras_arcface import ElasticFace
from keras_arcface import LiArcFace
from keras_arcface import MagFace
from keras_arcface import MVSoftmax
from keras_arcface import PerClass

EMBEDDINGS = golden.EMBEDDINGS.astype("float32")


def golden_layer(margin, scale=64.0):
    layer = ArcMarginLayer(5, margin, scale)
    layer.build((None, 4))
    layer.class_centers.assign(golden.CENTERS)
    return layer


def value(variable):
    return float(np.asarray(variable.value))


def test_curricularface_follows_the_mean_target_cosine():
    margin = CurricularFace()
    layer = golden_layer(margin)
    for t, expected in golden.CURRICULARFACE_STEPS:
        loss = np.asarray(layer.margin_loss(EMBEDDINGS, golden.LABELS)).mean()
        np.testing.assert_allclose(value(margin.t), t, rtol=1e-5)
        np.testing.assert_allclose(loss, expected, rtol=1e-5)


@pytest.mark.parametrize("alpha", golden.ADAFACE_STATE)
def test_adaface_follows_the_lengths(alpha):
    margin = AdaFace(t_alpha=alpha)
    golden_layer(margin).margin_loss(EMBEDDINGS, golden.LABELS)
    seen = value(margin.mean), value(margin.deviation)
    np.testing.assert_allclose(seen, golden.ADAFACE_STATE[alpha], rtol=1e-6)


def test_adaface_takes_a_batch_of_one():
    margin = AdaFace(t_alpha=1.0)
    loss = golden_layer(margin).margin_loss(EMBEDDINGS[:1], golden.LABELS[:1])
    assert np.isfinite(np.asarray(loss)).all()
    assert value(margin.deviation) == 100.0


def test_adacos_moves_its_scale_and_the_layer_takes_it():
    margin = AdaCos()
    layer = golden_layer(margin, 99.0)
    first, second = golden.ADACOS_SCALES
    logits = np.asarray(layer(EMBEDDINGS))
    np.testing.assert_allclose(logits, first * golden.COSINE, atol=1e-5)
    layer.margin_loss(EMBEDDINGS, golden.LABELS)
    np.testing.assert_allclose(value(margin.current_scale), second, rtol=1e-6)
    logits = np.asarray(layer(EMBEDDINGS))
    np.testing.assert_allclose(logits, second * golden.COSINE, atol=1e-5)


def test_fixed_adacos_is_a_loss_on_logits_too():
    layer = golden_layer(AdaCos(dynamic=False), 99.0)
    loss = layer.loss()(golden.LABELS, layer(EMBEDDINGS))
    expected = layer.margin_loss(EMBEDDINGS, golden.LABELS)
    np.testing.assert_allclose(
        float(loss), np.asarray(expected).mean(), rtol=1e-5
    )


def test_a_softmax_anneals_and_remembers_the_length():
    margin = ASoftmax(annealing="caffe")
    layer = golden_layer(margin)
    blends = []
    for _ in range(3):
        layer.margin_loss(EMBEDDINGS, golden.LABELS)
        blends.append(float(np.asarray(margin._lambda())))
    np.testing.assert_allclose(
        blends, [1000 / 1.12, 1000 / 1.24, 1000 / 1.36], rtol=1e-5
    )
    mean = np.linalg.norm(EMBEDDINGS, axis=1).mean()
    np.testing.assert_allclose(value(margin.mean_norm), mean, rtol=1e-5)
    plain = np.asarray(layer(golden.unit(golden.EMBEDDINGS)))
    np.testing.assert_allclose(plain, mean * golden.COSINE, rtol=1e-4)


@pytest.mark.parametrize("make", [CurricularFace, AdaFace, AdaCos, ASoftmax])
def test_state_does_not_depend_on_the_order_of_the_samples(make):
    states = []
    for order in ([0, 1, 2, 3], [2, 0, 3, 1]):
        margin = make()
        layer = golden_layer(margin)
        layer.margin_loss(EMBEDDINGS[order], golden.LABELS[order])
        states.append([np.asarray(v.value) for v in margin.variables])
    for first, second in zip(*states, strict=True):
        np.testing.assert_allclose(first, second, rtol=1e-5)


def test_elasticface_draws_around_its_margin():
    margin = ElasticFace("cos", 0.3, 0.05, seed=3)
    cosine = np.zeros(20000, "float32")
    draws = -np.asarray(margin(cosine))
    assert abs(draws.mean() - 0.3) < 0.002
    assert abs(draws.std() - 0.05) < 0.002
    again = -np.asarray(margin(cosine))
    assert np.abs(again - draws).max() > 0.01


def test_elasticface_gives_the_hardest_the_widest_margin():
    margin = ElasticFace("cos", 0.3, 0.05, plus="paper", seed=3)
    cosine = np.random.default_rng(0).uniform(-1, 1, 500).astype("float32")
    draws = cosine - np.asarray(margin(cosine))
    assert np.corrcoef(draws, cosine)[0, 1] < -0.9
    margin = ElasticFace("cos", 0.3, 0.05, plus="reference", seed=3)
    draws = cosine - np.asarray(margin(cosine))
    assert abs(np.corrcoef(draws, cosine)[0, 1]) < 0.2


def test_per_class_margins_are_those_of_their_class():
    angles = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    layer = golden_layer(PerClass(angles))
    loss = np.asarray(layer.margin_loss(EMBEDDINGS, golden.LABELS))
    for row, angle in enumerate(angles[:4]):
        single = golden_layer(ArcFace(angle))
        alone = single.margin_loss(EMBEDDINGS, golden.LABELS)
        np.testing.assert_allclose(
            loss[row], np.asarray(alone)[row], rtol=1e-5, atol=1e-6
        )


def test_margins_from_counts():
    counts = np.array([1, 16, 81])
    margin = PerClass.from_counts(counts, power=0.25, low=0.05, high=0.5)
    falling = np.array([1, 1 / 2, 1 / 3])
    expected = 0.05 + 0.45 * (falling - 1 / 3) / (2 / 3)
    np.testing.assert_allclose(margin.margins, expected, rtol=1e-6)
    margin = PerClass.from_counts(counts, power=0.5, a=0.4, b=0.1)
    np.testing.assert_allclose(
        margin.margins, 0.4 * counts**-0.5 + 0.1, rtol=1e-6
    )
    even = PerClass.from_counts([5, 5])
    np.testing.assert_allclose(even.margins, 0.05)


def test_magface_reports_its_penalty_and_adds_it():
    model = ArcFaceModel(
        keras.Sequential([keras.Input((4,)), keras.layers.Dense(4)]),
        ArcMarginLayer(5, MagFace(norm_weight=35.0), 16.0),
    )
    model.compile("sgd")
    terms = model.head.loss_terms(EMBEDDINGS, golden.LABELS)
    assert set(terms) == {"margin_softmax", "norm_penalty"}
    np.testing.assert_allclose(
        np.asarray(terms["norm_penalty"]).mean(),
        35 * golden.MAGFACE_PENALTY,
        rtol=1e-5,
    )
    history = model.fit(EMBEDDINGS, golden.LABELS, verbose=0).history
    assert history["norm_penalty"][0] > 1.0
    assert history["loss"][0] > history["norm_penalty"][0]
    result = model.evaluate(
        EMBEDDINGS, golden.LABELS, verbose=0, return_dict=True
    )
    assert np.isnan(result["norm_penalty"])  # There is none in evaluation.


def test_magface_adds_its_penalty_in_a_functional_model():
    labels = keras.Input((), dtype="int32")
    features = keras.Input((4,))
    layer = ArcMarginLayer(5, MagFace(), 16.0)
    model = keras.Model([features, labels], layer(features, labels=labels))
    model([EMBEDDINGS, golden.LABELS], training=True)
    (penalty,) = model.losses
    np.testing.assert_allclose(
        float(penalty), 35 * golden.MAGFACE_PENALTY, rtol=1e-5
    )


def test_magface_pulls_on_the_length():
    layer = golden_layer(MagFace())

    def loss(x):
        return keras.ops.sum(layer.margin_loss(x, golden.LABELS))

    (grad,) = golden.gradient(loss, EMBEDDINGS)
    along = np.sum(grad * golden.unit(golden.EMBEDDINGS), axis=1)
    assert np.abs(along[2:]).min() > 1e-3  # Longer than 10: inside the bounds.


def test_filter_above_silences_likely_duplicates():
    layer = golden_layer(ArcFace(0.5, "raw", filter_above=0.6))
    loss = np.asarray(layer.margin_loss(EMBEDDINGS, golden.LABELS))
    cosine = np.where(golden.COSINE > 0.6, 0.0, golden.COSINE)
    cosine[golden.LABELS, golden.LABELS] = golden.ARCFACE["raw"][0]
    expected = golden.cross_entropy(64 * cosine, golden.LABELS)
    np.testing.assert_allclose(loss, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("margin", [MVSoftmax(), Circle(), LiArcFace()])
def test_filter_above_silences_what_a_margin_bends(margin):
    margin.filter_above = 0.4
    cosine = np.array([[0.5, 0.3, -0.2]], "float32")
    low = np.array([-0.9], "float32")
    silenced = np.asarray(margin.negatives(cosine, low, low))
    margin.filter_above = None
    plain = np.asarray(margin.negatives(cosine, low, low))
    assert silenced[0, 0] == 0.0 and plain[0, 0] != 0.0
    np.testing.assert_array_equal(silenced[0, 1:], plain[0, 1:])


@pytest.mark.parametrize("make", [CurricularFace, AdaFace, AdaCos, ASoftmax])
def test_a_batch_with_inf_does_not_stay_in_the_state(make):
    margin = make()
    layer = golden_layer(margin)
    layer.margin_loss(EMBEDDINGS, golden.LABELS)
    broken = EMBEDDINGS.copy()
    broken[0] = np.inf
    layer.margin_loss(broken, golden.LABELS)
    assert all(np.isfinite(v.numpy()).all() for v in margin.variables)
    loss = layer.margin_loss(EMBEDDINGS, golden.LABELS)
    assert np.isfinite(np.asarray(loss)).all()


def test_a_margin_does_not_keep_the_class_count_of_another_layer():
    margin = AdaCos()
    golden_layer(margin)
    with pytest.raises(ValueError, match="from 5 classes; now there are 9"):
        ArcMarginLayer(9, margin).build((None, 4))
    margin = PerClass([0.1, 0.2, 0.3])
    margin(np.zeros(2, "float32"), labels=np.array([0, 1]))
    with pytest.raises(ValueError, match="3 margins, but there are 5"):
        ArcMarginLayer(5, margin).build((None, 4))


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: AdaCos()(np.zeros(3, "float32")), "number of classes"),
        (lambda: ASoftmax(annealing="slow"), "annealing must be one of"),
        (lambda: ASoftmax(0.5), "at least 1"),
        (lambda: MagFace(norms=(110, 10)), "rise from lower to upper"),
        (lambda: MagFace(norms=10), "two numbers"),
        (lambda: MagFace(margins=(0.4, 40.0)), "looks like degrees"),
        (lambda: AdaFace(t_alpha=1.5), r"\(0, 1\]"),
        (lambda: AdaFace(h=0), "h must be above 0"),
        (lambda: ElasticFace("sine"), "kind must be one of"),
        (lambda: ElasticFace(plus="yes"), "plus must be one of"),
        (lambda: PerClass(0.5), "one margin a class"),
        (lambda: PerClass("abc"), "margins must be numbers"),
        (lambda: PerClass.from_counts("abc"), "counts must be numbers"),
        (lambda: AdaCos(64), "takes no scale"),
        (lambda: PerClass([0.5, 28.6]), "looks like degrees"),
        (lambda: PerClass([0.5, float("nan")]), "finite"),
        (lambda: ArcMarginLayer(4, PerClass([0.1] * 3)).build((None, 2)),
         "3 margins, but there are 4 classes"),
        (lambda: PerClass.from_counts([0, 3]), "at least 1 picture"),
        (lambda: PerClass.from_counts([1, 3], a=0.4), "both a and b"),
        (lambda: ArcFace(filter_above=1.5), r"cosine in \(0, 1\)"),
    ],
)  # fmt: skip
def test_bad_arguments_say_how_to_fix_them(make, message):
    with pytest.raises(ValueError, match=message):
        make()
