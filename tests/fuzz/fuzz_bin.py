"""Feeds damaged .bin sets to `read_bin`.

    python tests/fuzz/fuzz_bin.py --inputs 200000

Every input either reads or is refused by `ValueError`. Anything else, over ten
seconds for one, or over 256 MiB more memory, ends the run with the seed of the
input.
"""

import pickle
import struct

import driver
import numpy as np

from keras_arcface.data import read_bin

WORDS = [struct.pack("<I", n) for n in (0, 1, 255, 0x7FFFFFFF, 0xFFFFFFFF)]
WORDS += [b"cos\nsystem\n", b"cbuiltins\neval\n", b"R", b"(" * 30, b"]q\0"]
WORDS += [
    b"\x8e" + b"\xff" * 8,
    b"r\xff\xff\xff\xff",
    b"a" * 9,
    b"2" * 20,
    b".",
]


def corpus():
    """Returns small sets of every protocol and spelling."""
    pictures = [bytes([255, 216, n]) * 5 for n in range(4)]
    arrays = [np.frombuffer(p, np.uint8).copy() for p in pictures]
    answers = [True, False]
    seeds = []
    for protocol in range(6):
        for kind in (pictures, arrays):
            for truth in (
                answers,
                np.array(answers),
                list(map(np.bool_, answers)),
            ):
                seeds.append(pickle.dumps((kind, truth), protocol=protocol))
    return seeds


def mutate(content, rng):
    """Returns the bytes with one to four changes."""
    content = bytearray(content)
    for _ in range(rng.integers(1, 5)):
        at = int(rng.integers(len(content) + 1))
        length = int(rng.integers(1, 20))
        kind = rng.integers(7)
        if kind == 0 and at < len(content):
            content[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            word = WORDS[rng.integers(len(WORDS))]
            content[at:at] = word
        elif kind == 2:
            del content[at:]
        elif kind == 3:
            del content[at : at + length]
        elif kind == 4:
            content[at:at] = content[at : at + length]
        elif kind == 5:
            content[at : at + length] = rng.bytes(length)
        elif at < len(content):
            content[at] = int(rng.integers(256))
    return bytes(content)


def one(seed, folder, seeds):
    """Tries one input; returns whether it was read."""
    path = folder / "set.bin"
    rng = np.random.default_rng([seed, 6])
    content = seeds[rng.integers(len(seeds))]
    path.write_bytes(mutate(content, rng) if rng.random() < 0.95 else content)
    try:
        pictures, pairs = read_bin(path)
    except ValueError as error:
        assert str(path) in str(error) and len(str(error)) < 2000
        return False
    assert max(pairs.left.max(), pairs.right.max()) < len(pictures)
    return True


def run(inputs, first=0):
    """Tries that many inputs; returns (read, most MiB above the start)."""
    return driver.run(one, corpus(), inputs, first)


if __name__ == "__main__":
    driver.main(run, __doc__)
