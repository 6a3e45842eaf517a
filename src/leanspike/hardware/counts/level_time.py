"""How long a level needs: the bits that one instance moves, over its bandwidth."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.counts.actions import FILL, GATED, READ, UPDATE

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

# Where the metadata of an action stands among a level's accesses.
_METADATA = 9


@njit(cache=True)
def moved_bits(
    level: int,
    tile: Ints,
    accesses: Reals,
    row_bits: Reals,
    metadata_width: Ints,
    present: Reals,
    state: Reals,
    demand: Reals,
) -> None:
    """Fill the bits that one instance of a level reads and writes, [L, 2].

    Actual and gated accesses of rows and of metadata count, skipped ones do not; ``row_bits``
    [L, X, 3] are the bits of an access by kind, ``state`` [L, 2] those of membranes read and
    written.
    """
    reads, writes = state[level, 0], state[level, 1]
    for x in range(tile.shape[1]):
        if tile[level, x] == 0:
            continue
        for kind in (READ, FILL, UPDATE):
            rows = accesses[level, x, kind] + accesses[level, x, kind + GATED]
            metadata = accesses[level, x, _METADATA + kind]
            metadata += accesses[level, x, _METADATA + kind + GATED]
            bits = rows * row_bits[level, x, kind] + metadata * metadata_width[level]
            if kind == READ:
                reads += bits * present[level, x]
            else:
                writes += bits * present[level, x]
    demand[level, 0], demand[level, 1] = reads, writes


@njit(cache=True)
def cycles_to_move(demand: Reals, bandwidth: Reals, compute_cycles: float) -> float:
    """Return the cycles one level needs: the compute's, or more where its bandwidth is short.

    ``demand`` is bits read and written, [2]; ``bandwidth`` read, write and shared bits per cycle
    of one instance, [3], infinite where there is no limit.
    """
    moving = max(demand[0] / bandwidth[0], demand[1] / bandwidth[1])
    return max(compute_cycles, moving, (demand[0] + demand[1]) / bandwidth[2])
