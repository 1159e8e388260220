"""Keras's own fit, from any step of any epoch."""

import contextlib

import keras


def keras_fit(
    model,
    batches,
    callbacks,
    *,
    first_epoch,
    first_step,
    epochs,
    steps_per_epoch,
):
    """Trains as `keras.Model.fit`, from one step to the end.

    `fit` begins at the start of an epoch. Where a run goes on within one, the
    rest of that epoch is a fit of its own, and the callbacks cannot tell.

    Args:
        model: Compiled Keras model.
        batches: `Batches` from that step on.
        callbacks: Keras callbacks.
        first_epoch: Number of the first epoch, from 0.
        first_step: Steps of it that are done already.
        epochs: Number of the last epoch, plus one.
        steps_per_epoch: Of a whole epoch.

    Returns:
        The `keras.callbacks.History`.
    """
    callbacks = _Continued(
        callbacks,
        add_history=True,
        model=model,
        epochs=epochs,
        steps=steps_per_epoch,
        verbose=0,
    )
    if first_step:
        callbacks.first_step, callbacks.goes_on = first_step, True
        with _averages_left_alone(model.optimizer):
            model.fit(
                batches.of_first_epoch(),
                initial_epoch=first_epoch,
                epochs=first_epoch + 1,
                steps_per_epoch=steps_per_epoch - first_step,
                callbacks=callbacks,
                shuffle=False,  # The batches come shuffled.
                verbose=0,
            )
        first_epoch += 1
        callbacks.first_step, callbacks.goes_on = 0, False
        if first_epoch == epochs or model.stop_training:
            _finish(model, callbacks)
            return model.history
    model.fit(
        batches.after_first_epoch() if first_step else batches.all(),
        initial_epoch=first_epoch,
        epochs=epochs,
        steps_per_epoch=steps_per_epoch,
        callbacks=callbacks,
        shuffle=False,
        verbose=0,
    )
    return model.history


class _Continued(keras.callbacks.CallbackList):
    """Callbacks over the two fits that a run is, when it resumes in an epoch.

    Attributes:
        first_step: Steps of the epoch that are done already.
        goes_on: Whether another fit follows.
    """

    first_step = 0
    goes_on = False
    _begun = False

    def on_train_begin(self, logs=None):
        if not self._begun:
            super().on_train_begin(logs)
        self._begun = True

    def on_train_batch_begin(self, batch, logs=None):
        super().on_train_batch_begin(batch + self.first_step, logs)

    def on_train_batch_end(self, batch, logs=None):
        super().on_train_batch_end(batch + self.first_step, logs)

    def on_train_end(self, logs=None):
        self._last = logs
        if not self.goes_on:
            super().on_train_end(logs)


def _finish(model, callbacks):
    """Does what the second fit would have done at its end."""
    optimizer = model.optimizer
    optimizer.finalize_variable_values(model.trainable_weights)
    callbacks.on_train_end(callbacks._last)


@contextlib.contextmanager
def _averages_left_alone(optimizer):
    """Keeps a fit that another one follows from ending the training.

    At its end Keras writes moving averages over the weights.
    """
    optimizer.finalize_variable_values = lambda variables: None
    try:
        yield
    finally:
        del optimizer.finalize_variable_values
