"""Peak memory of opening a .bin set and decoding every picture of it.

Command:  python benchmarks/verification_set_memory.py PICTURES [--pairs 7000]
Data:     a folder of 112x112 JPEGs
Hardware: two processor cores
Time:     half a minute
Aims at:  less than 1 GiB for 7,000 pairs, decoding included
Seen:     847 MiB, TensorFlow included, in 11 seconds (2026-11-24, a busy
          machine)

Makes a set of that many pairs of distinct pictures from a folder of JPEGs
(112x112), then opens and decodes it in batches in a process of its own.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from keras_arcface.data import open_pairs
from keras_arcface.data import write_bin


def make(folder, pairs, path):
    files = sorted(Path(folder).rglob("*.jpg"))
    # A few bytes after a JPEG's end make another file of the same picture.
    pictures = [
        files[n % len(files)].read_bytes() + n.to_bytes(4, "big")
        for n in range(2 * pairs)
    ]
    write_bin(path, pictures, [n % 2 == 0 for n in range(pairs)])


def measure(path):
    start = time.monotonic()
    opened = open_pairs(path)
    count = sum(
        len(batch)
        for batch in opened.data.batches(128, shuffle=False, labels=False)
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        f"{len(opened)} pairs, {count} pictures decoded, peak {peak:.0f} MiB, "
        f"{time.monotonic() - start:.1f} s"
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("source", help="folder of JPEGs, or a .bin to measure")
    parser.add_argument("--pairs", type=int, default=7000)
    args = parser.parse_args()
    if Path(args.source).is_file():
        measure(args.source)
        return
    with tempfile.TemporaryDirectory() as room:
        path = Path(room) / "set.bin"
        make(args.source, args.pairs, path)
        print(f"{path.stat().st_size / 2**20:.0f} MiB in the file")
        subprocess.run([sys.executable, __file__, str(path)], check=True)


if __name__ == "__main__":
    main()
