"""Stopping at the first loss that is no number."""

import math

import keras


class NaNGuard(keras.callbacks.Callback):
    """Stops training at the first loss that is NaN or infinite.

    Raises:
        FloatingPointError: naming the epoch and step and the usual causes.
    """

    def __init__(self):
        super().__init__()
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        loss = (logs or {}).get("loss", 0.0)
        if math.isfinite(loss):
            return
        raise FloatingPointError(
            f"The loss became {float(loss)} in epoch {self._epoch + 1}, step "
            f"{batch + 1}. Usual causes: a learning rate that is too high "
            "(try a tenth of it), labels outside [0, num_classes), or NaN in "
            "the pictures. Checkpoints, if there are any, are from before it."
        )
