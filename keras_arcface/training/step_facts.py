"""What logs say of a few steps: means over them, rate, scale and speed."""

import time

from keras import ops

from keras_arcface.training.schedules import current_rate


class StepFacts:
    """Turns Keras's logs into facts of the steps since the last look.

    Keras's logs are means over the epoch so far; here they are means over the
    steps since the last look, so that a curve shows what it was then.

    Args:
        batch_size: Int, to turn steps into images per second; None for no
            speed.
    """

    def __init__(self, batch_size=None):
        self.batch_size = batch_size
        self.skipped = 0
        self._means, self._steps = {}, 0
        self._applied = self._restored = self._clock = None

    def state(self):
        """Returns what it has to remember over a kill, JSON-able."""
        return {
            "means": self._means,
            "steps": self._steps,
            "skipped": self.skipped,
            # Of steps since the last look it is not known yet.
            "applied": self._applied or self._restored,
        }

    def restore(self, state):
        """Goes on from what another one had seen."""
        self._means, self._steps = dict(state["means"]), state["steps"]
        self.skipped = state["skipped"]
        if state.get("applied") is not None:
            self._restored = tuple(state["applied"])

    def begin_epoch(self):
        """Starts the means anew, as Keras does."""
        self._means, self._steps = {}, 0
        self._clock = self._restored = None

    def begin_step(self, model, batch):
        """Starts the clock before a step; for all but the first a no-op."""
        if self._clock is None:
            self._clock = time.monotonic(), batch
            self._applied = self._restored or (applied_steps(model), batch)
            self._restored = None

    def look(self, model, batch, logs):
        """Returns the facts after step `batch` (from 0) of an epoch."""
        steps = batch + 1
        if steps < self._steps:  # A restored state of another place.
            self._means, self._steps = {}, 0
        means = {name: float(value) for name, value in (logs or {}).items()}
        new = steps - self._steps
        facts = {
            name: (mean * steps - self._means.get(name, 0.0) * self._steps)
            / new
            for name, mean in means.items()
        }
        self._means, self._steps = means, steps
        facts["learning_rate"] = current_rate(model)
        if self.batch_size is not None:
            facts |= self._speed(steps)
        if hasattr(model.optimizer, "dynamic_scale"):
            facts |= self._scaling(model, steps)
        return facts

    def _speed(self, steps):
        (start, before), now = self._clock, time.monotonic()
        self._clock = now, steps
        images = (steps - before) * self.batch_size
        return {"images_per_second": images / max(now - start, 1e-9)}

    def _scaling(self, model, steps):
        """Counts the steps that moved nothing: the loss scale was too high."""
        applied, before = self._applied
        now = applied_steps(model)
        self._applied = now, steps
        self.skipped += max(0, (steps - before) - (now - applied))
        scale = float(ops.convert_to_numpy(model.optimizer.dynamic_scale))
        return {"loss_scale": scale, "skipped_steps": self.skipped}


def applied_steps(model):
    """Returns how many steps moved the weights, skipped ones left out."""
    return int(ops.convert_to_numpy(model.optimizer.iterations))
