"""Checkpoints that a kill cannot spoil."""

import math
import re
import shutil
import time
from pathlib import Path

import keras

from keras_arcface.training.averaging import averaged_weights
from keras_arcface.training.saved_run import Place
from keras_arcface.training.saved_run import checkpoint_path
from keras_arcface.training.saved_run import checkpoints_of
from keras_arcface.training.saved_run import write_checkpoint
from keras_arcface.utils.files import UNFINISHED
from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import write_json

# What of the values in the logs is better when it is smaller.
_ERRORS = ("loss", "eer", "fmr", "fnmr", "angle", "intra", "ec")


class Checkpoints(keras.callbacks.Callback):
    """Writes all that a run needs to go on, and keeps the best model.

    At every epoch's end, and between them every `every_steps` steps, a folder
    `checkpoints/step-00001234/` is written under a temporary name, forced to
    the disk, renamed, and only then older ones are removed. `best.keras` is
    the model of the best epoch, `history.json` the values of all.

    Put it last: what callbacks after it do with a step is not in its
    checkpoint. Those before it that have a `state()` are kept with it.

    Args:
        folder: The run's folder.
        monitor: Name of the value in the logs to choose the best by.
            Defaults to `"eer"`.
        mode: `"min"` or `"max"`. By default errors, losses and angles are to
            be small, all else large.
        every_steps: Int, steps between checkpoints; by default there are only
            those at the epochs' ends.
        keep: Int, the most checkpoints that are kept. Defaults to `2`.
        saved: The `SavedRun` to go on from.
        remembering: The callbacks whose state is kept.
        stop: `StopSignal`; when it is asked for, the step that runs is the
            last, and a checkpoint is written after it.
        judged_every: Int, the epochs between those whose logs must have
            `monitor`. Without it an epoch that lacks the value is not best.

    Raises:
        ValueError: at the end of such an epoch, when the logs have no value
            of that name, or the first one is no number.
    """

    def __init__(
        self,
        folder,
        monitor="eer",
        mode=None,
        *,
        every_steps=None,
        keep=2,
        saved=None,
        remembering=(),
        stop=None,
        judged_every=None,
    ):
        super().__init__()
        self.folder = Path(folder)
        self.monitor = monitor
        mode = mode or best_mode(monitor)
        self.sign = 1.0 if mode == "min" else -1.0
        self.every_steps = every_steps
        self.keep = keep
        self.remembering = remembering
        self.stop = stop
        self.judged_every = judged_every
        self.phase = 0
        self.history = [] if saved is None else list(saved.history)
        self._seconds_before = 0.0 if saved is None else saved.seconds
        self._place = Place(0, 0) if saved is None else saved.place

    def on_epoch_begin(self, epoch, logs=None):
        if epoch != self._place.epoch:
            self._seconds_before = 0.0
        self._start = time.monotonic()
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        steps = self.params["steps"]
        before, self._place = self._place, Place(self._epoch, batch + 1)
        stop = self.stop is not None and self.stop.asked
        if not stop:
            if self.every_steps is None or batch + 1 == steps:
                return  # The epoch's end, after the last step, writes one.
            passed = self._place.total(steps) // self.every_steps
            if passed == before.total(steps) // self.every_steps:
                return
        self._write()
        self._stop_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        self._check_monitor(epoch, logs or {})
        values = {name: _number(value) for name, value in (logs or {}).items()}
        self._check_first_value(epoch, values)
        values["seconds"] = round(self._seconds(), 1)
        best = min((self._rank(row) for row in self.history), default=None)
        self.history.append({"epoch": epoch + 1, **values})
        if best is None or self._rank(values) < best:
            with (
                averaged_weights(self.model),
                atomic_path(self.folder / "best.keras", True) as temporary,
            ):
                self.model.save(temporary)
        self._place = Place(epoch + 1, 0)
        self._seconds_before = 0.0
        self._start = time.monotonic()
        self._write()
        self.write_history()
        self._stop_if_asked()

    def write_history(self):
        """Writes the values of the epochs so far to `history.json`.

        A kill may have come between a checkpoint and this; the run that goes
        on makes good for it.
        """
        write_json(self.folder / "history.json", self.history, durable=True)

    def _check_monitor(self, epoch, logs):
        every = self.judged_every
        if self.monitor in logs or every is None or (epoch + 1) % every:
            return
        raise ValueError(
            "evaluation.monitor must be a value that an epoch has: one of "
            f"{', '.join(logs)}. Received: evaluation.monitor={self.monitor!r}."
        )

    def _check_first_value(self, epoch, values):
        """Refuses to choose by what is no number as early as that is seen."""
        every = self.judged_every
        if every is None or (epoch + 1) % every:
            return
        rows = (*self.history, values)
        if all(row.get(self.monitor) is None for row in rows):
            raise ValueError(
                f"The value of evaluation.monitor={self.monitor!r} is no "
                "number, and best.keras is chosen by it: a tar_at_far needs "
                "enough impostor pairs (see what the run says as it begins). "
                "Choose another value, such as evaluation.monitor=eer, or "
                "judge by more identities."
            )

    def _write(self):
        path = checkpoint_path(self.folder, self._place, self.params["steps"])
        write_checkpoint(
            path,
            self.model,
            place=self._place,
            steps_per_epoch=self.params["steps"],
            phase=self.phase,
            history=self.history,
            seconds=self._seconds(),
            callbacks=self.remembering,
        )
        for old in checkpoints_of(self.folder)[: -self.keep]:
            _remove(old)

    def _stop_if_asked(self):
        done = self._place.epoch >= self.params["epochs"]
        if self.stop is not None and self.stop.asked and not done:
            self.stop.leave(self._place)

    def _seconds(self):
        return self._seconds_before + time.monotonic() - self._start

    def _rank(self, values):
        value = values.get(self.monitor)
        return float("inf") if value is None else self.sign * value


def best_mode(monitor):
    """Returns whether the best of a value is its `"min"` or its `"max"`."""
    name = monitor.lower().split("@")[0]
    word = re.sub(r"_p\d+$", "", name).rpartition("_")[2]  # Or a quantile.
    return "min" if word in _ERRORS else "max"


def _remove(folder):
    """Removes a checkpoint at once: never is one there that lacks a part."""
    gone = folder.with_name(UNFINISHED + folder.name)
    folder.rename(gone)
    shutil.rmtree(gone)


def _number(value):
    """Returns a float, or None for what JSON cannot hold."""
    value = float(value)
    return value if math.isfinite(value) else None
