"""Every margin against the golden values, in float64 and through the layer."""

import golden
import keras
import numpy as np
import pytest
from keras import ops

from keras_arcface import ArcMarginLayer
from keras_arcface import margins
from keras_arcface.margins import adacos
from keras_arcface.margins import adaface
from keras_arcface.margins import circle
from keras_arcface.margins import curricularface
from keras_arcface.margins import elasticface
from keras_arcface.margins import li_arcface
from keras_arcface.margins import magface
from keras_arcface.margins import mv_softmax
from keras_arcface.softmax import log_negatives
from keras_arcface.softmax import margin_cross_entropy

JAX = keras.backend.backend() == "jax"
# JAX computes in float32 unless told otherwise when it starts.
DTYPE, TOLERANCE = ("float32", 1e-5) if JAX else ("float64", 1e-9)
COSINE = golden.COSINE.astype(DTYPE)
TARGET = golden.TARGET.astype(DTYPE)
NORM = np.linalg.norm(golden.EMBEDDINGS, axis=1).astype(DTYPE)


def mean_loss(target, scale, negatives=COSINE):
    loss = margin_cross_entropy(
        ops.convert_to_tensor(negatives),
        ops.convert_to_tensor(target),
        ops.convert_to_tensor(golden.LABELS),
        scale,
    )
    return float(np.mean(np.asarray(loss)))


def close(value, expected):
    np.testing.assert_allclose(
        np.asarray(value), expected, rtol=TOLERANCE, atol=1e-10
    )


def column(values):
    return ops.expand_dims(ops.convert_to_tensor(values), -1)


def combined_case(name):
    _, args, scale, loss = golden.FAMILY[name]
    args = dict(args)
    if "margin" in args:
        args["m1"] = args.pop("margin")
    if name == "sphereface":
        args["m1"] = 1.35
    if name == "cm1":
        args.update(m2=0.3, m3=0.2)
    return margins.combined(TARGET, **args), scale, loss


@pytest.mark.parametrize("name", ["sphereface", "sphereface_r", "cm1", "cm2"])
def test_combined_margins(name):
    target, scale, loss = combined_case(name)
    # The value of SphereFace-R is opensphere's, which clips all cosines.
    edge = 1.0 - 1e-5 if name == "sphereface_r" else 1.0
    close(mean_loss(target, scale, np.clip(COSINE, -edge, edge)), loss)
    if name in golden.TARGETS:
        np.testing.assert_allclose(
            np.asarray(target), golden.TARGETS[name], atol=max(TOLERANCE, 1e-9)
        )


def test_a_softmax():
    for name, annealing in (
        ("a_softmax_5", 5.0),
        ("a_softmax_1364", 1500 / 1.1),
        ("a_softmax_0", 0.0),
    ):
        target = margins.a_softmax(TARGET, 4.0, annealing)
        loss = mean_loss(target, column(NORM))
        close(loss, golden.FAMILY[name][3])


def test_li_arcface():
    target = li_arcface.linear_angle(TARGET, 0.45)
    np.testing.assert_allclose(
        np.asarray(target), golden.TARGETS["li_arcface"], atol=1e-6
    )
    if not JAX:  # In float32 a cosine of 1 may be an angle of 3e-4.
        loss = mean_loss(target, 64.0, li_arcface.linear_angle(COSINE))
        close(loss, golden.FAMILY["li_arcface"][3])


def test_curricularface():
    moved = column(margins.arcface(TARGET, 0.5, "raw"))
    target = margins.arcface(TARGET, 0.5, "linear")
    t = 0.0
    for expected, loss in golden.CURRICULARFACE_STEPS:
        t = 0.01 * TARGET.mean() + 0.99 * t
        np.testing.assert_allclose(t, expected, atol=1e-10)
        bent = curricularface.curricular_negatives(COSINE, moved, t)
        close(mean_loss(target, 64.0, bent), loss)


