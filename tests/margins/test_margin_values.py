import golden
import keras
import numpy as np
import pytest
from keras import ops

from keras_arcface import ArcFace
from keras_arcface import CosFace
from keras_arcface import NoMargin
from keras_arcface import margins
from keras_arcface.softmax import margin_cross_entropy

JAX = keras.backend.backend() == "jax"
# JAX computes in float32 unless told otherwise when it starts.
DTYPE, TOLERANCE = ("float32", 2e-6) if JAX else ("float64", 1e-9)


def mean_loss(penalized, cosine=golden.COSINE):
    loss = margin_cross_entropy(
        ops.convert_to_tensor(cosine.astype(DTYPE)),
        ops.convert_to_tensor(penalized),
        ops.convert_to_tensor(golden.LABELS),
        64.0,
    )
    return float(np.mean(np.asarray(loss)))


@pytest.mark.parametrize("tail", golden.ARCFACE)
def test_arcface_is_golden_in_every_tail(tail):
    target, loss = golden.ARCFACE[tail]
    value = margins.arcface(golden.TARGET.astype(DTYPE), 0.5, tail)
    np.testing.assert_allclose(np.asarray(value), target, atol=TOLERANCE)
    np.testing.assert_allclose(mean_loss(value), loss, rtol=TOLERANCE)


def test_cosface_and_norm_softmax_are_golden():
    target = golden.TARGET.astype(DTYPE)
    value = margins.cosface(target, 0.35)
    np.testing.assert_allclose(
        np.asarray(value), golden.COSFACE_TARGET, atol=TOLERANCE
    )
    np.testing.assert_allclose(
        mean_loss(value), golden.COSFACE_LOSS, rtol=TOLERANCE
    )
    np.testing.assert_allclose(
        mean_loss(target), golden.NORM_SOFTMAX_LOSS, rtol=TOLERANCE
    )


@pytest.mark.parametrize(
    "gradient, expected",
    [
        ("exact", golden.EXACT_GRADIENT),
        ("straight_through", golden.STRAIGHT_THROUGH_GRADIENT),
    ],
)
def test_arcface_gradients_are_golden(gradient, expected):
    def loss(target):
        value = margins.arcface(target, 0.5, "raw", gradient)
        losses = margin_cross_entropy(
            ops.convert_to_tensor(golden.COSINE.astype(DTYPE)),
            value,
            ops.convert_to_tensor(golden.LABELS),
            64.0,
        )
        return ops.mean(losses)

    (grad,) = golden.gradient(loss, golden.TARGET.astype(DTYPE))
    np.testing.assert_allclose(grad, expected, rtol=1e-3 if JAX else 2e-5)


@pytest.mark.parametrize("margin", [ArcFace(0.5), CosFace(0.35), NoMargin()])
@pytest.mark.parametrize("cosine", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_gradients_are_finite_everywhere(margin, cosine, policy):
    (grad,) = golden.gradient(
        lambda c: ops.sum(margin(c)), np.array([cosine], "float32")
    )
    assert np.isfinite(grad).all()


@pytest.mark.parametrize("tail", ["reflect", "linear", "clamp"])
def test_these_tails_never_rise_with_the_angle(tail):
    cosine = np.cos(np.linspace(0, np.pi, 2001)).astype("float32")
    value = np.asarray(margins.arcface(cosine, 0.5, tail))
    assert (np.diff(value) <= 1e-6).all()


def test_the_raw_tail_rises_past_pi_minus_margin():
    cosine = np.cos(np.linspace(np.pi - 0.4, np.pi, 100)).astype("float32")
    assert np.diff(np.asarray(margins.arcface(cosine, 0.5, "raw"))).min() > 0


@pytest.mark.parametrize("tail", ["reflect", "clamp"])
def test_these_tails_are_continuous(tail):
    cosine = np.cos(np.linspace(0, np.pi, 20001)).astype("float32")
    value = np.asarray(margins.arcface(cosine, 0.5, tail))
    assert np.abs(np.diff(value)).max() < 1e-3


@pytest.mark.parametrize("margin", [ArcFace(0.5), CosFace(0.35)])
def test_strength_scales_the_margin(margin):
    cosine = golden.TARGET.astype("float32")
    margin.strength.assign(0.0)
    np.testing.assert_allclose(np.asarray(margin(cosine)), cosine, atol=3e-7)
    margin.strength.assign(0.5)
    half = type(margin)(margin.margin / 2)
    np.testing.assert_allclose(
        np.asarray(margin(cosine)), np.asarray(half(cosine)), atol=1e-6
    )


def test_zero_margin_is_the_norm_softmax():
    cosine = golden.TARGET.astype("float32")
    for tail in golden.ARCFACE:
        value = np.asarray(ArcFace(0.0, tail=tail)(cosine))
        np.testing.assert_allclose(value, cosine, atol=3e-7)


@pytest.mark.parametrize(
    "given, expected",
    [
        (0.4, ("ArcFace", 0.4)),
        ("0.4", ("ArcFace", 0.4)),
        ("arcface", ("ArcFace", 0.5)),
        ("cosface:0.4", ("CosFace", 0.4)),
        (None, ("NoMargin", None)),
        ("none", ("NoMargin", None)),
    ],
)
def test_get_understands_what_users_write(given, expected):
    margin = margins.get(given)
    assert type(margin).__name__ == expected[0]
    assert getattr(margin, "margin", None) == expected[1]


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: ArcFace(28.6), r"looks like degrees.*28\.6.*0\.499"),
        (lambda: ArcFace(-0.1), r"\[0, pi/2\)"),
        (lambda: ArcFace(float("nan")), "finite"),
        (lambda: ArcFace("big"), "must be a number"),
        (lambda: ArcFace(0.5, tail="mm"), "tail must be one of"),
        (lambda: ArcFace(0.5, gradient="none"), "gradient must be one of"),
        (lambda: CosFace(1.2), "units of cosine"),
        (lambda: margins.get("arc"), "'arcface', 'cosface'.*'none'"),
        (lambda: margins.get("none:3"), "takes no value"),
        (lambda: margins.get("arcface:29"), "looks like degrees"),
        (lambda: margins.check_scale("big"), "scale must be"),
        (lambda: margins.check_scale(-3), "scale must be"),
    ],
)
def test_bad_arguments_say_how_to_fix_them(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "margin",
    [ArcFace(0.3, "easy", "straight_through"), CosFace(0.2), NoMargin()],
)
def test_config_round_trip(margin):
    copy = type(margin).from_config(margin.get_config())
    assert copy.get_config() == margin.get_config()


def test_auto_scale_is_adacos_with_a_floor():
    np.testing.assert_allclose(margins.auto_scale(93431), 16.186, atol=1e-3)
    assert margins.auto_scale(2) == margins.auto_scale(600) == 16.0
