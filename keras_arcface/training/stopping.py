"""Stopping between two steps, when Ctrl-C or a scheduler asks for it."""

import contextlib
import signal
import sys
import threading

# What a shell reports of a process that SIGTERM ended.
TERMINATED = 128 + signal.SIGTERM


class StopSignal:
    """Whether somebody asked for the run to end, and how it then does.

    Inside `listening()`, SIGTERM (a scheduler that takes its machine back)
    and Ctrl-C do not end the process at once: the step that runs is finished
    and a checkpoint is written. A second Ctrl-C does not wait.

    Args:
        folder: The run's folder, for the message.
    """

    def __init__(self, folder):
        self.folder = folder
        self.asked = None

    @contextlib.contextmanager
    def listening(self):
        """Handles the signals for a while; only Python's main thread can."""
        if threading.current_thread() is not threading.main_thread():
            yield self
            return
        before = {
            number: signal.signal(number, self._ask)
            for number in (signal.SIGTERM, signal.SIGINT)
        }
        try:
            yield self
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def leave(self, place):
        """Ends training, after the checkpoint of `place` was written.

        Raises:
            SystemExit: with code 143, for SIGTERM.
            KeyboardInterrupt: for Ctrl-C.
        """
        print(
            f"Stopped in epoch {place.epoch + 1} after step {place.step}; a "
            f"checkpoint is in {self.folder}. Go on with --resume.",
            file=sys.stderr,
        )
        if self.asked == signal.SIGTERM:
            raise SystemExit(TERMINATED)
        raise KeyboardInterrupt

    def _ask(self, number, frame):
        if self.asked is not None and number == signal.SIGINT:
            raise KeyboardInterrupt
        if self.asked is None:
            self.asked = number
            # The signal may have come while something else was printing.
            with contextlib.suppress(RuntimeError):
                print(
                    "Stopping after this step; a checkpoint is written.",
                    file=sys.stderr,
                    flush=True,
                )
