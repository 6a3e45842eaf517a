"""Leader tiles: what must be empty for a tile of another tensor to be left alone.

A level that skips or gates tensor ``target`` on tensor ``condition`` does so for as long as one
tile of the target stays: it looks at every value of the condition that the tile will meet. How
large that leader tile is follows from the loops between the level and the next one inside that
keeps the target: exactly (:func:`waited_sizes`), or as Sparseloop defines it
(:func:`~leanspike.hardware.sparseloop.leader.sparseloop_sizes`).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.counts.distinct import distinct_sums
from leanspike.hardware.counts.nest import tile_size
from leanspike.hardware.sparseloop.leader import sparseloop_sizes

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@njit(cache=True)
def leader_sizes(
    exact: bool,
    coefficients: Ints,
    target: int,
    condition: int,
    level: int,
    child: int,
    block: int,
    factors: Ints,
    order: Ints,
    loops: Ints,
    count: int,
    fans_out: Bools,
    along_x: Ints,
    sizes: Ints,
) -> bool:
    """Fill the loop sizes [D] of the leader tile; return whether the condition can be used.

    ``exact`` is ``Semantics.exact_leader``; the other arguments are those of
    :func:`~leanspike.hardware.sparseloop.leader.sparseloop_sizes`.
    """
    if exact:
        waited_sizes(coefficients, target, level, child, factors, loops, count, sizes)
        return True
    return sparseloop_sizes(
        coefficients, target, condition, level, child, block, factors, order, fans_out, along_x,
        sizes,
    )  # fmt: skip


@njit(cache=True)
def leader_values(exact: bool, coefficients: Ints, condition: int, sizes: Ints) -> int:
    """Return how many values of the leading tensor loops of the given sizes [D] meet.

    ``exact`` counts those that are touched: a dilated kernel or a wide stride leaves gaps between
    them. Otherwise the tile is the box that they span, as in Timeloop.
    """
    if not exact:
        return tile_size(coefficients, condition, sizes)
    ranks, dims = coefficients.shape[1], coefficients.shape[2]
    steps, lengths = np.empty(dims, np.int64), np.empty(dims, np.int64)
    total = 1
    for r in range(ranks):
        terms = 0
        for d in range(dims):
            if coefficients[condition, r, d] > 0 and sizes[d] > 1:
                steps[terms], lengths[terms] = coefficients[condition, r, d], sizes[d]
                terms += 1
        total *= distinct_sums(steps, lengths, terms)
    return total


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
