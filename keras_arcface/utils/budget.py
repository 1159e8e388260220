"""A bound on what threads hold at one time."""

import contextlib
import threading
from collections.abc import Iterator


class Budget:
    """Lets threads go on as long as all that they hold stays within a total.

    Args:
        total: In any unit. Who wants more than that holds all of it, alone.
    """

    def __init__(self, total: int):
        self._total = self._free = total
        self._changed = threading.Condition()

    @contextlib.contextmanager
    def hold(self, amount: int) -> Iterator[None]:
        """Waits until there is enough left, and gives it back at the end."""
        amount = min(amount, self._total)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= amount)
            self._free -= amount
        try:
            yield
        finally:
            with self._changed:
                self._free += amount
                self._changed.notify_all()
