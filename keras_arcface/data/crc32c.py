"""CRC-32C (Castagnoli), the checksum of TFRecords, in NumPy.

The checksum is linear over XOR: what a byte adds depends on its value and on
how many bytes follow, so a table of both turns a block into one gather and one
XOR. The state so far is XORed into the first four bytes of the next block.
"""

import functools

import numpy as np

_POLYNOMIAL = 0x82F63B78  # Reflected.
_BLOCK = 2048
_MASK = 0xA282EAD8
_ALL = 0xFFFFFFFF


def crc32c(content: bytes) -> int:
    """Returns the CRC-32C of bytes."""
    table, places = _tables()
    state = np.uint32(_ALL)
    values = np.frombuffer(content, np.uint8)
    for start in range(0, len(values), _BLOCK):
        block = values[start : start + _BLOCK].astype(np.int32)
        size = len(block)
        before = np.frombuffer(state.tobytes(), np.uint8)[:size]
        block[: len(before)] ^= before
        state_left = state >> np.uint32(8 * size) if size < 4 else np.uint32(0)
        added = table[block + places[_BLOCK - size :]]
        state = np.bitwise_xor.reduce(added) ^ state_left
    return int(state) ^ _ALL


def masked_crc32c(content: bytes) -> int:
    """Returns the checksum as TFRecords store it: rotated, with a constant."""
    crc = crc32c(content)
    return ((crc >> 15 | crc << 17) + _MASK) & _ALL


@functools.cache
def _tables() -> tuple[np.ndarray, np.ndarray]:
    """Returns the table, flat, and where the row of each place starts.

    Row i is what a byte adds that `_BLOCK - 1 - i` bytes follow.
    """
    last = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        odd = (last & 1).astype(bool)
        last = np.where(odd, last >> 1 ^ np.uint32(_POLYNOMIAL), last >> 1)
    rows = [last]
    for _ in range(_BLOCK - 1):
        row = rows[-1]
        rows.append(last[row & 0xFF] ^ row >> np.uint32(8))
    places = np.arange(_BLOCK, dtype=np.int32) * 256
    return np.concatenate(rows[::-1]), places
