"""Load imbalance: units that skip on their own wait for the slowest of them.

Units work in *passes*: all that a unit does on what it holds, between two deliveries through the
innermost fan-out. In a pass each of G units has ``n`` computes, of which those that meet a zero
are skipped; the next pass starts when the unit with most computes left is done. Units that wait
for the same values skip together and count as one.

A unit's computes left are ``X = sum over computes of a[i] b[j]``, where a and b say whether what
the compute waits for is there, with probabilities f and g. Of ``n`` computes every ``a[i]`` is in
``r`` and every ``b[j]`` in ``s``, so for independent a and b

    Var X = n f g (1 - f g + (r - 1) g (1 - f) + (s - 1) f (1 - g)),

which is that of ``phi`` times a binomial count of ``n / phi`` trials of probability ``f g``. For
skipping on one operand (g = 1, phi = r) that is X itself. The expected largest of G such counts
is ``phi * sum over x of (1 - F(x)^G)``.
"""

from __future__ import annotations

from math import exp, lgamma, log, log1p, sqrt

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.counts.nest import tile_size

Ints = NDArray[np.int64]

# Beyond this many trials the binomial is normal to three digits.
_NORMAL = 2000


@njit(cache=True)
def pass_shape(coefficients: Ints, operands: Ints, mesh: Ints, factors: Ints, shape: Ints) -> None:
    """Fill what units do in a pass, int64 [5].

    A unit's computes, the values of each operand it meets, and how many different sets of them
    the units meet side by side. ``mesh`` [L, 2] is the instances below each level; a pass is what
    runs inside the innermost level that fans out. Without a fan-out it is the whole layer, and
    there is one unit.
    """
    levels, dims = factors.shape[0] // 3, factors.shape[1]
    first = 0
    for level in range(levels):
        if mesh[level, 0] * mesh[level, 1] > 1:
            first = level + 1
    sizes = np.ones(dims, np.int64)
    for level in range(first, levels):
        for d in range(dims):
            sizes[d] *= factors[3 * level, d]
    shape[0] = 1
    for d in range(dims):
        shape[0] *= sizes[d]
    for k in range(2):
        shape[1 + k] = tile_size(coefficients, operands[k], sizes)
        shape[3 + k] = 1
        for d in range(dims):
            used = False
            for r in range(coefficients.shape[1]):
                used |= coefficients[operands[k], r, d] != 0
            if used:
                for level in range(levels):
                    shape[3 + k] *= factors[3 * level + 1, d] * factors[3 * level + 2, d]


@njit(cache=True)
def waiting_factor(
    computes: int, met_a: float, met_b: float, f: float, g: float, units: int
) -> float:
    """Return the expected largest of the units' computes over their mean, at least 1.

    Parameters
    ----------
    computes
        Computes of a unit in a pass, all of them.
    met_a, met_b
        How many things a unit waits for in a pass, of each operand.
    f, g
        Probability that one of them is there; 1 where nothing is skipped on it.
    units
        Units that wait for each other.

    Examples
    --------
    >>> round(waiting_factor(1, 1, 1, 0.5, 1.0, 2), 6)
    1.5
    >>> waiting_factor(100, 10, 10, 0.3, 1.0, 1)
    1.0
    """
    p = f * g
    if units <= 1 or p <= 0.0 or p >= 1.0:
        return 1.0
    r = max(1.0, computes / max(met_a, 1.0))
    s = max(1.0, computes / max(met_b, 1.0))
    phi = (1.0 - p + (r - 1.0) * g * (1.0 - f) + (s - 1.0) * f * (1.0 - g)) / (1.0 - p)
    trials = max(1, round(computes / phi))
    if trials > _NORMAL:
        spread = sqrt(trials * p * (1.0 - p)) * largest_normal(units)
        return min(1.0 / p, 1.0 + spread / (trials * p))
    expected = 0.0
    below = 0.0
    for x in range(trials):
        below += exp(
            lgamma(trials + 1.0)
            - lgamma(x + 1.0)
            - lgamma(trials - x + 1.0)
            + x * log(p)
            + (trials - x) * log1p(-p)
        )
        expected += 1.0 - min(below, 1.0) ** units
    return max(1.0, expected / (trials * p))


@njit(cache=True)
def largest_normal(count: int) -> float:
    """Return the expected largest of ``count`` standard normals (Blom 1958), count > 1.

    The quantile of ``(count - 3/8) / (count + 1/4)``, by Abramowitz and Stegun 26.2.23.
    """
    tail = 1.0 - (count - 0.375) / (count + 0.25)
    t = sqrt(-2.0 * log(tail))
    top = 2.515517 + 0.802853 * t + 0.010328 * t * t
    return t - top / (1.0 + 1.432788 * t + 0.189269 * t * t + 0.001308 * t**3)
