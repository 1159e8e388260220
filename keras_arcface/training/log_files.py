"""The course of a run in files: a line an epoch, and a line every few steps."""

import csv
import json
import math
from pathlib import Path

import keras

from keras_arcface.training.step_facts import StepFacts
from keras_arcface.utils.files import atomic_path

EPOCHS = "log.csv"
STEPS = "log.jsonl"


class EpochLog(keras.callbacks.Callback):
    """Writes a line an epoch to `log.csv`, with the values of the logs.

    The whole file is written anew, under a temporary name: a kill leaves the
    old or the new one. A column stays where it is; values that come up later
    (of a set that is judged every fifth epoch) get columns behind, empty where
    there was none. When a run goes on, lines after the place that it goes on
    from are dropped.

    Args:
        folder: The run's folder.
    """

    def __init__(self, folder):
        super().__init__()
        self.path = Path(folder) / EPOCHS
        self._rows = None

    def on_epoch_begin(self, epoch, logs=None):
        if self._rows is None:
            rows = self._read() if self.path.exists() else []
            self._rows = [row for row in rows if int(row["epoch"]) <= epoch]

    def on_epoch_end(self, epoch, logs=None):
        values = {name: _number(value) for name, value in (logs or {}).items()}
        self._rows.append({"epoch": epoch + 1, **values})
        columns = {name: None for row in self._rows for name in row}
        with atomic_path(self.path) as temporary:
            with open(temporary, "w", encoding="utf-8", newline="") as file:
                writer = csv.DictWriter(
                    file, columns, restval="", lineterminator="\n"
                )
                writer.writeheader()
                writer.writerows(self._rows)

    def _read(self):
        try:
            with open(self.path, encoding="utf-8", newline="") as file:
                rows = list(csv.DictReader(file, strict=True))
            for row in rows:
                int(row["epoch"])
                if None in row:
                    raise ValueError(f"more values than columns: {row}")
        except (ValueError, KeyError, TypeError, csv.Error) as error:
            raise ValueError(
                f"{self.path} is no log of a run: {error!r}. Move it away to "
                "go on without the lines so far."
            ) from error
        return rows


class StepLog(keras.callbacks.Callback):
    """Adds a line every few steps to `log.jsonl`, a JSON object each.

    With `step` (in all), `epoch` and `batch` (in the epoch), all from 1; the
    means over the steps since the last line of `loss`, `angle` and whatever
    else the logs have; `learning_rate`, `images_per_second`; and under loss
    scaling `loss_scale` and `skipped_steps`, the steps so far that moved
    nothing.

    When a run goes on, lines after the place that it goes on from are dropped,
    and so is half a line that a kill left.

    Args:
        folder: The run's folder.
        every: Int, steps between lines; also one at the end of an epoch.
        batch_size: Int, pictures a step.
    """

    def __init__(self, folder, every=50, batch_size=None):
        super().__init__()
        if every < 1:
            raise ValueError(f"every must be at least 1. Received: {every}.")
        self.path = Path(folder) / STEPS
        self.every = every
        self._facts = StepFacts(batch_size)
        self._clean = False

    def state(self):
        """Returns what it has to remember over a kill, JSON-able."""
        return self._facts.state()

    def restore(self, state):
        """Goes on from what another one had seen."""
        self._facts.restore(state)

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._first = True

    def on_train_batch_begin(self, batch, logs=None):
        if not self._clean:
            self._drop_after(self._epoch + 1, batch)
            self._clean = True
        if self._first:
            if batch == 0:
                self._facts.begin_epoch()
            self._facts.begin_step(self.model, batch)
            self._first = False

    def on_train_batch_end(self, batch, logs=None):
        steps = self.params.get("steps")
        if (batch + 1) % self.every and batch + 1 != steps:
            return
        place = {"epoch": self._epoch + 1, "batch": batch + 1}
        if steps:
            place = {"step": self._epoch * steps + batch + 1, **place}
        facts = self._facts.look(self.model, batch, logs)
        facts = {name: _number(value) for name, value in facts.items()}
        line = json.dumps({**place, **facts}, allow_nan=False)
        with open(self.path, "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def _drop_after(self, epoch, batch):
        """Keeps the lines up to a place: so many batches of an epoch."""
        if not self.path.exists():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return
        lines = self.path.read_text("utf-8").splitlines(keepends=True)
        kept = [line for line in lines if _is_before(line, (epoch, batch))]
        if kept != lines:
            with atomic_path(self.path) as temporary:
                temporary.write_text("".join(kept), "utf-8")


def _is_before(line, place):
    try:
        row = json.loads(line)
        return line.endswith("\n") and (row["epoch"], row["batch"]) <= place
    except (ValueError, KeyError, TypeError):
        return False


def _number(value):
    """Returns a float, or None for what JSON cannot hold."""
    value = float(value)
    return value if math.isfinite(value) else None
