"""Pictures that look alike, found without comparing each with each."""

from collections.abc import Iterator

import numpy as np
from PIL import Image

SIDE = 16
BITS = SIDE * SIDE
# On 2,455 aligned faces (LFW), pictures of two people differ in 26 bits or
# more; the same one saved again, resized or brightened in 16 or fewer, mostly.
CLOSE = 16
_BLOCK = 2048
_BITS_SET = np.array([bin(byte).count("1") for byte in range(256)], np.uint8)


def perceptual_hash(image: np.ndarray) -> np.ndarray:
    """Returns 256 bits that a picture keeps when saved or resized: uint8 (32,).

    A bit says whether a place is brighter than its left neighbour, on a grid
    of 16x16 (a difference hash).

    Args:
        image: uint8 (height, width, 3), RGB.
    """
    grey = Image.fromarray(image).convert("L")
    small = grey.resize((SIDE + 1, SIDE), Image.Resampling.BILINEAR)
    pixels = np.asarray(small)
    return np.packbits(pixels[:, 1:] > pixels[:, :-1])


def close_pairs(
    hashes: np.ndarray, labels: np.ndarray, most_bits: int = CLOSE
) -> tuple[np.ndarray, np.ndarray]:
    """Returns pairs of pictures of two identities whose hashes are close.

    The bits are cut into `most_bits + 1` bands; two hashes that differ in no
    more than `most_bits` agree in one band at least, so only pictures that
    share a band are compared. None is missed. Of pictures with the very same
    hash and identity, one stands for all. A flat hash (a picture of one
    colour) is left out: it says nothing.

    Args:
        hashes: uint8 (n, 32), of `perceptual_hash`.
        labels: Identity of each, (n,).
        most_bits: Greatest number of different bits.

    Returns:
        Indices (k, 2), the first below the second, and bits that differ (k,),
        sorted by bits.
    """
    rows = np.flatnonzero(_BITS_SET[hashes].sum(axis=1) > most_bits)
    keyed = np.column_stack([hashes[rows], _as_bytes(labels[rows])])
    _, first = np.unique(keyed, axis=0, return_index=True)
    rows = rows[np.sort(first)]
    hashes, labels = hashes[rows], labels[rows]
    found = set()
    for keys in _bands(hashes, most_bits + 1):
        for group in _groups(keys):
            found.update(_compare(hashes, labels, group, most_bits))
    ordered = sorted(found, key=lambda pair: (pair[2], pair[0], pair[1]))
    table = np.array(ordered, np.int64).reshape(-1, 3)
    return rows[table[:, :2]], table[:, 2]


def _as_bytes(labels):
    wide = np.ascontiguousarray(labels, np.int64)
    return wide.view(np.uint8).reshape(-1, 8)


def _bands(hashes: np.ndarray, count: int) -> Iterator[np.ndarray]:
    """Yields one integer a picture for each band of bits."""
    bits = np.unpackbits(hashes, axis=1)
    for band in np.array_split(np.arange(BITS), count):
        packed = np.packbits(bits[:, band], axis=1)
        _, keys = np.unique(packed, axis=0, return_inverse=True)
        yield keys.ravel()


def _groups(keys: np.ndarray) -> Iterator[np.ndarray]:
    """Yields the indices of each key that occurs more than once."""
    order = np.argsort(keys, kind="stable")
    starts = np.flatnonzero(np.diff(keys[order])) + 1
    for group in np.split(order, starts):
        if len(group) > 1:
            yield group


def _compare(hashes, labels, group, most_bits):
    for start in range(0, len(group), _BLOCK):
        some = group[start : start + _BLOCK]
        for other in range(start, len(group), _BLOCK):
            more = group[other : other + _BLOCK]
            yield from _compare_blocks(hashes, labels, some, more, most_bits)


def _compare_blocks(hashes, labels, some, more, most_bits):
    bits = np.zeros((len(some), len(more)), np.uint16)
    for byte in range(hashes.shape[1]):
        bits += _BITS_SET[hashes[some, byte][:, None] ^ hashes[more, byte]]
    near = (bits <= most_bits) & (some[:, None] < more)
    near &= labels[some][:, None] != labels[more]
    for row, column in np.argwhere(near):
        yield int(some[row]), int(more[column]), int(bits[row, column])
