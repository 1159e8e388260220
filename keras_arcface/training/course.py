"""A run's callbacks over several calls of fit, as if it were one.

Keras can begin `fit` at an epoch but not within one. So the rest of a broken
epoch is one call and the epochs after it another. The callbacks see one
training: one begin, one end, true numbers of epochs and batches.
"""

import contextlib

import keras

from keras_arcface.training.averaging import training_weights_kept


class Course(keras.callbacks.CallbackList):
    """Passes to callbacks where a run truly is.

    Give it to `fit` as its `callbacks`.

    Args:
        callbacks: List of callbacks.
        model: Compiled model.
        epochs: Int, of the whole run.
        steps: Int, of a whole epoch.
        saved: The `SavedRun` to go on from; None at the start of a run.
    """

    def __init__(self, callbacks, model, epochs, steps, saved=None):
        super().__init__(
            callbacks, add_history=True, model=model, epochs=epochs, steps=steps
        )
        self.first_step = 0
        self._saved = saved

    @contextlib.contextmanager
    def training(self):
        """Tells the callbacks that the training begins, and that it ended."""
        super().on_train_begin()
        yield
        super().on_train_end()

    def run(self, fit, place, until=None):
        """Trains from a place on, inside `training()`.

        Args:
            fit: `fit(first_epoch, first_step, epochs)`, which trains from
                that step up to but not including epoch number `epochs`, with
                these callbacks.
            place: `Place` to begin at.
            until: Int, number of the epoch to end before; by default the end
                of the run.
        """
        steps = self.params["steps"]
        until = self.params["epochs"] if until is None else until
        for first_epoch, first_step, last in parts(place, until, steps):
            self.first_step = first_step
            if first_step == steps:
                self._finish_epoch(first_epoch)
            else:
                with training_weights_kept(self.model):
                    fit(first_epoch, first_step, last)
            if self.model.stop_training:
                break

    def on_train_begin(self, logs=None):
        """Does nothing: a `fit` begins, not the training."""

    def on_train_end(self, logs=None):
        """Does nothing: a `fit` ends, not the training."""

    def on_epoch_begin(self, epoch, logs=None):
        saved, self._saved = self._saved, None
        if saved is not None and saved.place.step:
            # Keras has just reset them: the epoch's means go on.
            saved.restore_metrics(self.model)
        super().on_epoch_begin(epoch, logs)

    def on_epoch_end(self, epoch, logs=None):
        super().on_epoch_end(epoch, logs)
        self.first_step = 0

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(self.first_step + batch, logs)

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(self.first_step + batch, logs)

    def _finish_epoch(self, epoch):
        """Does the end of an epoch whose steps were all done before a kill."""
        self.model.reset_metrics()
        self.on_epoch_begin(epoch)
        self.on_epoch_end(epoch, dict(self.model.get_metrics_result()))


def parts(place, epochs, steps):
    """Yields what one `fit` can do: `(first_epoch, first_step, epochs)`.

    Args:
        place: `Place` to begin at.
        epochs: Int, of the whole run.
        steps: Int, of an epoch.

    Returns:
        The rest of an epoch, where it was begun; and the whole epochs after
        it, up to but not including number `epochs`. A part with
        `first_step == steps` has no step, only its epoch's end.
    """
    first = place.epoch
    if place.step:
        yield first, place.step, first + 1
        first += 1
    if first < epochs:
        yield first, 0, epochs