@pytest.mark.parametrize(
    "alpha, name", [(1.0, "adaface_alpha_1"), (0.01, "adaface")]
)
def test_adaface(alpha, name):
    norm = ops.convert_to_tensor(NORM)
    mean = alpha * NORM.mean() + (1 - alpha) * 20.0
    spread = np.asarray(adaface.unbiased_deviation(norm))
    deviation = alpha * spread + (1 - alpha) * 100.0
    np.testing.assert_allclose(
        (mean, deviation), golden.ADAFACE_STATE[alpha], rtol=TOLERANCE
    )
    z = adaface.quality(norm, mean, deviation, 0.333)
    target = adaface.adaface(TARGET, 0.4, z)
    np.testing.assert_allclose(
        np.asarray(target), golden.TARGETS[name], atol=max(TOLERANCE, 1e-9)
    )
    loss = mean_loss(target, 64.0, adaface.clip_to_edge(COSINE))
    close(loss, golden.FAMILY[name][3])


@pytest.mark.parametrize("tail", ["easy", "linear"])
def test_magface(tail):
    norms, bounds = (10.0, 110.0), (0.45, 0.8)
    margin = magface.magface_margin(NORM, norms, bounds)
    np.testing.assert_allclose(
        np.asarray(margin), golden.MAGFACE_MARGINS, atol=1e-7
    )
    target = margins.arcface(TARGET, margin, tail)
    np.testing.assert_allclose(
        np.asarray(target),
        golden.TARGETS[f"magface_{tail}"],
        atol=max(TOLERANCE, 1e-9),
    )
    close(mean_loss(target, 64.0), golden.FAMILY[f"magface_{tail}"][3])
    penalty = np.asarray(magface.magface_penalty(NORM, norms)).mean()
    np.testing.assert_allclose(penalty, golden.MAGFACE_PENALTY, atol=1e-8)


def test_adacos():
    before, after = golden.ADACOS_SCALES
    np.testing.assert_allclose(adacos.fixed_scale(5), before, atol=1e-10)
    labels = ops.convert_to_tensor(golden.LABELS)
    negatives = log_negatives(ops.convert_to_tensor(COSINE), labels, before)
    scale = adacos.adacos_scale(ops.convert_to_tensor(TARGET), negatives)
    np.testing.assert_allclose(float(scale), after, rtol=TOLERANCE)
    close(mean_loss(TARGET, float(scale)), golden.FAMILY["adacos"][3])


@pytest.mark.parametrize(
    "name, target",
    [
        ("mv_am", TARGET - 0.35),
        ("mv_am_easy", np.where(TARGET > 0, TARGET - 0.35, TARGET)),
        ("mv_arc", margins.arcface(TARGET, 0.5, "raw")),
        ("mv_arc_easy", margins.arcface(TARGET, 0.5, "easy")),
    ],
)
def test_mv_softmax(name, target):
    bent = mv_softmax.mv_negatives(COSINE, column(target), 0.2)
    close(mean_loss(target, 32.0, bent), golden.FAMILY[name][3])


def test_circle():
    target = circle.circle_target(TARGET, 0.25)
    bent = circle.circle_negatives(COSINE, 0.25)
    close(mean_loss(target, 256.0, bent), golden.FAMILY["circle"][3])


def test_elasticface():
    draws = np.array(golden.ELASTIC_DRAWS, DTYPE)
    target = margins.arcface(TARGET, draws, "raw")
    close(mean_loss(target, 64.0), golden.ELASTIC_LOSS)
    given = elasticface.assign_margins(draws, ops.convert_to_tensor(TARGET))
    np.testing.assert_allclose(np.asarray(given), golden.ELASTIC_PLUS)
    target = margins.arcface(TARGET, given, "raw")
    close(mean_loss(target, 64.0), golden.ELASTIC_PLUS_LOSS)


