"""Searching the rows of a matrix without ever holding a cube."""

from keras import ops


def count_below(ascending, limits, inclusive=False):
    """Counts, in each row, the values below each of the row's limits.

    A binary search of all limits at once: memory of a few matrices, where
    comparing every value with every limit would take a cube. (The search of
    `keras.ops` takes one row only.) Not differentiable.

    Args:
        ascending: Float tensor `(rows, n)`, each row sorted.
        limits: Float tensor `(rows, m)`.
        inclusive: Whether a value equal to its limit counts.

    Returns:
        int32 `(rows, m)`: how many of `ascending[i]` are < `limits[i, j]`.
    """
    is_below = ops.less_equal if inclusive else ops.less
    last = ops.cast(ops.shape(ascending)[1], "int32") - 1
    low = ops.zeros_like(limits, dtype="int32")

    def open_somewhere(low, high):
        return ops.any(low < high)

    def halve(low, high):
        middle = (low + high) // 2
        value = ops.take_along_axis(
            ascending, ops.minimum(middle, last), axis=1
        )
        below = is_below(value, limits)
        # A search that is over, low = high = middle, stays where it is.
        return (
            ops.where(ops.logical_and(below, low < high), middle + 1, low),
            ops.where(below, high, middle),
        )

    low, _ = ops.while_loop(open_somewhere, halve, (low, low + last + 1))
    return low


def chosen_counts(mask, index):
    """Counts how often each column was chosen by its row.

    Args:
        mask: Bool tensor `(rows, m)`, which choices count.
        index: Int tensor `(rows, m)` of columns below `m`.

    Returns:
        Float32 `(rows, m)`.
    """
    rows, columns = ops.shape(index)
    offset = ops.expand_dims(ops.arange(rows), 1) * columns
    place = ops.cast(index, "int32") + ops.cast(offset, "int32")
    counts = ops.segment_sum(
        ops.cast(ops.reshape(mask, (-1,)), "float32"),
        ops.reshape(place, (-1,)),
        num_segments=rows * columns,
    )
    return ops.reshape(counts, (rows, columns))
