"""Dense counts of a mapping: tiles, and the values that move between levels.

Everything here depends on the loop nest alone, not on densities, formats, bits or energies.
:func:`count_nests` is compiled and counts many mappings.

How it counts
-------------
A level holds, of each tensor it keeps, the *tile* that its own loops and all inner ones touch:
the box of indices they span, with its gaps where a stride is larger than the kernel.
The loops in time above a level move its tile. They run like an odometer: when loop ``j`` (1 the
innermost) steps, the loops inside it jump back from their last iteration, so the tile moves by
``w[j] = v[j] - sum over i < j of (n[i] - 1) v[i]``, where ``v`` is what one step of a loop adds to
the tensor's indices. That happens ``(n[j] - 1) * product of n[i > j]`` times. Each time, what the
new tile shares with the old one stays and the rest moves in.

Spatial loops put tiles side by side. Children whose tiles are identical share one read of the
parent; children whose tiles differ, however much they overlap, are read for separately.

A level that does not keep a tensor is passed through: its children are served by the next level
outside that does, and share its reads whatever fan-outs lie between.

Padding is no value: of a tensor with padding only the real positions of a tile are held and moved
(:mod:`~leanspike.hardware.model.padding`).
"""

from __future__ import annotations

import numpy as np

from leanspike.arrays import Bools, Ints, Reals
from leanspike.hardware.compiling import helper, inlined, kernel
from leanspike.hardware.mapping.mapping import LoopArrays
from leanspike.hardware.model.distinct import distinct_children
from leanspike.hardware.model.padding import child_extents, most_real, passed_real


@helper
def tile_size(coefficients: Ints, x: int, sizes: Ints) -> int:
    """Return the values of tensor ``x`` that a tile of the given loop sizes [D] holds."""
    ranks, dims = coefficients.shape[1], coefficients.shape[2]
    total = 1
    for r in range(ranks):
        extent = 1
        for d in range(dims):
            extent += coefficients[x, r, d] * (sizes[d] - 1)
        total *= extent
    return total


@helper
def read_loops(loops: LoopArrays, n: int, factors: Ints, order: Ints) -> None:
    """Fill factors and order [3 L, D] of the n-th mapping."""
    for slot in range(factors.shape[0]):
        for d in range(factors.shape[1]):
            factors[slot, d] = 1
    for c in range(len(loops.places)):
        factors[loops.places[c, 0], loops.places[c, 1]] = loops.steps[n, c]
    for slot in range(order.shape[0]):
        for k in range(order.shape[1]):
            order[slot, k] = loops.orders[loops.order[n], slot, k]


@kernel
def list_loops(factors: Ints, order: Ints, loops: Ints) -> int:
    """List the loops of more than one step, innermost first, and return how many there are.

    ``loops`` [at least slots * D, 3] receives (slot, dim, stride): stride is the steps of the
    same dim inside, which is what one step of the loop advances its index by.
    """
    slots, dims = factors.shape
    stride = np.empty(dims, np.int64)
    for d in range(dims):
        stride[d] = 1
    count = 0
    for slot in range(slots - 1, -1, -1):
        for k in range(dims - 1, -1, -1):
            d = order[slot, k]
            if factors[slot, d] > 1:
                loops[count, 0] = slot
                loops[count, 1] = d
                loops[count, 2] = stride[d]
                stride[d] *= factors[slot, d]
                count += 1
    return count


@helper
def arrivals(
    coefficients: Ints,
    x: int,
    extents: Ints,
    factors: Ints,
    loops: Ints,
    count: int,
    level: int,
    exact: bool,
    carried: Ints,
    first_move: Ints,
) -> int:
    """Return the values of tensor ``x`` that enter one instance of a level, over the whole run.

    ``extents`` [ranks] is the level's tile; ``carried`` and ``first_move`` [ranks] are scratch.
    ``exact`` keeps every overlap of successive tiles (``Semantics.exact_overlap``); otherwise a
    tile moved along a single rank keeps its overlap only while it moves by the same step as the
    innermost loop, and loops are taken to return from their second iteration, which is how
    Timeloop v3.0.3 extrapolates them (src/loop-analysis/nest-analysis.cpp,
    ComputeTemporalWorkingSet).
    """
    ranks = len(extents)
    tile = 1
    for r in range(ranks):
        tile *= extents[r]
    # How far the loops passed so far have carried the tile when they are at their last iteration.
    for r in range(ranks):
        carried[r] = first_move[r] = 0
    outside = 1
    for i in range(count):
        slot = loops[i, 0]
        if slot % 3 == 0 and slot < 3 * level:
            outside *= factors[slot, loops[i, 1]]
    total = tile
    innermost = True
    first_kept = 0
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        if slot % 3 != 0 or slot >= 3 * level:
            continue
        steps = factors[slot, d]
        outside //= steps
        kept, moved_ranks, same = tile, 0, True
        for r in range(ranks):
            step = coefficients[x, r, d] * loops[i, 2]
            move = step - carried[r]
            carried[r] += step * (steps - 1 if exact else 1)
            if move != 0:
                moved_ranks += 1
                overlap = extents[r] - abs(move)
                kept = kept // extents[r] * overlap if overlap > 0 else 0
            if innermost:
                first_move[r] = move
            elif move != first_move[r]:
                same = False
        if not exact:
            if moved_ranks > 1 and kept > 0:
                kept = 0
            if innermost:
                first_kept = kept
            else:
                kept = first_kept if same else 0
        innermost = False
        total += (steps - 1) * outside * (tile - kept)
    return total


