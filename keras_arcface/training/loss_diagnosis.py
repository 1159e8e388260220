"""Noticing a loss that never moves, the most frequent report of all."""

import collections
import dataclasses
import math
import warnings

import keras
import numpy as np

from keras_arcface.checks import compiled_losses
from keras_arcface.checks import margin_heads
from keras_arcface.layers import BinaryHead
from keras_arcface.margins import AdaCos
from keras_arcface.margins import ASoftmax
from keras_arcface.margins import Circle
from keras_arcface.margins import NoMargin
from keras_arcface.margins import auto_scale

# Looks at the logs in the window that is judged, a quarter of the patience.
LOOKS = 5
# Below so many steps in all, a longer run is the first thing to try.
SHORT = 1000
# Margins that do not use the layer's scale, or mean another thing by it.
OWN_SCALE = (AdaCos, ASoftmax, Circle)
# Margins whose strength changes nothing.
WITHOUT_STRENGTH = (AdaCos, NoMargin)


def chance_loss(head, strength=1.0):
    """Returns the loss that a head gives features that know nothing.

        mean of  ln(exp(p) + (C - 1) mean of exp(scale * cos_j)) - p,
        p = scale * margin(cos_y)

    The means are over the cosines of random directions; no wrong cos_j is
    larger than the largest to be expected of C - 1. For ArcFace it is about

        scale * sin(margin) + ln(C - 1) + scale^2 / (2 d)

    until the scale is so large that one wrong class decides the softmax. Only
    the margin softmax: without a penalty, extra losses or regularizers.

    Args:
        head: A built `ArcMarginLayer`.
        strength: Float in [0, 1], the margin's strength.

    Returns:
        Float.
    """
    largest = max(1.0, math.sqrt(2 * math.log(head.num_classes - 1)))
    deviation = 1 / math.sqrt(head.class_centers.shape[-1])
    # An even number of targets: `tail="easy"` jumps at a cosine of 0.
    targets = _random_cosines(deviation, 4.0, 100)
    return _mean_loss(
        head, strength, targets, _random_cosines(deviation, largest, 601)
    )


def collapsed_loss(head, strength=1.0):
    """Returns the loss when all features are one and no centre is nearer.

        ln(C - 1 + exp(p)) - p,  p = scale * margin(cos 90 degrees)

    Where a network goes that cannot start: the loss falls this far by making
    all pictures alike, and little further.
    """
    right_angle = np.zeros(1), np.ones(1)
    return _mean_loss(head, strength, right_angle, right_angle)


def _random_cosines(deviation, largest, count):
    """Returns cosines up to `largest` deviations, and how likely they are."""
    normal = np.linspace(-4.0, largest, count)
    density = np.exp(-(normal**2) / 2)
    return np.clip(normal * deviation, -1.0, 1.0), density / density.sum()


def _mean_loss(head, strength, targets, others):
    (target, target_share), (cosine, share) = targets, others
    target, cosine = target.astype("float32"), cosine.astype("float32")
    if isinstance(head, BinaryHead):
        right, _ = head.class_losses(target, strength)
        _, wrong = head.class_losses(cosine, strength)
        wrong = (head.num_classes - 1) * (np.asarray(wrong) @ share)
        return float(np.asarray(right) @ target_share + wrong)
    margin, length = head.margin, np.float32([_feature_length(head)])
    penalized = _penalized(head, strength, target, length)[:, None]
    bent = margin.bend(cosine[None], target[:, None], penalized, strength)
    if margin.filter_above is not None:
        bent = np.where(cosine > margin.filter_above, 0.0, np.asarray(bent))
    scale = margin.logit_scale(head.scale, length, training=True)
    logits = np.asarray(scale).item() * (np.asarray(bent) - penalized)
    top = logits.max(axis=1)
    mean = np.log(np.exp(logits - top[:, None]) @ share) + top
    loss = np.logaddexp(0.0, math.log(head.num_classes - 1) + mean)
    return float(loss @ target_share)


