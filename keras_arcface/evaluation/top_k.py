"""The k largest of every row of a matrix that comes block by block."""

import numpy as np

SIGN = np.uint32(0x80000000)
LOW = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)


class TopK:
    """Keeps the k best columns of each row; equal scores: the lower column.

    A score and its column are one 64-bit number: the bits of the score, turned
    so that integers order as the floats do, above the complement of the
    column. One partition of such numbers moves both and settles every tie. A
    block is compared with the k-th best of each row, and only what lies above
    is packed: after the first columns that is next to nothing.

    Args:
        rows: Rows of the matrix.
        k: How many columns to keep of each.

    Attributes:
        least: Float32 `(rows,)`, the k-th best score; -inf until k were seen.
    """

    def __init__(self, rows: int, k: int):
        self.k = k
        self.least = np.full(rows, -np.inf, np.float32)
        self._keys = np.zeros((rows, k), np.uint64)

    def update(
        self, start: int, similarity: np.ndarray, first_column: int
    ) -> None:
        """Takes a block of the matrix. Columns must come in rising order.

        Args:
            start: The row that the first row of the block is.
            similarity: Float32, contiguous; -inf is never kept.
            first_column: The column that the first column of the block is.
        """
        rows = slice(start, start + len(similarity))
        above = similarity > self.least[rows, None]
        found = np.count_nonzero(above)
        if not found:
            return
        if found * 8 < above.size:
            self._update_few(start, similarity, first_column, above)
            return
        width = max(4 * self.k, 64)
        if similarity.shape[1] >= 2 * width:
            # Few columns to set the bar, then the rest against it.
            part = np.ascontiguousarray(similarity[:, :width])
            self.update(start, part, first_column)
            part = np.ascontiguousarray(similarity[:, width:])
            self.update(start, part, first_column + width)
            return
        columns = np.arange(first_column, first_column + similarity.shape[1])
        self._merge(np.arange(len(above)) + start, _pack(similarity, columns))

    def result(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns scores, float32, falling, and columns, int64, (rows, k).

        Where fewer than k columns came: -inf and -1.
        """
        scores, columns = _unpack(np.sort(self._keys, axis=1)[:, ::-1])
        columns[np.isneginf(scores)] = -1
        return scores, columns

    def _update_few(self, start, similarity, first_column, above):
        flat = np.flatnonzero(above)
        row, column = np.divmod(flat, similarity.shape[1])
        keys = _pack(similarity.ravel()[flat], column + first_column)
        counts = np.bincount(row, minlength=len(similarity))
        touched = np.flatnonzero(counts)
        counts = counts[touched]
        place = np.arange(flat.size) - np.repeat(
            np.cumsum(counts) - counts, counts
        )
        new = np.zeros((touched.size, counts.max()), np.uint64)
        new[np.repeat(np.arange(touched.size), counts), place] = keys
        self._merge(touched + start, new)

    def _merge(self, rows, keys):
        merged = np.concatenate([self._keys[rows], keys], axis=1)
        position = merged.shape[1] - self.k
        kept = np.partition(merged, position, axis=1)[:, position:]
        self._keys[rows] = kept
        self.least[rows] = _unpack(kept[:, 0])[0]


def _pack(scores, columns):
    bits = (scores + np.float32(0)).view(np.uint32)  # -0.0 becomes 0.0.
    bits = np.where(bits & SIGN, ~bits, bits | SIGN)
    high = bits.astype(np.uint64) << HALF
    return high | (LOW - columns.astype(np.uint64))


def _unpack(keys):
    bits = (keys >> HALF).astype(np.uint32)
    bits = np.where(bits & SIGN, bits ^ SIGN, ~bits)
    scores = bits.view(np.float32)
    # A key of zero is a place that nothing took yet.
    scores = np.where(keys == 0, np.float32(-np.inf), scores)
    return scores, (LOW - (keys & LOW)).astype(np.int64)
