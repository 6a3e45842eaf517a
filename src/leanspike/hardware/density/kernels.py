"""The density models a compiled search asks one tile at a time.

A model becomes plain numbers (:meth:`DensityModel.kernel`): its kind, its density, and for a
uniform one the tensor's size and non-zeros.
"""

from __future__ import annotations

from math import ceil, exp

from numba import njit

from leanspike.hardware.density.factorials import log_factorial_ratio

#: Kinds of models.
FIXED_STRUCTURED, UNIFORM = 0, 1


@njit(cache=True)
def tile_p_empty(kind: int, density: float, size: float, nonzeros: float, tile: float) -> float:
    """Probability that a tile of ``tile`` values holds no non-zero.

    >>> tile_p_empty(FIXED_STRUCTURED, 0.25, 0.0, 0.0, 2.0)
    0.5
    """
    if kind == FIXED_STRUCTURED:
        return max(0.0, 1.0 - tile * density)
    tile = min(tile, size)
    zeros = size - nonzeros
    if tile > zeros:
        return 0.0
    # C(zeros, tile) / C(size, tile).
    return min(1.0, exp(log_factorial_ratio(zeros, size - tile, zeros - tile)))


@njit(cache=True)
def tile_maximum(kind: int, density: float, nonzeros: float, tile: float) -> float:
    """Largest number of non-zeros in a tile of ``tile`` values.

    >>> tile_maximum(UNIFORM, 0.25, 3.0, 8.0)
    3.0
    """
    return ceil(tile * density) if kind == FIXED_STRUCTURED else min(tile, nonzeros)
