"""The loops of a level as Timeloop lists them, trivial ones included.

A level has one loop over every dimension in time and, where the hardware fans out below it, one
more over every dimension in space: those along x inside, those along y outside. Which loop is
innermost decides some of Sparseloop's rules even when it is trivial (Timeloop v3.0.3,
src/mapping/parser.cpp, ``complete_loop_nest``).
"""

from __future__ import annotations

from leanspike.arrays import Ints
from leanspike.hardware.compiling import inlined

#: Columns of the list: dimension, steps, whether it runs in space.
DIM, STEPS, SPACE, COLUMNS = 0, 1, 2, 3


@inlined
def add_level(
    factors: Ints, order: Ints, level: int, fans_out: bool, along_x: int, nest: Ints, count: int
) -> int:
    """Add a level's loops to ``nest`` [at least count + 3 D, 3], innermost first.

    ``along_x`` is how many of its loops in space belong to x, trivial ones included; -1: those of
    more than one step. Returns how many loops ``nest`` then has.
    """
    dims = factors.shape[1]
    if fans_out:
        y, x = 3 * level + 1, 3 * level + 2
        for k in range(dims - 1, -1, -1):
            d = order[x, k]
            if factors[x, d] > 1 if along_x < 0 else k >= dims - along_x:
                nest[count, DIM], nest[count, STEPS], nest[count, SPACE] = d, factors[x, d], 1
                count += 1
        for k in range(dims - 1, -1, -1):
            d = order[y, k]
            on_x = factors[x, d] > 1 and factors[y, d] == 1
            if not on_x if along_x < 0 else k >= along_x:
                nest[count, DIM], nest[count, STEPS], nest[count, SPACE] = d, factors[y, d], 1
                count += 1
    for k in range(dims - 1, -1, -1):
        d = order[3 * level, k]
        nest[count, DIM], nest[count, STEPS], nest[count, SPACE] = d, factors[3 * level, d], 0
        count += 1
    return count
