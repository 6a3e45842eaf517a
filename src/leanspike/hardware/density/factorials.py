"""Logarithms of ratios of factorials without losing digits on large numbers; compiled."""

from __future__ import annotations

from math import log, log1p, pi

import numpy as np
from numba import njit, vectorize

# log(k!) for k below this is a table; from here Stirling's series to its x^-7 term is exact to
# the last digits of a double.
_TABLE = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 32)))])


@njit(cache=True)
def log_factorial_ratio(a: float, b: float, c: float) -> float:
    """``log(a! b! / (c! (a + b - c)!))`` of whole numbers, for 0 <= c <= a and b <= a + b - c.

    Stirling's leading terms nearly cancel when the numbers are large; taking each relative to the
    largest keeps the error near ``(a + b - c) * 1e-16`` times the logarithm of their ratios.

    >>> float(np.exp(-log_factorial_ratio(2.0, 3.0, 0.0)).round(9))  # 5! / (2! 3!)
    10.0
    """
    top = a + b - c
    leading = _x_log_ratio(a, top) + _x_log_ratio(b, top) - _x_log_ratio(c, top)
    return leading + _rest(a) + _rest(b) - _rest(c) - _rest(top)


@njit(cache=True)
def _x_log_ratio(x: float, top: float) -> float:
    """``x log(x / top)``, 0 at x = 0."""
    if x <= 0.0:
        return 0.0
    # log1p keeps the digits when x is close to top.
    return x * log1p((x - top) / top) if x > 0.5 * top else x * log(x / top)


@njit(cache=True)
def _rest(x: float) -> float:
    """``log(x!) - (x log x - x)``: what Stirling's leading terms leave."""
    if x <= 0.0:
        return 0.0
    if x < 32.0:
        return _TABLE[int(x)] + x - x * log(x)
    inverse = 1.0 / x
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    return 0.5 * log(2 * pi * x) + series


@vectorize(cache=True)
def log_factorial_ratios(a: float, b: float, c: float) -> float:
    """:func:`log_factorial_ratio` of arrays, broadcast together."""
    return log_factorial_ratio(a, b, c)
