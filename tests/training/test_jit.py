"""The recipe glyphs compiled by XLA, under the three dtype policies."""

import keras
import numpy as np
import pytest

from keras_arcface import Recipe
from keras_arcface.data import glyphs
from keras_arcface.training.building import build_model
from keras_arcface.training.trainer import dtype_policy

POLICIES = ("float32", "mixed_float16", "mixed_bfloat16")
STEPS, BATCH = 4, 8


@pytest.fixture(scope="module")
def data():
    return glyphs.load("train", identities=8, pictures_per_identity=4)


def losses(data, precision, jit):
    """Returns the model, and the mean loss after each step."""
    values = {"precision": precision, "jit": jit, "schedule.epochs": 1}
    recipe = Recipe.from_yaml("glyphs", values).resolved()
    keras.utils.set_random_seed(recipe.seed)
    found = []
    with dtype_policy(precision):
        model = build_model(recipe, data, STEPS)
        model.fit(
            data.batches(BATCH, epochs=1, augment=recipe.data.augment),
            steps_per_epoch=STEPS,
            callbacks=[
                keras.callbacks.LambdaCallback(
                    on_train_batch_end=lambda _, logs: found.append(
                        logs["loss"]
                    )
                )
            ],
            shuffle=False,
            verbose=0,
        )
    return model, np.array(found)


@pytest.mark.slow
@pytest.mark.parametrize("precision", POLICIES)
def test_a_few_steps_compiled_by_xla_are_finite(data, precision):
    model, found = losses(data, precision, jit=True)
    assert model.jit_compile is True
    assert len(found) == STEPS and np.isfinite(found).all()
    for weight in model.weights:
        assert np.isfinite(keras.ops.convert_to_numpy(weight)).all(), weight
    # Loss scaling may skip a step, but not all of them.
    assert int(keras.ops.convert_to_numpy(model.optimizer.iterations)) > 0
    _, plain = losses(data, precision, jit=False)
    tolerance = 1e-4 if precision == "float32" else 0.02
    np.testing.assert_allclose(found[0], plain[0], rtol=tolerance)
