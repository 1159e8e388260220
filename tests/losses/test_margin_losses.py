import golden
import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceLoss
from keras_arcface import ArcMarginLayer
from keras_arcface import CosFace
from keras_arcface import CosFaceLoss
from keras_arcface import MarginSoftmaxLoss
from keras_arcface import NormSoftmaxLoss

LOGITS = (64 * golden.COSINE).astype("float32")
LOSSES = {
    "arcface": (
        ArcFaceLoss(0.5, 64.0, tail="raw"),
        golden.ARCFACE["raw"][1],
    ),
    "arcface_reflect": (ArcFaceLoss(), golden.ARCFACE["reflect"][1]),
    "cosface": (CosFaceLoss(), golden.COSFACE_LOSS),
    "norm_softmax": (NormSoftmaxLoss(), golden.NORM_SOFTMAX_LOSS),
}


@pytest.fixture(params=LOSSES)
def case(request):
    return LOSSES[request.param]


def test_losses_are_golden(case):
    loss, expected = case
    np.testing.assert_allclose(
        float(loss(golden.LABELS, LOGITS)), expected, rtol=1e-5
    )


def test_losses_are_per_sample_and_weighted(case):
    loss, _ = case
    each = np.asarray(loss.call(golden.LABELS, LOGITS))
    assert each.shape == (4,)
    weights = np.array([1.0, 0.0, 2.0, 0.5], "float32")
    weighted = float(loss(golden.LABELS, LOGITS, sample_weight=weights))
    np.testing.assert_allclose(weighted, (each * weights).mean(), rtol=1e-5)
    config = {**loss.get_config(), "reduction": "sum"}
    total = float(type(loss).from_config(config)(golden.LABELS, LOGITS))
    np.testing.assert_allclose(total, each.sum(), rtol=1e-5)


def test_config_round_trip(case):
    loss, expected = case
    config = keras.saving.serialize_keras_object(loss)
    copy = keras.saving.deserialize_keras_object(config)
    assert type(copy) is type(loss) and copy.scale == loss.scale
    np.testing.assert_allclose(
        float(copy(golden.LABELS, LOGITS)), expected, rtol=1e-5
    )


def test_labels_may_be_a_column(case):
    loss, expected = case
    np.testing.assert_allclose(
        float(loss(golden.LABELS[:, None], LOGITS)), expected, rtol=1e-5
    )


def test_layer_loss_fits_its_layer():
    layer = ArcMarginLayer(5, 0.4, 30.0)
    loss = layer.loss()
    assert isinstance(loss, MarginSoftmaxLoss)
    assert loss.margin is layer.margin and loss.scale == 30.0


def test_a_wrong_scale_is_named():
    with pytest.raises(ValueError, match=r"outside \[-16, 16\].*layer.loss"):
        ArcFaceLoss(scale=16.0)(golden.LABELS, LOGITS)


def test_labels_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"lie in \[0, 5\)"):
        ArcFaceLoss()(np.array([0, 1, 2, 5]), LOGITS)


def test_the_margin_is_of_the_losss_kind():
    with pytest.raises(ValueError, match="Use MarginSoftmaxLoss"):
        ArcFaceLoss(CosFace(0.3))


def test_a_half_dtype_is_refused():
    with pytest.raises(ValueError, match="merges neighbouring ids"):
        MarginSoftmaxLoss(dtype="bfloat16")


@pytest.mark.skipif(
    keras.backend.backend() == "jax",
    reason="JAX has no float64 unless told so when it starts",
)
def test_float64_is_taken_and_survives_the_configuration():
    loss = ArcFaceLoss(0.5, 64.0, tail="raw", dtype="float64")
    np.testing.assert_allclose(
        float(loss(golden.LABELS, LOGITS.astype("float64"))),
        golden.ARCFACE["raw"][1],
        rtol=1e-5,
    )
    copy = ArcFaceLoss.from_config(loss.get_config())
    assert copy.dtype == "float64"


def test_scale_auto_is_the_layers():
    logits = (LOGITS / 4).astype("float32")
    auto = float(ArcFaceLoss(scale="auto")(golden.LABELS, logits))
    given = float(ArcFaceLoss(scale=16.0)(golden.LABELS, logits))
    assert auto == given
