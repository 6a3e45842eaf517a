"""Logarithms of ratios of factorials, for whole arrays, without losing digits on large numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from leanspike.hardware.density.model import Reals

# log(k!) for k below this is a table; from here Stirling's series to its x^-7 term is exact to
# the last digits of a double.
_TABLE = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, 32)))])


def log_factorial_ratio(a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike) -> Reals:
    """``log(a! b! / (c! (a + b - c)!))`` elementwise, for 0 <= c <= a, b <= a + b - c.

    Stirling's leading terms nearly cancel when the numbers are large; taking each relative to the
    largest keeps the error near ``(a + b - c) * 1e-16`` times the logarithm of their ratios.

    >>> round(float(np.exp(-log_factorial_ratio(2, 3, 0))), 9)  # 5! / (2! 3!)
    10.0
    """
    a, b, c = (np.asarray(x, dtype=np.float64) for x in (a, b, c))
    top = a + b - c
    leading = _x_log_ratio(a, top) + _x_log_ratio(b, top) - _x_log_ratio(c, top)
    rest: Reals = leading + _rest(a) + _rest(b) - _rest(c) - _rest(top)
    return rest


def _x_log_ratio(x: Reals, top: Reals) -> Reals:
    """``x log(x / top)``, 0 at x = 0."""
    safe = np.where(x > 0, x, 1.0)
    whole = np.where(top > 0, top, 1.0)
    # log1p keeps the digits when x is close to top.
    near = safe > whole / 2
    ratio = np.where(
        near,
        np.log1p(np.where(near, safe - whole, 0.0) / whole),
        np.log(safe / whole),
    )
    return np.where((x > 0) & (top > 0), x * ratio, 0.0)


def _rest(x: Reals) -> Reals:
    """``log(x!) - (x log x - x)``: what Stirling's leading terms leave."""
    small = x < len(_TABLE)
    n = np.where(small, len(_TABLE), x)
    inverse = 1.0 / n
    square = inverse * inverse
    series = inverse * (1 / 12 - square * (1 / 360 - square * (1 / 1260 - square / 1680)))
    large = 0.5 * np.log(2 * np.pi * n) + series
    k = np.where(small, x, 0.0)
    exact = _TABLE[k.astype(np.int64)] + k - k * np.log(np.where(k > 0, k, 1.0))
    return np.where(small, exact, large)