@pytest.mark.parametrize(
    "plus, expected",
    [
        ("paper", [0.55, 0.40, 0.50, 0.45, 0.60]),
        ("reference", [0.45, 0.55, 0.50, 0.40, 0.60]),
    ],
)
def test_elasticface_plus_as_the_paper_says_and_as_the_code_does(
    plus, expected
):
    cosine = np.array([0.2, 0.9, 0.5, 0.7, 0.1], "float32")
    draws = np.array([0.4, 0.45, 0.5, 0.55, 0.6], "float32")
    given = elasticface.assign_margins(draws, cosine, plus)
    np.testing.assert_allclose(np.asarray(given), expected)


def golden_layer(margin, scale):
    layer = ArcMarginLayer(5, margin, scale)
    layer.build((None, 4))
    layer.class_centers.assign(golden.CENTERS)
    return layer


@pytest.mark.parametrize("name", golden.FAMILY)
def test_the_layer_gives_the_golden_loss(name):
    margin, args, scale, expected = golden.FAMILY[name]
    layer = golden_layer(getattr(margins, margin)(**args), scale)
    embeddings = golden.EMBEDDINGS.astype("float32")
    loss = np.asarray(layer.margin_loss(embeddings, golden.LABELS))
    assert loss.shape == (4,)
    # At a cosine of 1 a float32 angle is known to 3e-4 only.
    tolerance = 2e-4 if name == "li_arcface" else 1e-5
    np.testing.assert_allclose(loss.mean(), expected, rtol=tolerance)


@pytest.mark.parametrize("name", golden.FAMILY)
def test_logits_and_stock_cross_entropy_give_the_golden_loss(name):
    margin, args, scale, expected = golden.FAMILY[name]
    layer = golden_layer(getattr(margins, margin)(**args), scale)
    embeddings = golden.EMBEDDINGS.astype("float32")
    logits = layer(embeddings, labels=golden.LABELS, training=True)
    loss = golden.cross_entropy(np.asarray(logits, "float64"), golden.LABELS)
    tolerance = 2e-4 if name == "li_arcface" else 1e-5
    np.testing.assert_allclose(loss.mean(), expected, rtol=tolerance)


def test_the_fig_4b_curves():
    """Target logits over the scale, at the angles of the paper's figure."""
    degrees = [0, 20, 30, 45, 60, 80, 90, 100, 120, 150, 160, 180]
    cosine = np.cos(np.radians(degrees)).astype(DTYPE)
    # fmt: off
    curves = {
        ("CM1", margins.Combined(tail="raw")): [.75534, .59665, .47959, .26656, .02174, -.32514, -.49552, -.65692, -.93360, -1.17511, -1.19880, -1.15534],  # noqa: E501
        ("CM2", margins.Combined(.9, .4, .15, "raw")): [.77106, .60564, .49388, .29747, .07634, -.23574, -.39054, -.53942, -.80498, -1.07665, -1.12405, -1.14632],  # noqa: E501
        ("SphereFace", margins.SphereFace(tail="raw")): [1, .89101, .76041, .48862, .15643, -.30902, -.52250, -.70711, -.95106, -.92388, -.80902, -.45399],  # noqa: E501
        ("psi", margins.ASoftmax(annealing=0.0)): [1, .17365, -.5, -1, -1.5, -2.76604, -3, -3.23396, -4.5, -5.5, -6.17365, -7],  # noqa: E501
        ("lambda 5", margins.ASoftmax(annealing=5.0)): [1, .81202, .63835, .42259, .16667, -.31630, -.5, -.68370, -1.16667, -1.63835, -1.81202, -2],  # noqa: E501
        ("Li", margins.LiArcFace()): [.71352, .49130, .38019, .21352, .04685, -.17537, -.28648, -.39759, -.61981, -.95315, -1.06426, -1.28648],  # noqa: E501
    }
    # fmt: on
    for (name, margin), expected in curves.items():
        value = np.asarray(margin.penalize(cosine.astype("float32")))
        np.testing.assert_allclose(value, expected, atol=1.2e-3, err_msg=name)
