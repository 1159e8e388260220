"""Noticing a loss that never moves, the most frequent report of all."""

import math
import warnings

import keras
import numpy as np

from keras_arcface.checks import margin_heads
from keras_arcface.margins import auto_scale


def chance_loss(head, strength=1.0):
    """Returns the loss that a head gives features that know nothing.

        -scale * margin(cos 90 degrees) + ln(C - 1) + scale^2 / (2 d)

    The mean over random directions; for ArcFace the first term is
    scale * sin(margin). Where the scale is so large that a single wrong class
    decides the softmax, scale > sqrt(2 d ln(C - 1)), the last two terms give
    way to scale * sqrt(2 ln(C - 1) / d), the largest of C - 1 random logits.

    Args:
        head: A built `ArcMarginLayer`.
        strength: Float in [0, 1], the margin's strength.

    Returns:
        Float.
    """
    right_angle = np.zeros(1, "float32")
    penalized = np.asarray(head.margin.penalize(right_angle, strength))[0]
    log_others = math.log(max(head.num_classes - 1, 1))
    deviation = head.scale / math.sqrt(head.class_centers.shape[-1])
    if deviation < math.sqrt(2 * log_others):
        others = log_others + deviation**2 / 2
    else:
        others = deviation * math.sqrt(2 * log_others)
    return others - head.scale * float(penalized)


class LossDiagnosis(keras.callbacks.Callback):
    """Warns when the loss still sits where it began, and says what to change.

    Compares the mean loss of an epoch so far with what features that know
    nothing would give (`chance_loss`), at the margin's strength of each step.

    Args:
        patience: Int, the steps of training before it judges. Defaults to
            `300`.
        tolerance: Float. At or above this share of the chance loss the loss
            counts as stuck. Defaults to `0.9`.
    """

    def __init__(self, patience=300, tolerance=0.9):
        super().__init__()
        self.patience = patience
        self.tolerance = tolerance
        self.message = None
        self._step = 0

    def on_train_begin(self, logs=None):
        heads = margin_heads(self.model)
        self._head = heads[0] if heads else None

    def on_epoch_begin(self, epoch, logs=None):
        # The epoch's mean loss is held against the epoch's mean chance.
        self._chance_sum = 0.0
        self._chance_count = 0

    def on_train_batch_end(self, batch, logs=None):
        self._step += 1
        if self._head is None or self.message is not None:
            return
        every = max(1, self.patience // 20)
        if self._step % every == 0 or self._chance_count == 0:
            self._chance_sum += chance_loss(self._head, self._strength())
            self._chance_count += 1
        if self._step >= self.patience and self._step % every == 0:
            self._judge(logs or {})

    def _judge(self, logs):
        chance = self._chance_sum / self._chance_count
        loss = float(logs.get("loss", 0.0))
        # A fresh epoch's mean rests on too few steps to be judged.
        if self._chance_count < 5 or loss < self.tolerance * chance:
            return
        self.message = (
            f"After {self._step} steps the loss is {loss:.2f}, where features "
            f"that know nothing give {chance:.2f}: the model is not learning. "
            + " ".join(self._advice())
        )
        warnings.warn(self.message, stacklevel=2)

    def _advice(self):
        head = self._head
        suggested = auto_scale(head.num_classes)
        if head.scale > 1.5 * suggested:
            yield (
                f"Try scale='auto' ({suggested:.1f} for {head.num_classes} "
                f"classes) instead of {head.scale:g}."
            )
        if self._strength() == 1.0:
            yield (
                "Add MarginWarmup() to the callbacks (--margin-warmup), so "
                "that the margin grows from nothing."
            )
        yield (
            "Try a learning rate ten times smaller and one three times larger, "
            "and look at some pictures with their labels: shuffled labels look "
            "just like this."
        )

    def _strength(self):
        # On JAX, reading `self.model` brings its variables up to date.
        _ = self.model
        return float(np.asarray(self._head.margin.strength))
