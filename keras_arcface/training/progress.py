"""What a person sees while training runs."""

import math
import sys
import time

import keras

_SHOWN = ("loss", "angle")


class TrainingProgress(keras.callbacks.Callback):
    """Shows loss, target angle, speed and time left.

    On a terminal a live bar; elsewhere (a log file) one plain line every few
    seconds. One line for each epoch in both, with the values of the logs that
    are numbers. Everything goes to stderr.

    Args:
        batch_size: Int, to turn steps into images per second.
        every_seconds: Float, between plain lines. Defaults to `30`.
    """

    def __init__(self, batch_size, every_seconds=30.0):
        super().__init__()
        self.batch_size = batch_size
        self.every_seconds = every_seconds
        self._bar = None
        self._start = None

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch
        self._epoch_start = self._last_line = time.monotonic()
        if self._start is None:
            self._start, self._first_epoch = self._epoch_start, epoch
        if sys.stderr.isatty():
            self._open_bar()

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        # Judging comes after the last step: it is no part of the speed.
        self._speed = self._images_per_second(batch + 1, now)
        if self._bar is not None:
            text = self._describe(batch + 1, logs or {}, now)
            self._bar.update(self._task, completed=batch + 1, text=text)
        elif now - self._last_line >= self.every_seconds:
            self._last_line = now
            steps = self.params.get("steps") or "?"
            text = self._describe(batch + 1, logs or {}, now)
            self._print(f"step {batch + 1}/{steps}  {text}")

    def on_epoch_end(self, epoch, logs=None):
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        now = time.monotonic()
        values = [
            f"{name} {value:.4f}"
            for name, value in (logs or {}).items()
            if math.isfinite(value)
        ]
        facts = [f"{now - self._epoch_start:.0f} s", self._speed]
        if epoch + 1 < (self.params.get("epochs") or 0):
            steps = self.params.get("steps") or 1
            facts.append(f"{_clock(self._left(steps, steps, now))} left")
        self._print(f"{'  '.join(values)}  ({', '.join(facts)})")

    def close(self):
        """Stops the live bar; for training that ends in an error."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def _describe(self, steps, logs, now):
        parts = [f"{k} {float(logs[k]):.3f}" for k in _SHOWN if k in logs]
        if "angle" in logs:
            parts[-1] += " deg"
        parts.append(self._images_per_second(steps, now))
        per_epoch = self.params.get("steps")
        if per_epoch:
            parts.append(f"{_clock(self._left(steps, per_epoch, now))} left")
        return "  ".join(parts)

    def _images_per_second(self, steps, now):
        elapsed = max(now - self._epoch_start, 1e-9)
        return f"{steps * self.batch_size / elapsed:.0f} images/s"

    def _left(self, steps, per_epoch, now):
        total = (self.params["epochs"] - self._first_epoch) * per_epoch
        done = (self._epoch - self._first_epoch) * per_epoch + steps
        return (now - self._start) * (total - done) / done

    def _print(self, text):
        epochs = self.params.get("epochs")
        print(
            f"epoch {self._epoch + 1}/{epochs}  {text}",
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
            epoch=f"{self._epoch + 1}/{self.params.get('epochs')}",
            text="",
        )
        self._bar.start()


def _clock(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes:02d}:{seconds:02d}"
    return f"{minutes}:{seconds:02d}"
