"""Random numbers from a counter, for compiled loops: the same in any order and on any thread."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, inline="always")
def mix(state):  # type: ignore[no-untyped-def]
    """Return splitmix64's output for a 64-bit state (Steele, Lea, Flood, OOPSLA 2014)."""
    z = state + np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


@njit(cache=True)
def uniform(seed, stream, counter):  # type: ignore[no-untyped-def]
    """Uniform in (0, 1]: a function of the three integers alone."""
    key = mix(mix(np.uint64(seed)) ^ np.uint64(stream))
    return (float(mix(key ^ np.uint64(counter)) >> np.uint64(11)) + 1.0) / 9007199254740992.0


@njit(cache=True)
def gap(seed, stream, counter, probability):  # type: ignore[no-untyped-def]
    """Trials up to and without the next success of `probability` each (geometric), at most 2^40."""
    if probability <= 0.0:
        return 1 << 40
    if probability >= 1.0:
        return 0
    u = uniform(seed, stream, counter)
    return int(min(math.log(u) / math.log1p(-probability), 1099511627776.0))
