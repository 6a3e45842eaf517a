"""How Sparseloop divides a compressed tile into ranks.

A rank of a format takes one loop, or several flattened into one, of those between a level and
the next one inside that keeps the tensor; the inner level's ranks follow below, so that a tile
can be passed on as it is (as in Timeloop v3.0.3, src/sparse-analysis/representation-analyzer.cpp,
DefineCompressionFormatModels).
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.counts.nest import tile_size

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


@njit(cache=True)
def rank_geometry(
    coefficients: Ints,
    x: int,
    keep: Bools,
    ranks: Ints,
    compressed: Bools,
    flattens: Bools,
    from_inside: Bools,
    factors: Ints,
    order: Ints,
    fiber: Ints,
    under: Ints,
) -> bool:
    """Divide the tiles of tensor ``x`` at every level that keeps it.

    Parameters
    ----------
    ranks
        Ranks of each level's format, int64 [L]; 0 where it has none.
    compressed
        Whether a level's format leaves out zeros, bool [L].
    flattens
        Loops that each rank may flatten, bool [L, R, D]; rank 0 is the innermost. A rank with
        none takes a single loop, whichever it is.
    from_inside
        Whether the innermost rank chooses its loops first, bool [L].
    fiber
        Filled, int64 [L, R]: coordinates of one fiber of each rank.
    under
        Filled, int64 [L, R + 1]: values of the tile under one coordinate of each rank; the last
        one used is the whole tile.

    Returns
    -------
    bool
        False when a level has more loops than its ranks can take.
    """
    levels, dims = keep.shape[0], factors.shape[1]
    loop_dim = np.empty(factors.size, np.int64)
    loop_steps = np.empty(factors.size, np.int64)
    loop_tile = np.empty(factors.size, np.int64)
    rank_of = np.empty(factors.size, np.int64)
    used = np.zeros(dims, np.bool_)
    for d in range(dims):
        for r in range(coefficients.shape[1]):
            used[d] |= coefficients[x, r, d] != 0
    child, child_tile = levels, 1
    inside = np.ones(dims, np.int64)
    sizes = np.ones(dims, np.int64)
    for level in range(levels - 1, -1, -1):
        if not keep[level, x]:
            continue
        total = max(1, int(ranks[level]))
        passes_on = compressed[level] and child < levels and child_tile > 1
        below = max(1, int(ranks[child])) if passes_on else 0
        if below > total:
            return False
        # The loops of this level and of those passed through below, innermost first. A tile that
        # is not passed on as it is reaches down to single values: the innermost loop over each
        # dim takes the inner steps along.
        inside[:] = sizes
        taken_along = np.zeros(dims, np.bool_)
        found = 0
        for slot in range(3 * child - 1, 3 * level - 1, -1):
            for k in range(dims - 1, -1, -1):
                d = order[slot, k]
                sizes[d] *= factors[slot, d]
                if not used[d]:
                    continue
                steps = factors[slot, d]
                if not passes_on and not taken_along[d]:
                    steps *= inside[d]
                taken_along[d] = True
                loop_dim[found], loop_steps[found] = d, steps
                loop_tile[found] = tile_size(coefficients, x, sizes)
                found += 1
        for rank in range(total):
            fiber[level, rank] = 1
            under[level, rank + 1] = loop_tile[0]
        under[level, 0] = 1
        for rank in range(below):
            fiber[level, rank] = fiber[child, rank]
            under[level, rank] = under[child, rank]
        if below > 0:
            under[level, below] = under[child, below]
        free = ranks[level] == 0
        if from_inside[level]:
            fits = _from_inside(
                flattens[level], free, below, total, loop_dim, loop_steps, found, rank_of
            )
        else:
            fits = _from_outside(
                flattens[level], free, below, total, loop_dim, loop_steps, found, rank_of
            )
        span = np.ones(dims, np.int64)
        for rank in range(below, total):
            span[:] = 1
            first, last = -1, -1
            for i in range(found):
                if rank_of[i] == rank:
                    span[loop_dim[i]] *= loop_steps[i]
                    first = i if first < 0 else first
                    last = i
            if first >= 0:
                fiber[level, rank] = tile_size(coefficients, x, span)
                under[level, rank + 1] = loop_tile[first if from_inside[level] else last]
        if not fits:
            return False
        child, child_tile = level, tile_size(coefficients, x, sizes)
    return True


@njit(cache=True)
def _from_outside(
    flattens: Bools,
    free: bool,
    below: int,
    total: int,
    loop_dim: Ints,
    loop_steps: Ints,
    found: int,
    rank_of: Ints,
) -> bool:
    """Give the outermost rank the outermost loops; return whether every loop has a rank."""
    rank_of[:found] = -1
    i = found - 1
    rank = total
    while rank > below:
        while i >= 0 and loop_steps[i] == 1:
            i -= 1
        if i < 0:
            return True
        rank -= 1
        flat = free or flattens[rank].any()
        if flat and not free and not flattens[rank, loop_dim[i]]:
            continue
        rank_of[i] = rank
        i -= 1
        while i >= 0 and (loop_steps[i] == 1 or (flat and (free or flattens[rank, loop_dim[i]]))):
            if loop_steps[i] > 1:
                rank_of[i] = rank
            i -= 1
    while i >= 0 and loop_steps[i] == 1:
        i -= 1
    return i < 0


@njit(cache=True)
def _from_inside(
    flattens: Bools,
    free: bool,
    below: int,
    total: int,
    loop_dim: Ints,
    loop_steps: Ints,
    found: int,
    rank_of: Ints,
) -> bool:
    """Give the innermost rank the innermost loops; return whether every loop has a rank."""
    rank_of[:found] = -1
    i = 0
    rank = below - 1
    while rank < total - 1:
        while i < found and loop_steps[i] == 1:
            i += 1
        if i == found:
            return True
        rank += 1
        flat = free or flattens[rank].any()
        if flat and not free and not flattens[rank, loop_dim[i]]:
            continue
        rank_of[i] = rank
        i += 1
        while i < found and (
            loop_steps[i] == 1 or (flat and (free or flattens[rank, loop_dim[i]]))
        ):
            if loop_steps[i] > 1:
                rank_of[i] = rank
            i += 1
    while i < found and loop_steps[i] == 1:
        i += 1
    return i == found