def _penalized(head, strength, target, length):
    """Returns the targets under the margin, over all classes' margins."""
    given, labels = {}, np.zeros(1, "int32")
    if "labels" in head.margin.reads:
        labels = np.linspace(
            0, head.num_classes - 1, min(head.num_classes, 256)
        )
        given["labels"] = np.tile(labels.astype("int32"), len(target))
    if "norm" in head.margin.reads:
        given["norm"] = np.tile(length, len(target) * len(labels))
    rows = np.repeat(target, len(labels))
    penalized = np.asarray(head.margin.penalize(rows, strength, **given))
    return penalized.reshape(len(target), -1).mean(axis=1)


def _feature_length(head):
    """Returns the length that ASoftmax saw, or that of batch normalization."""
    margin = head.margin
    if isinstance(margin, ASoftmax) and float(np.asarray(margin.step)) > 0:
        return float(np.asarray(margin.mean_norm))
    return math.sqrt(head.class_centers.shape[-1])


@dataclasses.dataclass(frozen=True)
class _Look:
    """Sums over all steps so far, and the bound at this one."""

    step: int = 0
    loss: float = 0.0
    angle: float = 0.0
    bound: float = 0.0


class LossDiagnosis(keras.callbacks.Callback):
    """Warns when a model does not start to learn, and says what to change.

    The sign, over the last steps (a quarter of `patience`), is a mean target
    angle still near 90 degrees. Where the logs have no `angle` (all but
    `ArcFaceModel`) it is a mean loss still what a network gives that knows
    nothing (`chance_loss`) or has made all pictures alike (`collapsed_loss`),
    at the margin's strength of those steps. A model whose angle (or, without
    one, loss) falls from one such window to the next is slow, not stuck: it
    is looked at again later.

    A loss with further terms (a penalty of the margin, extra losses,
    `add_loss`, regularizers, several outputs) says nothing by itself: without
    an angle such a model is not judged.

    Args:
        patience: Int, the steps of training before it judges. Defaults to 300
            or one epoch, whichever is longer.
        tolerance: Float. At or above this share of those losses a loss
            without an angle counts as stuck. Defaults to `0.9`.
        angle: Float, degrees; at or above it the angle counts as stuck.
            Defaults to `80`.
    """

    def __init__(self, patience=None, tolerance=0.9, angle=80.0):
        super().__init__()
        self.patience = patience
        self.tolerance = tolerance
        self.angle = angle
        self.message = None
        self._weakest = 1.0
        self._looks = collections.deque(maxlen=2 * LOOKS + 1)
        self._before = _Look()
        self._steps = 0

    def state(self):
        """Returns what it has seen, JSON-able, for `restore`."""
        return {
            "message": self.message,
            "weakest": self._weakest,
            "before": dataclasses.astuple(self._before),
            "looks": [dataclasses.astuple(look) for look in self._looks],
        }

    def restore(self, state):
        """Goes on from what another one had seen."""
        self.message = state["message"]
        self._weakest = state["weakest"]
        self._before = _Look(*state["before"])
        self._looks.clear()
        self._looks.extend(_Look(*look) for look in state["looks"])

    def on_train_begin(self, logs=None):
        heads = margin_heads(self.model)
        self._head = heads[0] if heads else None
        steps = self.params.get("steps") or 0
        self._patience = self.patience or max(300, steps)

    def on_epoch_begin(self, epoch, logs=None):
        self._steps = 0

    def on_train_batch_end(self, batch, logs=None):
        self._steps = batch + 1
        if self._head is None or self.message is not None:
            return
        step = self._before.step + self._steps
        last = self._looks[-1].step if self._looks else 0
        if step - last < max(1, self._patience // (4 * LOOKS)):
            return
        self._looks.append(self._look(logs, self._bound()))
        if step >= self._patience and len(self._looks) > 2 * LOOKS:
            self._judge("angle" in logs)

    def on_epoch_end(self, epoch, logs=None):
        # All of them, also where a resumed run has only the epoch's end to do.
        self._steps = self.params.get("steps") or self._steps
        if logs and "loss" in logs:
            self._before = self._look(logs, 0.0)

    def _look(self, logs, bound):
        """Keras' logs are means over the epoch so far; these are sums."""
        before, steps = self._before, self._steps
        extra = self._head.extra_terms if self._head is not None else []
        loss = float(logs["loss"]) - sum(float(logs.get(n, 0)) for n in extra)
        return _Look(
            before.step + steps,
            before.loss + steps * loss,
            before.angle + steps * float(logs.get("angle", 0.0)),
            bound,
        )

    def _bound(self):
        # On JAX, reading `self.model` brings its variables up to date.
        _ = self.model
        strength = float(np.asarray(self._head.margin.strength))
        self._weakest = min(self._weakest, strength)
        return min(
            chance_loss(self._head, strength),
            collapsed_loss(self._head, strength),
        )

    def _judge(self, has_angle):
        looks = list(self._looks)
        loss, angle, bound = _means(looks[LOOKS:])
        if has_angle:
            stuck = angle >= self.angle
        else:
            stuck = loss >= self.tolerance * bound and self._only_softmax()
        if not stuck:
            return
        loss_before, angle_before, bound_before = _means(looks[: LOOKS + 1])
        share, share_before = loss / bound, loss_before / bound_before
        # A loss far above chance falls without anything being learned.
        falling = share < 1.05 and share <= share_before - 0.05
        if has_angle:
            falling = angle <= angle_before - 1.0
        if falling:
            return
        seen = (
            f" and the mean target angle {angle:.0f} degrees"
            if has_angle
            else ""
        )
        self.message = (
            f"After {looks[-1].step} steps the loss is {loss:.2f}{seen}; a "
            f"network that knows nothing gives {bound:.2f} and 90 degrees. The "
            "model is not learning. " + " ".join(self._advice())
        )
        warnings.warn(self.message, stacklevel=2)

    def _only_softmax(self):
        """Whether the model's loss is the margin softmax and nothing else."""
        model = self.model
        added = any(
            # On the JAX backend `model.losses` has lost those of `add_loss`.
            getattr(layer, "_loss_ids", ())
            for layer in model._flatten_layers()
        )
        further = self._head.extra_terms or model.losses or added
        return len(compiled_losses(model)) == 1 and not further

    def _advice(self):
        head = self._head
        suggested = auto_scale(head.num_classes)
        own_scale = isinstance(head, BinaryHead) or isinstance(
            head.margin, OWN_SCALE
        )
        if head.scale > 1.5 * suggested and not own_scale:
            yield (
                f"Try scale='auto' ({suggested:.1f} for {head.num_classes} "
                f"classes) instead of {head.scale:g}."
            )
        has_strength = not isinstance(head.margin, WITHOUT_STRENGTH)
        if self._weakest == 1.0 and has_strength:
            yield (
                "Add MarginWarmup() to the callbacks (--margin-warmup), so "
                "that the margin grows from nothing."
            )
        total = self.params["epochs"] * (self.params.get("steps") or SHORT)
        if total < SHORT:
            yield (
                f"{total} steps are few to start in: train for more epochs "
                "(--epochs), over which the margin grows more slowly."
            )
        yield (
            "Try a learning rate ten times smaller and one three times larger, "
            "and look at some pictures with their labels: shuffled labels look "
            "just like this."
        )


def _means(looks):
    """Returns mean loss, angle and bound from the first look to the last."""
    first, last = looks[0], looks[-1]
    steps = last.step - first.step
    bounds = [look.bound for look in looks]
    return (
        (last.loss - first.loss) / steps,
        (last.angle - first.angle) / steps,
        sum(bounds) / len(bounds),
    )
