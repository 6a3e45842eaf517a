"""What units skip together, by loops: the box of indices that one read waits for."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@njit(cache=True)
def waited_sizes(
    coefficients: Ints,
    target: int,
    level: int,
    child: int,
    factors: Ints,
    loops: Ints,
    count: int,
    sizes: Ints,
) -> None:
    """Fill the loop sizes [D] of all that happens while one target tile stays with its readers.

    That is the child's own tile, over the loops in time above it that bring no other target tile,
    up to the first that does, and over the loops in space whose children share the read.
    """
    to_compute = child == factors.shape[0] // 3
    sizes[:] = 1
    stays = not to_compute
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        if slot >= 3 * child:
            sizes[d] *= factors[slot, d]
            continue
        moves = False
        for r in range(coefficients.shape[1]):
            moves |= coefficients[target, r, d] != 0
        if slot % 3 == 0:
            stays = stays and not moves
            if stays:
                sizes[d] *= factors[slot, d]
        elif not moves and slot >= 3 * level:
            sizes[d] *= factors[slot, d]
