"""A whole run of two phases, and runs that were stopped on the way."""

import drawing
import keras
import numpy as np
import pytest

from keras_arcface.training import Place
from keras_arcface.training import Recipe
from keras_arcface.training import resume_point
from keras_arcface.training import train
from keras_arcface.training import trainer


class Stop(Exception):
    pass


class Watch(keras.callbacks.Callback):
    """Sees what trains; stops as a crash would as an epoch begins."""

    def __init__(self, stop_at=None):
        super().__init__()
        self.stop_at = stop_at
        self.trains = []

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.stop_at:
            raise Stop
        self.trains.append(bool(self.model.backbone.trainable_variables))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return drawing.identities_folder(tmp_path_factory.mktemp("data"), 12, 4)


def recipe(folder, output):
    return Recipe.from_values(
        {
            "data.source": str(folder),
            "output": str(output),
            "data.image_size": 32,
            "data.augment": "none",
            "backbone.name": "smallnet",
            "backbone.embedding_dim": 16,
            "backbone.frozen_epochs": 1,
            "optimizer.learning_rate": 0.05,
            "optimizer.clip_norm": 0.5,
            "optimizer.ema": 0.9,
            "schedule.epochs": 3,
            "schedule.batch_size": 8,
            "evaluation.holdout": 0.4,
            "watch.angles": False,
        }
    )


def run(recipe, watch, resume=False):
    make = trainer.make_callbacks
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            trainer, "make_callbacks", lambda *args: [*make(*args), watch]
        )
        return train(recipe, resume=resume)


def values(model):
    return [
        keras.ops.convert_to_numpy(v)
        for v in (*model.variables, *model.optimizer.variables)
    ]


@pytest.fixture(scope="module")
def whole(folder, tmp_path_factory):
    watch = Watch()
    plan = recipe(folder, tmp_path_factory.mktemp("runs") / "whole")
    return run(plan, watch), watch


def test_the_backbone_trains_when_its_epochs_of_rest_are_over(whole):
    result, watch = whole
    assert watch.trains == [False, True, True]
    saved = resume_point(result.folder)
    assert saved.phase == 1 and saved.place == Place(3, 0)


@pytest.mark.parametrize("stop_at", [1, 2])
def test_stopped_at_a_border_and_after_it_a_run_ends_the_same(
    folder, tmp_path, whole, stop_at
):
    plan = recipe(folder, tmp_path / "run")
    with pytest.raises(Stop):
        run(plan, Watch(stop_at))
    assert resume_point(tmp_path / "run").phase == stop_at - 1
    watch = Watch()
    resumed = run(plan, watch, resume=True)
    assert watch.trains == [True] * (3 - stop_at)
    for one, other in zip(
        values(resumed.model), values(whole[0].model), strict=True
    ):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)