@kernel
def count_nests(
    loops: LoopArrays,
    coefficients: Ints,
    keep: Bools,
    exact: bool,
    masked: int,
    real: Ints,
    tile: Ints,
    arriving: Reals,
    leaving: Reals,
    partition: Ints,
    instances: Ints,
) -> None:
    """Count the dense traffic of n mappings.

    Parameters
    ----------
    coefficients
        As in :class:`~leanspike.hardware.workload.problem.Problem`, [X, ranks, D].
    keep
        Which tensors each level keeps, bool [L, X]; level 0 is the outermost.
    exact
        ``Semantics.exact_overlap``.
    masked, real
        The tensor some of whose positions are padding (-1: none), and how many real positions
        each of its ranks has before every index, int64 [ranks, extent + 1]; see
        :attr:`~leanspike.hardware.workload.problem.Problem.real`.
    tile, arriving, leaving, partition
        Filled, [n, L, X], in values of one instance over the whole run: what it holds at once,
        what enters it from above (never for the outermost level that keeps a tensor), what it
        delivers below, how many different values it ever holds. Tiles and different values are
        int64. Of a masked tensor only real values count: the most that a tile holds, and the mean
        over all instances.
    instances
        Filled, int64 [n, L + 1]: instances used of every level, the compute units last.
    """
    factors = np.empty(loops.orders.shape[1:], np.int64)
    order = np.empty(loops.orders.shape[1:], np.int64)
    listed = np.empty((factors.size, 3), np.int64)
    for n in range(len(loops.steps)):
        read_loops(loops, n, factors, order)
        count = list_loops(factors, order, listed)
        _count_nest(
            coefficients, keep, factors, listed, count, exact, masked, real, tile[n], arriving[n],
            leaving[n], partition[n], instances[n],
        )  # fmt: skip


@inlined
def _count_nest(
    coefficients: Ints,
    keep: Bools,
    factors: Ints,
    loops: Ints,
    count: int,
    exact: bool,
    masked: int,
    real: Ints,
    tile: Ints,
    arriving: Reals,
    leaving: Reals,
    partition: Ints,
    instances: Ints,
) -> None:
    levels, tensors = keep.shape
    dims = factors.shape[1]
    ranks = coefficients.shape[1]
    instances[0] = 1
    cycles = 1
    timed = np.empty(levels, np.bool_)
    for level in range(levels):
        wide, steps_here = 1, 1
        for d in range(dims):
            steps_here *= factors[3 * level, d]
            wide *= factors[3 * level + 1, d] * factors[3 * level + 2, d]
        instances[level + 1] = instances[level] * wide
        cycles *= steps_here
        timed[level] = steps_here > 1

    extents, ends = np.empty(ranks, np.int64), np.empty(ranks, np.int64)
    sizes = np.empty(dims, np.int64)
    carried, first_move = np.empty(ranks, np.int64), np.empty(ranks, np.int64)
    lengths = np.empty((2, count + 1), np.int64)
    for x in range(tensors):
        # Inside out: what the next level inside that keeps x takes in, over all its copies.
        passed = float(cycles)
        child = levels
        for d in range(dims):
            sizes[d] = 1
        for r in range(ranks):
            extents[r] = 1
        held = 1
        for level in range(levels - 1, -1, -1):
            if instances[level + 1] > instances[level]:
                if not exact:
                    # Timeloop looks for equal tiles below one fan-out at a time.
                    passed *= distinct_children(
                        coefficients, x, factors, loops, count, 3 * level, 3 * level + 3, lengths
                    )
                held = _grow(coefficients, x, factors[3 * level + 1], sizes, extents)
                held = _grow(coefficients, x, factors[3 * level + 2], sizes, extents)
            # The union of the children's tiles, by which the level's share is divided.
            partition[level, x] = held
            if timed[level]:
                held = _grow(coefficients, x, factors[3 * level], sizes, extents)
            tile[level, x] = held
            if not keep[level, x]:
                arriving[level, x] = leaving[level, x] = 0.0
                continue
            if x == masked:
                tile[level, x] = most_real(extents, real)
                for way in range(2):
                    # What the level delivers to its children's tiles, and what enters its own.
                    inner = child if way == 0 else level
                    child_extents(coefficients, x, factors, inner, ends)
                    moved = passed_real(
                        coefficients, x, ends, factors, loops, count, level, inner, exact, real
                    )
                    if way == 0:
                        leaving[level, x] = moved / instances[level]
                    else:
                        arriving[level, x] = moved / instances[level]
            else:
                if exact and instances[child] > instances[level]:
                    passed *= distinct_children(
                        coefficients, x, factors, loops, count, 3 * level, 3 * child, lengths
                    )
                leaving[level, x] = passed
                arriving[level, x] = arrivals(
                    coefficients, x, extents, factors, loops, count, level, exact, carried,
                    first_move,
                )  # fmt: skip
                passed = arriving[level, x]
            child = level
        share = tile[0, x]
        union = partition[0, x]
        partition[0, x] = share
        for level in range(1, levels):
            share = (
                share
                * tile[level, x]
                // (union if instances[level] > instances[level - 1] else tile[level, x])
            )
            union = partition[level, x]
            partition[level, x] = share
        outermost = True
        for level in range(levels):
            if not keep[level, x]:
                tile[level, x] = 0
                partition[level, x] = 0
            elif outermost:
                arriving[level, x] = 0
                outermost = False


@helper
def _grow(coefficients: Ints, x: int, steps: Ints, sizes: Ints, extents: Ints) -> int:
    """Multiply a tile's loop sizes [D]; fill its extents [ranks] and return its values."""
    ranks, dims = coefficients.shape[1], coefficients.shape[2]
    for d in range(dims):
        if steps[d] > 1:
            more = sizes[d] * (steps[d] - 1)
            sizes[d] += more
            for r in range(ranks):
                extents[r] += coefficients[x, r, d] * more
    total = 1
    for r in range(ranks):
        total *= extents[r]
    return total
