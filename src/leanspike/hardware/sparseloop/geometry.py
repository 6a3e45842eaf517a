"""How Sparseloop divides a compressed tile into ranks.

A rank of a format takes one loop, or several flattened into one, of those between a level and
the next one inside that keeps the tensor; the inner level's ranks follow below, so that a tile
can be passed on as it is. Facts from Timeloop v3.0.3,
src/sparse-analysis/representation-analyzer.cpp, DefineCompressionFormatModels.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from leanspike.arrays import Bools, Ints
from leanspike.hardware.compiling import helper, inlined, kernel
from leanspike.hardware.mapping.mapping import LoopArrays
from leanspike.hardware.model.traffic import read_loops, tile_size
from leanspike.hardware.sparseloop.nest import COLUMNS, DIM, STEPS, add_level

#: What :func:`rank_geometry` finds: the formats fit, the tensor has more loops between two levels
#: than ranks, or a level cannot pass its tile on in the format of the next one inside.
FITS, TOO_MANY_LOOPS, OTHER_FORMAT = 0, 1, 2
# A rank without loops whose coordinates lie over single values, and over the innermost loop.
_OVER_VALUES, _OVER_LOOP = -2, -1


class FormatArrays(NamedTuple):
    """How the levels store one tensor.

    Attributes
    ----------
    keep
        Whether a level keeps it, bool [L].
    ranks
        Ranks of each level's format, int64 [L]; 0 where it has none.
    compressed
        Whether a level's format leaves out zeros, bool [L].
    flattens
        Loops that each rank may flatten, int64 [L, R, D]; rank 0 is the innermost. Loops of the
        same number are flattened together, 0 are not taken; a rank with none takes a single loop,
        whichever it is.
    from_inside
        Whether the innermost rank chooses its loops first, bool [L].
    passes
        Whether a level's innermost ranks have the formats of the next level inside, bool [L].
    fans_out, along_x
        Of every level, [L]: see :func:`~leanspike.hardware.sparseloop.nest.add_level`.
    """

    keep: Bools
    ranks: Ints
    compressed: Bools
    flattens: Ints
    from_inside: Bools
    passes: Bools
    fans_out: Bools
    along_x: Ints


@kernel
def rank_geometry(
    loops: LoopArrays,
    coefficients: Ints,
    x: int,
    formats: FormatArrays,
    fiber: Ints,
    under: Ints,
    fits: Ints,
) -> None:
    """Divide the tiles of tensor ``x`` at every level that keeps it, under n mappings.

    Parameters
    ----------
    fiber
        Filled, int64 [n, L, R]: coordinates of one fiber of each rank.
    under
        Filled, int64 [n, L, R + 1]: values of the tile under one coordinate of each rank; the
        last one used is the whole tile.
    fits
        Filled, int64 [n]: :data:`FITS`, :data:`TOO_MANY_LOOPS` or :data:`OTHER_FORMAT`.
    """
    factors = np.empty(loops.orders.shape[1:], np.int64)
    order = np.empty(loops.orders.shape[1:], np.int64)
    for n in range(len(loops.steps)):
        read_loops(loops, n, factors, order)
        fits[n] = _divide(coefficients, x, formats, factors, order, fiber[n], under[n])


@inlined
def _divide(
    coefficients: Ints,
    x: int,
    formats: FormatArrays,
    factors: Ints,
    order: Ints,
    fiber: Ints,
    under: Ints,
) -> int:
    keep, ranks, compressed, flattens, from_inside, passes, fans_out, along_x = formats
    levels, dims = len(keep), factors.shape[1]
    nest = np.empty((levels * 3 * dims, COLUMNS), np.int64)
    loop_dim = np.empty(len(nest), np.int64)
    loop_steps = np.empty(len(nest), np.int64)
    loop_tile = np.empty(len(nest), np.int64)
    rank_of = np.empty(len(nest), np.int64)
    over = np.empty(flattens.shape[1], np.int64)
    used = np.zeros(dims, np.bool_)
    for d in range(dims):
        for r in range(coefficients.shape[1]):
            used[d] |= coefficients[x, r, d] != 0
    child, child_tile = levels, 1
    inside = np.ones(dims, np.int64)
    sizes = np.ones(dims, np.int64)
    loop_tile[0] = 1
    for level in range(levels - 1, -1, -1):
        if not keep[level]:
            continue
        total = max(1, int(ranks[level]))
        passes_on = compressed[level] and child < levels and child_tile > 1
        below = max(1, int(ranks[child])) if passes_on else 0
        if below > total or (passes_on and not passes[level]):
            return OTHER_FORMAT
        # The loops of this level and of those passed through below, innermost first. A tile that
        # is not passed on as it is reaches down to single values: the innermost loop over each
        # dim takes the inner steps along.
        inside[:] = sizes
        taken_along = np.zeros(dims, np.bool_)
        count = 0
        for i in range(child - 1, level - 1, -1):
            count = add_level(factors, order, i, fans_out[i], along_x[i], nest, count)
        found = np.int64(0)
        for i in range(count):
            d, steps = nest[i, DIM], nest[i, STEPS]
            sizes[d] *= steps
            if not used[d]:
                continue
            if not passes_on and not taken_along[d]:
                steps *= inside[d]
            taken_along[d] = True
            loop_dim[found], loop_steps[found] = d, steps
            loop_tile[found] = tile_size(coefficients, x, sizes)
            found += 1
        under[level, 0] = 1
        if below > 0:
            fiber[level, :below] = fiber[child, :below]
            under[level, : below + 1] = under[child, : below + 1]
        free = ranks[level] == 0
        if from_inside[level]:
            fits = _from_inside(
                flattens[level], free, below, total, loop_dim, loop_steps, found, rank_of, over
            )
        else:
            fits = _from_outside(
                flattens[level], free, below, total, loop_dim, loop_steps, found, rank_of, over
            )
        if not fits:
            return TOO_MANY_LOOPS
        span = np.ones(dims, np.int64)
        for rank in range(below, total):
            span[:] = 1
            for i in range(found):
                if rank_of[i] == rank:
                    span[loop_dim[i]] *= loop_steps[i]
            fiber[level, rank] = tile_size(coefficients, x, span)
            if over[rank] == _OVER_VALUES:
                under[level, rank + 1] = 1
            else:
                under[level, rank + 1] = loop_tile[max(0, over[rank])]
        child, child_tile = level, tile_size(coefficients, x, sizes)
    return FITS


@helper
def _from_outside(
    flattens: Ints,
    free: bool,
    below: int,
    total: int,
    loop_dim: Ints,
    loop_steps: Ints,
    found: int,
    rank_of: Ints,
    over: Ints,
) -> bool:
    """Give the outermost rank the outermost loops; return whether every loop has a rank.

    ``rank_of`` [found] is filled with the rank of each loop (-1 without), ``over`` [R] with the
    loop that the tile under a rank ends with. Ranks that cannot take the next loop end up outside
    of those that take one, ranks that are left over inside.
    """
    rank_of[:found] = -1
    over[:] = _OVER_LOOP
    i, rank, taken = found - 1, total, 0
    while rank > below and i >= 0:
        while i >= 0 and loop_steps[i] == 1:
            i -= 1
        if i < 0:
            break
        rank -= 1
        group = flattens[rank, loop_dim[i]]
        if not free and group == 0 and flattens[rank].any():
            continue
        # Counted from the outermost rank that takes loops, to be moved inward below.
        rank_of[i] = taken
        over[total - 1 - taken] = i
        i -= 1
        while i >= 0 and (
            free or loop_steps[i] == 1 or (group > 0 and flattens[rank, loop_dim[i]] == group)
        ):
            if loop_steps[i] > 1:
                rank_of[i] = taken
            i -= 1
        taken += 1
    # Inside out: ranks left over, ranks with loops, ranks that could not take one.
    left = rank - below
    starts = over.copy()
    over[:] = _OVER_LOOP
    for t in range(taken):
        over[below + left + taken - 1 - t] = starts[total - 1 - t]
    for k in range(found):
        if rank_of[k] >= 0:
            rank_of[k] = below + left + taken - 1 - rank_of[k]
    while i >= 0 and loop_steps[i] == 1:
        i -= 1
    return i < 0


@helper
def _from_inside(
    flattens: Ints,
    free: bool,
    below: int,
    total: int,
    loop_dim: Ints,
    loop_steps: Ints,
    found: int,
    rank_of: Ints,
    over: Ints,
) -> bool:
    """Give the innermost rank the innermost loops; return whether every loop has a rank.

    Arguments as in :func:`_from_outside`. A rank that cannot take the next loop stays where it is.
    """
    rank_of[:found] = -1
    over[:] = _OVER_LOOP
    i, rank = 0, below - 1
    while rank < total - 1 and i < found:
        while i < found and loop_steps[i] == 1:
            i += 1
        if i == found:
            break
        rank += 1
        group = flattens[rank, loop_dim[i]]
        if not free and group == 0 and flattens[rank].any():
            over[rank] = _OVER_VALUES
            continue
        rank_of[i] = rank
        over[rank] = i
        i += 1
        while i < found and (
            free or loop_steps[i] == 1 or (group > 0 and flattens[rank, loop_dim[i]] == group)
        ):
            if loop_steps[i] > 1:
                rank_of[i] = rank
            i += 1
    while i < found and loop_steps[i] == 1:
        i += 1
    return i == found
