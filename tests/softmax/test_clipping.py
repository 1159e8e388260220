import keras
import numpy as np
import pytest

from keras_arcface import ArcFaceModel
from keras_arcface import ArcMarginLayer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(16, 8)).astype("float32")
Y = RNG.integers(0, 10, 16).astype("int32")
# All classes, and all of them as a sample, whose rows are moved apart.
RATES = (1.0, 1.0 - 1e-9)


def make_model(clip_backbone=None, sample_rate=1.0, **options):
    keras.utils.set_random_seed(0)
    backbone = keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(8),
            keras.layers.Dense(8, dtype="float32"),
        ]
    )
    head = ArcMarginLayer(10, 0.3, 16.0, sample_rate=sample_rate)
    model = ArcFaceModel(backbone, head)
    optimizer = keras.optimizers.SGD(1.0, **options)
    if keras.config.dtype_policy().name == "mixed_float16":
        # Keras begins with a scale that overflows here, and skips the step.
        optimizer = keras.optimizers.LossScaleOptimizer(optimizer, 64.0)
    model.compile(optimizer, clip_backbone=clip_backbone)
    return model


def weights(model):
    return [
        keras.ops.convert_to_numpy(variable)
        for variable in model.trainable_variables
    ]


def moved(model, batch_size=16):
    """Returns minus the gradient: the step of SGD with a rate of 1."""
    before = weights(model)
    model.fit(X, Y, batch_size=batch_size, shuffle=False, verbose=0)
    return [new - old for new, old in zip(weights(model), before, strict=True)]


def norm(steps):
    return np.sqrt(sum(np.square(step).sum() for step in steps))


def assert_clipped(free, clipped, limit, rtol=1e-4):
    *backbone, head = free
    assert norm(backbone) > 2 * limit  # Or there is nothing to see.
    factor = limit / norm(backbone)
    expected = [step * factor for step in backbone] + [head]
    for one, other in zip(clipped, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=rtol, atol=1e-5)


@pytest.mark.parametrize("sample_rate", RATES)
def test_the_backbone_is_clipped_together_and_the_centres_are_not(
    policy, sample_rate
):
    free = moved(make_model(None, sample_rate))
    clipped = moved(make_model(0.05, sample_rate))
    half = policy != "float32"
    assert_clipped(free, clipped, 0.05, rtol=2e-2 if half else 1e-4)


def test_a_gradient_below_the_limit_stays_as_it_is():
    for free, high in zip(
        moved(make_model()), moved(make_model(1e6)), strict=True
    ):
        np.testing.assert_array_equal(free, high)


@pytest.mark.parametrize("sample_rate", RATES)
def test_what_is_clipped_is_not_the_scaled_gradient(sample_rate):
    clipped = make_model(0.05, sample_rate, loss_scale_factor=256.0)
    assert_clipped(moved(make_model()), moved(clipped), 0.05)


@pytest.mark.parametrize("scale", [None, 256.0])
def test_the_average_of_accumulated_batches_is_clipped(scale):
    options = {"gradient_accumulation_steps": 4, "loss_scale_factor": scale}
    free = moved(make_model(None, **options), 4)
    assert_clipped(free, moved(make_model(0.05, **options), 4), 0.05)


def test_a_frozen_backbone_has_nothing_to_clip():
    models = [make_model(), make_model(0.05)]
    for model, limit in zip(models, (None, 0.05), strict=True):
        model.backbone.trainable = False
        model.compile(keras.optimizers.SGD(1.0), clip_backbone=limit)
    free, clipped = (moved(model) for model in models)
    assert len(free) == 1
    np.testing.assert_array_equal(free[0], clipped[0])


def test_a_loaded_model_still_clips(tmp_path):
    make_model(0.05).save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert_clipped(moved(make_model()), moved(loaded), 0.05)


def test_compiling_anew_undoes_it():
    model = make_model(0.05)
    optimizer = keras.optimizers.SGD(1.0)
    model.compile(optimizer, clip_backbone=0.05)
    model.compile(optimizer)
    for free, other in zip(moved(make_model()), moved(model), strict=True):
        np.testing.assert_array_equal(free, other)


def test_a_gradient_that_is_nan_is_not_hidden():
    model = make_model(0.05)
    model.fit(np.full_like(X, np.nan), Y, batch_size=16, verbose=0)
    assert all(np.isnan(step).all() for step in weights(model)[:4])


@pytest.mark.parametrize("value", [0, -1.0, True, "5", float("inf")])
def test_a_limit_that_is_none_is_refused(value):
    with pytest.raises(ValueError, match="clip_backbone must be a positive"):
        make_model(value)
