"""What a person sees while training runs."""

import math
import sys
import time

import keras

from keras_arcface.training.schedules import current_rate

_SHOWN = ("loss", "angle")
# In the files, and too much for a line: quantiles, the training data's own.
_HIDDEN = ("angle_p", "train_", "margin_strength")
# Every value shown is fetched from the device, which waits for it.
_SECONDS_BETWEEN_UPDATES = 0.5


class TrainingProgress(keras.callbacks.Callback):
    """Shows loss, target angle, learning rate, speed and time left.

    On a terminal a live bar; elsewhere (a log file) one plain line every few
    seconds. One line for each epoch in both, with the values of the logs that
    are numbers. Everything goes to stderr.

    The speed is that of the steps, without judging and without the first step
    of a `fit`, which compiles. The time left counts judging as it took so far.

    Args:
        batch_size: Int, to turn steps into images per second.
        every_seconds: Float, between plain lines. Defaults to `30`.
        epochs: Int, the number of the run's last epoch, where it is more than
            one `fit`. Defaults to that of `fit`.
    """

    def __init__(self, batch_size, every_seconds=30.0, epochs=None):
        super().__init__()
        self.batch_size = batch_size
        self.every_seconds = every_seconds
        self.epochs = epochs
        self._bar = None
        self._steps_timed, self._seconds = 0, 0.0
        self._ends_timed, self._seconds_of_ends = 0, 0.0

    def on_train_begin(self, logs=None):
        self._compiled = False

    def on_epoch_begin(self, epoch, logs=None):
        now = time.monotonic()
        self._epoch = epoch
        self._done, self._ended = 0, False
        self._epoch_start = self._last_shown = self._last_step = now
        self._epoch_timed = self._steps_timed, self._seconds
        if sys.stderr.isatty():
            self._open_bar()

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        if self._compiled:
            self._steps_timed += 1
            self._seconds += now - self._last_step
        self._compiled, self._last_step, self._done = True, now, batch + 1
        wait = self.every_seconds
        if self._bar is not None:
            wait = _SECONDS_BETWEEN_UPDATES
        if now - self._last_shown >= wait:
            self._last_shown = now
            self._show(self._describe(logs or {}))

    def _show(self, text):
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done, text=text)
        else:
            steps = self.params.get("steps") or "?"
            self._print(f"step {self._done}/{steps}  {text}")

    def on_epoch_end(self, epoch, logs=None):
        self.close()
        now = time.monotonic()
        self._done = self.params.get("steps") or self._done
        self._ends_timed, self._ended = self._ends_timed + 1, True
        self._seconds_of_ends += now - self._last_step
        values = [
            f"{name} {value:.4f}"
            for name, value in (logs or {}).items()
            if math.isfinite(value) and not name.startswith(_HIDDEN)
        ]
        values.append(self._rate())
        steps, seconds = self._epoch_timed
        facts = [f"{now - self._epoch_start:.0f} s"]
        facts += self._speed(self._steps_timed - steps, self._seconds - seconds)
        if epoch + 1 < self._last_epoch:
            facts += self._left()
        self._print(f"{'  '.join(values)}  ({', '.join(facts)})")

    def close(self):
        """Stops the live bar; for training that ends in an error."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    @property
    def _last_epoch(self):
        return self.epochs or self.params.get("epochs") or 0

    def _describe(self, logs):
        parts = [f"{k} {float(logs[k]):.3f}" for k in _SHOWN if k in logs]
        if "angle" in logs:
            parts[-1] += " deg"
        parts.append(self._rate())
        parts += self._speed(self._steps_timed, self._seconds)
        if self.params.get("steps"):
            parts += self._left()
        return "  ".join(parts)

    def _rate(self):
        return f"rate {current_rate(self.model):.3g}"

    def _speed(self, steps, seconds):
        if not steps:
            return []
        speed = steps * self.batch_size / max(seconds, 1e-9)
        return [f"{speed:.0f} images/s"]

    def _left(self):
        """Returns the time left: of the steps, and of the ends of epochs."""
        if not self._steps_timed:
            return []
        epochs = self._last_epoch - self._epoch
        steps = epochs * (self.params.get("steps") or self._done) - self._done
        seconds = steps * self._seconds / self._steps_timed
        if self._ends_timed:
            ends = epochs - self._ended  # Whether this epoch's is behind it.
            seconds += ends * self._seconds_of_ends / self._ends_timed
        return [f"{_clock(seconds)} left"]

    def _print(self, text):
        print(
            f"epoch {self._epoch + 1}/{self._last_epoch}  {text}",
            file=sys.stderr,
            flush=True,
        )

    def _open_bar(self):
        from rich.console import Console
        from rich.progress import BarColumn
        from rich.progress import MofNCompleteColumn
        from rich.progress import Progress
        from rich.progress import TextColumn

        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[text]}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._task = self._bar.add_task(
            "",
            total=self.params.get("steps"),
            epoch=f"{self._epoch + 1}/{self._last_epoch}",
            text="",
        )
        self._bar.start()


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d}"
    return f"{minutes}:{seconds:02d}"
