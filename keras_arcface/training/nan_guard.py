"""Stopping at the first loss that is no number, and saying where it began."""

import math

import keras
from keras import ops

from keras_arcface.training import nan_origin

# Fetching a value makes an accelerator wait; a CPU has nothing to wait for.
_STEPS_ON_ACCELERATOR = 50
# Batches that are read again to find a bad one, and run again.
_MOST_BATCHES = 100
_MOST_REPLAYED = 4


class NaNGuard(keras.callbacks.Callback):
    """Stops training at the first loss that is NaN or infinite.

    It looks at the loss every `every` steps and at the end of an epoch, and at
    all weights when an epoch begins. When something is not finite, it looks
    for the origin, as far as it is given the means: the batches since the last
    good look (`batch`), the weights, then from the weights of the last
    checkpoint (`restore`) the first layer whose output is not finite, the
    loss, and the gradient.

    Under `mixed_float16` a step that the loss scaling skips is no error. A
    loss scale that fell to `lowest_scale` is: no scale helps then.

    Args:
        every: Int, steps between two looks; defaults to 1 on a CPU, and to 50
            on accelerators, where a look makes the device wait.
        batch: Optional function `(epoch, step) -> (images, labels)`, both
            counted from 0, that reads a batch of training again.
        restore: Optional function `model -> name` that gives the model the
            weights of the last checkpoint; None when there is none.
        lowest_scale: Float. Defaults to `1.0`.

    Raises:
        FloatingPointError: naming epoch, step and origin, the usual causes,
            and the checkpoint from before.
    """

    def __init__(self, every=None, batch=None, restore=None, lowest_scale=1.0):
        super().__init__()
        if every is not None and every < 1:
            raise ValueError(f"every must be at least 1. Received: {every}.")
        self.every = every
        self.batch = batch
        self.restore_weights = restore
        self.lowest_scale = lowest_scale
        self._epoch = self._good = 0
        self._first = True

    def on_train_begin(self, logs=None):
        self._every = self.every or default_steps()

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch, self._good, self._first = epoch, 0, True
        names = nan_origin.not_finite(self.model.weights)
        if names:
            raise FloatingPointError(
                f"Before epoch {epoch + 1} begins, weights are not finite: "
                f"{nan_origin.some(names)}. Load weights that are whole, or "
                "start again with a smaller learning rate."
            )

    def on_train_batch_begin(self, batch, logs=None):
        if self._first:  # A resumed epoch begins in its middle.
            self._good, self._first = batch, False

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % self._every == 0:
            self._look(batch + 1, logs)

    def on_epoch_end(self, epoch, logs=None):
        self._look(self.params.get("steps") or self._good, logs)

    def _look(self, steps, logs):
        loss = float((logs or {}).get("loss", 0.0))
        if not math.isfinite(loss):
            raise FloatingPointError(self._message(loss, steps))
        # On JAX, reading `self.model` brings all variables up to date.
        if hasattr(self._model.optimizer, "dynamic_scale"):
            self._check_scale(steps)
        self._good = steps

    def _check_scale(self, steps):
        scale = float(ops.convert_to_numpy(self.model.optimizer.dynamic_scale))
        if scale > self.lowest_scale:
            return
        raise FloatingPointError(
            f"The loss scale fell to {scale:g} by epoch {self._epoch + 1}, "
            f"step {steps}: the gradient is not finite at any scale, and no "
            "step moves the weights. Use precision mixed_bfloat16 or float32, "
            "a smaller learning rate, or clip the gradient."
        )

    def _message(self, loss, steps):
        first = min(self._good, steps - 1)
        where = f"step {steps}"
        if steps - first > 1:
            where = f"one of the steps {first + 1} to {steps}"
        origin, checkpoint = self._origin(range(first, steps)[:_MOST_BATCHES])
        kept = "Checkpoints, if there are any, are from before it."
        if checkpoint is not None:
            kept = f"The checkpoint {checkpoint} is from before it."
        return (
            f"The loss became {loss} in epoch {self._epoch + 1}, {where}. "
            f"{origin} Usual causes: a learning rate that is too high (try a "
            "tenth of it), labels outside [0, num_classes), or NaN in the "
            f"pictures. {kept}"
        )

    def _origin(self, steps):
        """Returns what is known of the origin, and the checkpoint's name."""
        wrong = self._wrong_batch(steps)
        broken = nan_origin.not_finite(self.model.weights)
        seen = nan_origin.from_weights(self.model, broken)
        checkpoint = None
        if self.restore_weights is not None:
            checkpoint = self.restore_weights(self.model)
        if wrong is not None:
            return wrong, checkpoint
        # From broken weights everything is broken.
        if self.batch is None or (broken and checkpoint is None):
            return seen, checkpoint
        weights = checkpoint or "the weights as they are"
        batches = (
            (step, *self.batch(self._epoch, step))
            for step in steps[:_MOST_REPLAYED]
        )
        return nan_origin.replayed(self.model, batches, weights), checkpoint

    def _wrong_batch(self, steps):
        if self.batch is None:
            return None
        head = getattr(self.model, "head", None)
        for step in steps:
            wrong = nan_origin.wrong_batch(
                *self.batch(self._epoch, step),
                getattr(head, "num_classes", None),
            )
            if wrong is not None:
                return f"It began in the batch of step {step + 1}: {wrong}."
        return None


def default_steps():
    """Returns the steps between two looks on this machine."""
    if keras.backend.backend() == "jax":
        import jax

        on_cpu = jax.default_backend() == "cpu"
    else:
        import tensorflow as tf

        on_cpu = not tf.config.list_physical_devices("GPU")
    return 1 if on_cpu else _STEPS_ON_ACCELERATOR
