"""Points that fill a cube more evenly than random ones.

Direction numbers of Joe and Kuo, so the points are those of other libraries;
the shift makes a seed of them, and keeps what is even about them.

Reference:
- Joe and Kuo, 2008, "Constructing Sobol sequences with better two-dimensional
  projections", SIAM J. Sci. Comput. 30 (their file new-joe-kuo-6.21201)
"""

import functools

import numpy as np

_BITS = 32
# By dimension from the second: degree and inner coefficients of the primitive
# polynomial, and the first direction numbers.
_JOE_KUO = (
    (1, 0, (1,)),
    (2, 1, (1, 3)),
    (3, 1, (1, 3, 1)),
    (3, 2, (1, 1, 1)),
    (4, 1, (1, 1, 3, 3)),
    (4, 4, (1, 3, 5, 13)),
    (5, 2, (1, 1, 5, 5, 17)),
    (5, 4, (1, 1, 5, 5, 5)),
    (5, 7, (1, 1, 7, 11, 19)),
    (5, 11, (1, 1, 5, 1, 1)),
    (5, 13, (1, 1, 1, 3, 11)),
)
MOST_DIMENSIONS = 1 + len(_JOE_KUO)


def sobol_point(
    index: int, dimensions: int, seed: int | None = None
) -> np.ndarray:
    """Returns one point of the Sobol sequence in [0, 1), `(dimensions,)`.

    Args:
        index: Which one, from 0.
        dimensions: From 1 to `MOST_DIMENSIONS`.
        seed: Of the digital shift; None for no shift, where the first point
            is the origin.

    Raises:
        ValueError: for more dimensions than there are numbers for.
    """
    if not 1 <= dimensions <= MOST_DIMENSIONS:
        raise ValueError(
            f"dimensions must be in 1..{MOST_DIMENSIONS}. Received: "
            f"dimensions={dimensions}. Search at random instead."
        )
    gray = index ^ (index >> 1)
    point = np.zeros(dimensions, np.uint64)
    for bit in range(gray.bit_length()):
        if gray >> bit & 1:
            point ^= _directions()[:dimensions, bit]
    if seed is not None:
        rng = np.random.default_rng(seed)
        point ^= rng.integers(2**_BITS, size=dimensions, dtype=np.uint64)
    return point / 2**_BITS


@functools.cache
def _directions() -> np.ndarray:
    """Returns the direction numbers, uint64 `(dimensions, bits)`."""
    rows = [[1 << (_BITS - 1 - bit) for bit in range(_BITS)]]
    for degree, inner, first in _JOE_KUO:
        row = [m << (_BITS - 1 - bit) for bit, m in enumerate(first)]
        for bit in range(degree, _BITS):
            number = row[bit - degree] ^ (row[bit - degree] >> degree)
            for back in range(1, degree):
                if inner >> (degree - 1 - back) & 1:
                    number ^= row[bit - back]
            row.append(number)
        rows.append(row)
    return np.array(rows, np.uint64)
