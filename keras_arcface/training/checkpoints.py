"""Checkpoints that a kill cannot spoil."""

import json
import math
import shutil
import time
from pathlib import Path

import keras

from keras_arcface.utils.files import atomic_path
from keras_arcface.utils.files import remove_unfinished
from keras_arcface.utils.files import write_json

STATE = "state.json"
MODEL = "model.keras"


class Checkpoints(keras.callbacks.Callback):
    """Keeps the last epoch whole, for resuming, and the best model.

    Writes `checkpoints/epoch-0007/` (model with optimizer, and the history so
    far) under a temporary name, renames it when complete, and only then
    removes the one before. `best.keras` is the model of the best epoch.

    Args:
        folder: The run's folder.
        monitor: Name of the value in the logs to choose the best by.
        mode: `"min"` or `"max"`.
        history: The history to go on with, as `resume_point` returns it.
    """

    def __init__(self, folder, monitor="eer", mode="min", history=None):
        super().__init__()
        self.folder = Path(folder)
        self.monitor = monitor
        self.sign = 1.0 if mode == "min" else -1.0
        self.history = [] if history is None else list(history)

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.monotonic()

    def on_epoch_end(self, epoch, logs=None):
        values = {name: _number(value) for name, value in (logs or {}).items()}
        values["seconds"] = round(time.monotonic() - self._start, 1)
        best = min((self._rank(row) for row in self.history), default=None)
        self.history.append({"epoch": epoch + 1, **values})
        if best is None or self._rank(values) < best:
            with atomic_path(self.folder / "best.keras") as temporary:
                self.model.save(temporary)
        self._save_last(epoch + 1)

    def _rank(self, values):
        value = values.get(self.monitor)
        return float("inf") if value is None else self.sign * value

    def _save_last(self, done):
        checkpoints = self.folder / "checkpoints"
        with atomic_path(checkpoints / f"epoch-{done:04d}") as temporary:
            temporary.mkdir()
            self.model.save(temporary / MODEL)
            write_json(
                temporary / STATE, {"epochs_done": done, "log": self.history}
            )
        for old in _complete(checkpoints)[:-1]:
            shutil.rmtree(old)
        write_json(self.folder / "history.json", self.history)


def resume_point(folder):
    """Returns the last whole checkpoint of a run, or None.

    Also removes what a killed run left half-written.

    Returns:
        `(path of the .keras file, epochs done, history)`.

    Raises:
        ValueError: when the checkpoint is damaged.
    """
    folder = Path(folder)
    remove_unfinished(folder)
    remove_unfinished(folder / "checkpoints")
    complete = _complete(folder / "checkpoints")
    if not complete:
        return None
    path = complete[-1] / STATE
    try:
        state = json.loads(path.read_text("utf-8"))
        return complete[-1] / MODEL, state["epochs_done"], state["log"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise damaged(path, error) from error


def damaged(path, error):
    """Returns the error for a checkpoint that cannot be read."""
    return ValueError(
        f"{path} of the last checkpoint is damaged ({error}). best.keras may "
        f"still be whole: keep it if you need it. Remove the folder "
        f"{path.parents[2]} and start the run again without --resume, or "
        "start one in another --output."
    )


def _complete(checkpoints):
    return sorted(
        checkpoints.glob("epoch-*"),
        key=lambda path: int(path.name.removeprefix("epoch-")),
    )


def _number(value):
    """Returns a float, or None for what JSON cannot hold."""
    value = float(value)
    return value if math.isfinite(value) else None
