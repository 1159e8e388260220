"""A model on its way from a place in a run to the run's end."""

import contextlib

import keras

from keras_arcface.data import plain_errors
from keras_arcface.training.averaging import take_averages
from keras_arcface.training.building import build_model
from keras_arcface.training.building import enter_phase
from keras_arcface.training.building import phases
from keras_arcface.training.checkpoints import Checkpoints
from keras_arcface.training.course import Course
from keras_arcface.training.progress import TrainingProgress
from keras_arcface.training.saved_run import Place
from keras_arcface.training.stopping import StopSignal


class Run:
    """What trains: the model, where it trains, and where it stands.

    Args:
        recipe: `Recipe`, its defaults filled in.
        placement: `Placement`, where to train.
        folder: The run's folder.
        training: `ImageData` to train on.
        saved: The `SavedRun` to go on from; None at the start of a run.

    Attributes:
        model: The `ArcFaceModel`.
        checkpoints: The `Checkpoints`, with the history of the epochs.
    """

    def __init__(self, recipe, placement, folder, training, saved=None):
        schedule, keeping = recipe.schedule, recipe.checkpoints
        self.recipe, self.placement = recipe, placement
        self.folder, self.training, self.saved = folder, training, saved
        self.steps = training.steps(schedule.batch_size, drop_remainder=True)
        self.place = Place(0, 0) if saved is None else saved.place
        self.phases = phases(recipe)
        self.stop = StopSignal(folder)
        self.checkpoints = Checkpoints(
            folder,
            recipe.evaluation.monitor,
            every_steps=keeping.every_steps,
            keep=keeping.keep,
            saved=saved,
            stop=self.stop,
            judged_every=recipe.evaluation.every,
        )
        with placement.scope():
            self.model = build_model(
                recipe, training, self.steps, resumed=saved is not None
            )
        _check_loss_scaling(self.model, recipe.precision)

    def train(self, callbacks):
        """Trains to the end of the run, judging and saving on the way."""
        epochs = self.recipe.schedule.epochs
        self.checkpoints.remembering = callbacks
        if self.saved is not None:
            self._enter(self.saved.phase)
            with self.placement.scope():
                self.saved.restore(self.model, callbacks)
            self.saved.forget()
            print(self.saved.describe(epochs))
            if self.checkpoints.history:
                self.checkpoints.write_history()
        course = Course(
            [*callbacks, self.checkpoints],
            self.model,
            epochs,
            self.steps,
            self.saved,
        )
        # Also where all epochs are done: a kill may have come before its end.
        with plain_errors(), _closing(callbacks), self._listening():
            with course.training():
                self._train_phases(course)
        take_averages(self.model)

    def _train_phases(self, course):
        place = self.place
        for number, phase in enumerate(self.phases):
            if phase.end_epoch <= place.epoch:
                continue
            self._enter(number)
            course.run(self._fit(course), place, until=phase.end_epoch)
            place = Place(phase.end_epoch, 0)
            if self.model.stop_training:
                break

    def _enter(self, number):
        """Sets what trains in a phase, unless it is so already."""
        if number == self.checkpoints.phase:
            return
        phase = self.phases[number]
        with self.placement.scope():
            enter_phase(self.model, self.recipe, phase, self.steps)
        self.checkpoints.phase = number

    def _listening(self):
        # Workers that stop after different steps would wait for each other.
        # One that ends at once ends all, to go on from the last checkpoint.
        several = self.placement.shard[1] > 1
        return contextlib.nullcontext() if several else self.stop.listening()

    def _fit(self, course):
        def fit(first_epoch, first_step, epochs):
            batches = self.placement.batches(
                self.training,
                self.recipe,
                epoch=first_epoch,
                start_step=first_step,
                epochs=epochs - first_epoch,
            )
            self.placement.fit(
                self.model,
                batches,
                course,
                first_epoch=first_epoch,
                first_step=first_step,
                epochs=epochs,
                steps_per_epoch=self.steps,
            )

        return fit


@contextlib.contextmanager
def _closing(callbacks):
    """Takes the live bar off the terminal however training ends."""
    try:
        yield
    finally:
        for callback in callbacks:
            if isinstance(callback, TrainingProgress):
                callback.close()


def _check_loss_scaling(model, precision):
    """Makes sure that float16 gradients do not underflow unseen."""
    scaled = isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    if scaled != (precision == "mixed_float16"):
        raise RuntimeError(
            f"precision={precision}, and the optimizer is a "
            f"{type(model.optimizer).__name__}: the dtype policy must be set "
            "before the model is built."
        )
