"""Feeds damaged .rec and .idx files to `from_recordio`.

    python tests/fuzz/fuzz_recordio.py --inputs 200000

Every input either reads or is refused by `ValueError` or
`FileNotFoundError`. Anything else, over ten seconds for one, or over 256 MiB
more memory, ends the run with the seed of the input.
"""

import contextlib
import io
import struct
import sys
import tempfile
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import driver
import numpy as np
import records
from PIL import Image

from keras_arcface.data import from_recordio

SIZE = (4, 4)
WORDS = [0, 1, 24, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 29, (1 << 29) - 1, 3 << 29]
WORDS = [struct.pack("<I", word) for word in WORDS] + [records.MAGIC]
WORDS += [struct.pack("<f", x) for x in (np.nan, -1.0, 1e30, 2.0**24, 0.5)]
DIGITS = [b"", b"\t", b"\n", b"0", b"7", b"-1", b"9" * 25, b"\xff", b"x"]


def corpus():
    """Returns [(content of the .rec, of the .idx)] of every style."""
    file = io.BytesIO()
    Image.fromarray(np.full((*SIZE, 3), 99, np.uint8)).save(file, "PNG")
    png = file.getvalue()
    parts = png + bytes(-len(png) % 4) + records.MAGIC + b"tail"
    meta = [records.payload(b"", [5, 7])]
    pictures = [records.payload(png, n // 2, n + 1) for n in range(4)]
    several = [records.payload(parts, [n // 2, 5], n) for n in range(4)]
    ranges = [records.payload(b"", [1, 3]), records.payload(b"", [3, 5])]
    with tempfile.TemporaryDirectory() as folder:
        seeds = []
        for payloads in (meta + pictures + ranges, pictures, several):
            path = records.write(Path(folder), payloads)
            index = path.with_suffix(".idx").read_bytes()
            seeds.append((path.read_bytes(), index))
    return seeds


def mutate(content, rng, words):
    """Returns the bytes with one to four changes."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(content) + 1))
        length = int(rng.integers(1, 40))
        kind = rng.integers(6)
        if kind == 0 and at < len(content):
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            at -= at % 4
            word = words[rng.integers(len(words))]
            content[at : at + len(word)] = word
        elif kind == 2:
            del content[at:]
        elif kind == 3:
            del content[at : at + length]
        elif kind == 4:
            content[at:at] = content[at : at + length]
        else:
            content[at : at + length] = rng.bytes(length)
    return bytes(content)


def one(seed, folder, seeds):
    """Tries one input; returns whether it was read."""
    rng = np.random.default_rng([seed, 5])
    content, index = seeds[rng.integers(len(seeds))]
    if rng.random() < 0.8:
        content = mutate(content, rng, WORDS)
    if rng.random() < 0.3:
        index = mutate(index, rng, DIGITS)
    path = folder / "train.rec"
    path.write_bytes(content)
    beside = path.with_suffix(".idx")
    if rng.random() < 0.7:
        beside.write_bytes(index)
    else:
        beside.unlink(missing_ok=True)
    with contextlib.suppress(ValueError, FileNotFoundError):
        data = from_recordio(path, SIZE, check=rng.random() < 0.7)
        for number in range(len(data)):
            data._read(number)
        return True
    return False


def run(inputs, first=0):
    """Tries that many inputs; returns (read, most MiB above the start)."""
    seeds = corpus()
    for content, index in seeds:  # What is whole is read.
        assert content and index
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stderr(io.StringIO()),
    ):
        warnings.simplefilter("ignore")
        return driver.run(one, seeds, inputs, first)


if __name__ == "__main__":
    driver.main(run, __doc__)
