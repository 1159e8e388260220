"""What every fuzz of a reader does: many inputs, each within bounds.

Anything but what an input's function returns, over ten seconds for one, or over
256 MiB more memory, ends the run with the seed of the input.
"""

import argparse
import resource
import signal
import tempfile
import time
from pathlib import Path

SECONDS = 10
MEBIBYTES = 256


def run(one, seeds, inputs, first=0):
    """Tries that many inputs; returns (read, most MiB above the start).

    Args:
        one: `one(seed, folder, seeds)` returns whether the input was read.
        seeds: What `one` makes its inputs from.
        inputs: Int, how many.
        first: Int, the first seed.
    """
    read, seed = 0, first
    before = _mebibytes()
    signal.signal(signal.SIGALRM, _too_long)
    with tempfile.TemporaryDirectory() as folder:
        try:
            for seed in range(first, first + inputs):
                signal.alarm(SECONDS)
                read += one(seed, Path(folder), seeds)
                if _mebibytes() - before > MEBIBYTES:
                    raise MemoryError(f"over {MEBIBYTES} MiB")
        except BaseException as error:
            error.add_note(f"input {seed}")
            raise
        finally:
            signal.alarm(0)
    return read, _mebibytes() - before


def main(fuzz, description):
    """Runs `fuzz(inputs, first)` from the command line."""
    parser = argparse.ArgumentParser(description=description.split("\n")[0])
    parser.add_argument("--inputs", type=int, default=200_000)
    parser.add_argument("--first", type=int, default=0, help="first seed")
    args = parser.parse_args()
    start = time.monotonic()
    read, more = fuzz(args.inputs, args.first)
    print(
        f"{args.inputs} inputs: {read} read, {args.inputs - read} refused by "
        f"name, {more:.0f} MiB more, {time.monotonic() - start:.0f} s"
    )


def _mebibytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _too_long(*_):
    raise TimeoutError(f"over {SECONDS} s")
