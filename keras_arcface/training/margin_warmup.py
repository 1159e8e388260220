"""Growing the margin from nothing while a network starts."""

import keras

from keras_arcface.checks import check
from keras_arcface.checks import compiled_losses
from keras_arcface.checks import margin_heads
from keras_arcface.losses import MarginSoftmaxLoss

# The strength moves in so many equal stairs, not a little every step: writing
# the variable makes the JAX backend fetch its whole state.
_STAIRS = 256


class MarginWarmup(keras.callbacks.Callback):
    """Grows the strength of every margin from 0 to 1 as training begins.

    A margin of 0.5 on random features asks for something that no small step
    can give, and the loss may never move. With the margin growing linearly
    over the first steps the network learns to separate first and to separate
    widely after.

    The strength is a function of the step alone, `steps done / warm-up steps`
    rounded down to a 256th: a resumed run, with `initial_epoch`, goes on where
    it was, to the last bit.

    Args:
        fraction: Float in (0, 1], the share of all steps until the margin
            stands in full. Defaults to `0.6`.
        steps: Int, the number of steps instead. Needed where Keras cannot
            know the steps of an epoch (a generator without a length).

    Raises:
        ValueError: when training begins, if the model has no margin, if its
            loss and layer do not fit (see `check`), or if the number of steps
            is not known.
    """

    def __init__(self, fraction=0.6, steps=None):
        super().__init__()
        if not 0 < fraction <= 1:
            raise ValueError(
                f"fraction must be in (0, 1]. Received: fraction={fraction!r}."
            )
        if steps is not None and steps < 1:
            raise ValueError(
                f"steps must be at least 1. Received: steps={steps!r}."
            )
        self.fraction = fraction
        self.steps = steps
        self._epoch = 0
        self._seen = 0

    def on_train_begin(self, logs=None):
        check(self.model)
        self._margins = margins_of(self.model)
        self._steps_per_epoch = self.params.get("steps")
        if self.steps is None and self._steps_per_epoch is None:
            raise ValueError(
                "MarginWarmup cannot tell how many steps an epoch has. Pass "
                "MarginWarmup(steps=...), or steps_per_epoch to fit()."
            )
        self._last = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        if self._steps_per_epoch is not None:
            self._seen = epoch * self._steps_per_epoch

    def on_train_batch_begin(self, batch, logs=None):
        if self._steps_per_epoch is not None:
            self._seen = self._epoch * self._steps_per_epoch + batch
        self._set(self._strength(self._seen))
        self._seen += 1

    def on_epoch_end(self, epoch, logs=None):
        if self._steps_per_epoch is not None:
            self._seen = (epoch + 1) * self._steps_per_epoch
        if logs is not None:
            logs["margin_strength"] = self._strength(max(0, self._seen - 1))

    def on_train_end(self, logs=None):
        if self._seen >= self.warmup_steps:
            self._set(1.0)

    @property
    def warmup_steps(self):
        """Number of steps until the margin stands in full."""
        if self.steps is not None:
            return self.steps
        total = self.params["epochs"] * self._steps_per_epoch
        return max(1, round(self.fraction * total))

    def _strength(self, step):
        return min(_STAIRS, step * _STAIRS // self.warmup_steps) / _STAIRS

    def _set(self, strength):
        if strength != self._last:
            # On JAX, reading `self.model` brings its variables up to date.
            _ = self.model
            for margin in self._margins:
                margin.strength.assign(strength)
            self._last = strength


def margins_of(model):
    """Returns the margins of a model's heads and losses, each once.

    Raises:
        ValueError: when there is none, or when one cannot be reached while
            training (a loss's own margin on the JAX backend).
    """
    margins = [head.margin for head in margin_heads(model)]
    for loss in compiled_losses(model):
        if isinstance(loss, MarginSoftmaxLoss):
            margins.append(loss.margin)
    unique = list({id(margin): margin for margin in margins}.values())
    if not unique:
        raise ValueError(
            "The model has no margin to warm up: neither an ArcMarginLayer "
            "nor a loss such as ArcFaceLoss."
        )
    if keras.backend.backend() == "jax":
        tracked = {id(variable) for variable in model.variables}
        if any(id(margin.strength) not in tracked for margin in unique):
            raise ValueError(
                "On the JAX backend a margin can only be warmed up when the "
                "model owns it. Compile with loss=layer.loss()."
            )
    return unique
