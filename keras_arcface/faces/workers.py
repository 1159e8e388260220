"""Work spread over processes, which end when it ends."""

import itertools
import multiprocessing
import os
import signal
from collections.abc import Callable
from collections.abc import Iterable
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures import wait
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")

_WAITING = 4  # Items handed out for each process: none is ever idle.
_THREADS = {"TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}


def unordered(
    function: Callable[[T], R], items: Iterable[T], workers: int
) -> Iterator[R]:
    """Yields `function(item)` of each item as soon as it is done.

    Args:
        function: A function of a module, or a partial of one. What it raises
            ends all.
        items: Any number of them; few are handed out at a time.
        workers: Processes, started afresh (TensorFlow does not survive a
            fork). With 1, all is done here.

    Raises:
        ValueError: when `workers` is not at least 1.
        ChildProcessError: when the system ended a process.
    """
    if not isinstance(workers, int) or workers < 1:
        raise ValueError(
            f"workers must be an integer of at least 1. Received: {workers!r}."
        )
    if workers == 1:
        return map(function, items)
    return _in_processes(function, items, workers)


def _in_processes(function, items, workers):
    items = iter(items)
    pool = ProcessPoolExecutor(
        workers, multiprocessing.get_context("spawn"), _start
    )
    try:
        first = itertools.islice(items, workers * _WAITING)
        running = {pool.submit(function, item) for item in first}
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for item in itertools.islice(items, len(done)):
                running.add(pool.submit(function, item))
            for future in done:
                yield future.result()
    except KeyboardInterrupt:
        # What the processes were at is finished: it belongs to the result.
        pool.shutdown(cancel_futures=True)
        for future in running:
            if not future.cancelled() and future.exception() is None:
                yield future.result()
        raise
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "The system ended a worker process, mostly for want of memory. "
            "What was done is kept: run it again with fewer workers."
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _start():
    # Ctrl-C reaches every process; the first one ends the others in order.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ.update(_THREADS)
