"""Pictures that look alike, found without comparing each with each."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 16
BITS = SIDE * SIDE
HASH_BYTES = BITS // 8
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


class ClosePairs(NamedTuple):
    """Pictures of two identities that look alike.

    Attributes:
        pairs: Indices (k, 2), the first below the second.
        bits: How many bits of their hashes differ, (k,), ascending.
        left_out: How many more pairs were found than are listed.
    """

    pairs: np.ndarray
    bits: np.ndarray
    left_out: int


def close_pairs(
    hashes: np.ndarray,
    labels: np.ndarray,
    most_bits: int = CLOSE,
    most_pairs: int = 10_000,
) -> ClosePairs:
    """Returns pairs of pictures of two identities whose hashes are close.

    The bits are cut into `most_bits + 1` bands; two hashes that differ in no
    more than `most_bits` agree in one band at least, so only hashes that share
    a band are compared. None is missed.

    Pictures with the very same hash are one group, so that one picture in all
    identities costs no square of their number: a group gives a pair of its
    first picture with each other identity, and two close groups give one pair.
    A flat hash (a picture of one colour) is left out: it says nothing.

    Args:
        hashes: uint8 (n, 32), of `perceptual_hash`.
        labels: Identity of each, (n,).
        most_bits: Greatest number of different bits.
        most_pairs: How many pairs to list at most, the closest ones.
    """
    rows = np.flatnonzero(_BITS_SET[hashes].sum(axis=1) > most_bits)
    groups = _equal(hashes[rows], labels[rows])
    listed = _Closest(most_pairs)
    for one, two, bits in _candidates(groups, most_bits):
        pairs = np.sort(rows[np.column_stack([one, two])], axis=1)
        listed.add(np.column_stack([bits, pairs]))
    table = listed.table()
    return ClosePairs(table[:, 1:], table[:, 0], listed.count - len(table))


class _Groups(NamedTuple):
    """Distinct hashes (g, 32) and the pictures that have them.

    `first` (g,) is a picture of each, `second` one of another identity, or -1.
    `others` and `group` (m,) are one picture for each further identity, and
    the group it is of.
    """

    hashes: np.ndarray
    labels: np.ndarray
    first: np.ndarray
    second: np.ndarray
    others: np.ndarray
    group: np.ndarray


def _equal(hashes, labels):
    distinct, group = np.unique(hashes, axis=0, return_inverse=True)
    keyed = np.column_stack([group.ravel(), labels])
    _, rows = np.unique(keyed, axis=0, return_index=True)
    rows = np.sort(rows)  # One picture of each hash and identity.
    group = group.ravel()[rows]
    _, places = np.unique(group, return_index=True)
    is_other = np.ones(len(rows), bool)
    is_other[places] = False
    others, of = rows[is_other], group[is_other]
    second = np.full(len(distinct), -1)
    second[of[::-1]] = others[::-1]
    return _Groups(distinct, labels, rows[places], second, others, of)


def _candidates(groups, most_bits):
    """Yields (pictures, others, bits) that are close, each pair once."""
    alike = np.zeros(len(groups.others), np.int64)
    yield groups.first[groups.group], groups.others, alike
    bands = np.stack(list(_bands(groups.hashes, most_bits + 1)))
    for number, keys in enumerate(bands):
        for group in _groups(keys):
            for one, two, bits in _compare(groups.hashes, group, most_bits):
                # A pair that shares an earlier band was found there.
                earlier = bands[:number, one] == bands[:number, two]
                new = ~earlier.any(axis=0)
                yield _of_two_identities(groups, one[new], two[new], bits[new])


def _of_two_identities(groups, one, two, bits):
    first, other = groups.first[one], groups.first[two]
    same = groups.labels[first] == groups.labels[other]
    other = np.where(
        same & (groups.second[two] >= 0), groups.second[two], other
    )
    same = groups.labels[first] == groups.labels[other]
    first = np.where(
        same & (groups.second[one] >= 0), groups.second[one], first
    )
    differ = groups.labels[first] != groups.labels[other]
    return first[differ], other[differ], bits[differ]


class _Closest:
    """Keeps the rows (bits, first, second) that come first when sorted."""

    def __init__(self, most: int):
        self.most, self.count = most, 0
        self._tables, self._held = [np.zeros((0, 3), np.int64)], 0

    def add(self, rows: np.ndarray) -> None:
        self.count += len(rows)
        self._held += len(rows)
        self._tables.append(rows)
        if self._held > 4 * self.most + _BLOCK:
            self.table()

    def table(self) -> np.ndarray:
        rows = np.concatenate(self._tables)
        order = np.lexsort(rows.T[::-1])[: self.most]
        self._tables, self._held = [rows[order]], len(order)
        return rows[order]


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


def _compare(hashes, group, most_bits):
    for start in range(0, len(group), _BLOCK):
        some = group[start : start + _BLOCK]
        for other in range(start, len(group), _BLOCK):
            more = group[other : other + _BLOCK]
            bits = np.zeros((len(some), len(more)), np.uint16)
            for byte in range(hashes.shape[1]):
                one, two = hashes[some, byte], hashes[more, byte]
                bits += _BITS_SET[one[:, None] ^ two]
            near = (bits <= most_bits) & (some[:, None] < more)
            rows, columns = np.nonzero(near)
            yield some[rows], more[columns], bits[rows, columns]
