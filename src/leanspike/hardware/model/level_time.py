"""How long a level needs: the bits that one instance moves, over its bandwidth."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.model.actions import FILL, GATED, READ, UPDATE

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

# Where the metadata of an action stands among a level's accesses.
_METADATA = 9


@njit(cache=True)
def moved_bits(
    level: int,
    tile: Ints,
    bits: Reals,
    row_waste: Reals,
    accesses: Reals,
    metadata_width: Ints,
    present: Reals,
    state: Reals,
    demand: Reals,
) -> None:
    """Fill the bits that one instance of a level reads and writes, [L, 2].

    Actual and gated accesses of rows and of metadata count, skipped ones do not. ``bits``
    [L, X, 9] are those of rows, were every row full, and ``row_waste`` [L, X] how many more rows
    there are; ``state`` [L, 2] are the bits of membranes read and written.
    """
    reads, writes = state[level, 0], state[level, 1]
    for x in range(tile.shape[1]):
        if tile[level, x] == 0:
            continue
        for kind in (READ, FILL, UPDATE):
            moved = bits[level, x, kind] + bits[level, x, kind + GATED]
            metadata = accesses[level, x, _METADATA + kind]
            metadata += accesses[level, x, _METADATA + kind + GATED]
            moved = moved * row_waste[level, x] + metadata * metadata_width[level]
            if kind == READ:
                reads += moved * present[level, x]
            else:
                writes += moved * present[level, x]
    demand[level, 0], demand[level, 1] = reads, writes


@njit(cache=True)
def cycles_to_move(demand: Reals, bandwidth: Reals, compute_cycles: float) -> float:
    """Return the cycles one level needs: the compute's, or more where its bandwidth is short.

    ``demand`` is bits read and written, [2]; ``bandwidth`` read, write and shared bits per cycle
    of one instance, [3], infinite where there is no limit.
    """
    moving = max(demand[0] / bandwidth[0], demand[1] / bandwidth[1])
    return max(compute_cycles, moving, (demand[0] + demand[1]) / bandwidth[2])
