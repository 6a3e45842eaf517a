"""Tiles that instances pass on to their neighbors instead of reading them from above.

Timeloop v3.0.3 lets an instance take what it needs from a neighbor (left, right, up or down) that
took the very same an iteration before, wherever that lowers the reads of the level above (facts
from src/loop-analysis/nest-analysis.cpp, ComputeSpatialWorkingSet and ComputeNetworkLinkTransfers,
and tiling.cpp, ComputePeerAccesses). A sliding window does so where it moves by as much as its
neighbor lies beside it; compute units do so with operands that stay, since they have no memory of
their own.

Timeloop runs the first two iterations of every loop in time and lets the second stand for all
further ones, so that what happens is known by the loop that steps: when loop ``j`` (0 the
innermost) does, the loops inside it return from their second iteration to their first, and the
iteration before was a step of loop 0. What a step brings in is a whole tile, or the part that
:func:`~leanspike.hardware.model.traffic.arrivals` (not exact) does not keep.
"""

from __future__ import annotations

from math import floor

import numpy as np

from leanspike.arrays import Bools, Ints, Reals
from leanspike.hardware.compiling import helper, inlined, kernel
from leanspike.hardware.mapping.mapping import LoopArrays
from leanspike.hardware.model.distinct import distinct_children
from leanspike.hardware.model.traffic import list_loops, read_loops


@kernel
def add_links(
    loops: LoopArrays,
    coefficients: Ints,
    written: int,
    keep: Bools,
    mesh: Ints,
    arriving: Reals,
    leaving: Reals,
) -> None:
    """Take transfers between neighbors off the reads above and put them on the instances.

    The written tensor's are left where they are: no rank of a convolution's outputs has two loops.

    Parameters
    ----------
    mesh
        Instances below one instance along y and x, int64 [L, 2].
    arriving, leaving
        As ``count_nests`` fills them (not exact), [n, L, X]; changed.
    """
    factors = np.empty(loops.orders.shape[1:], np.int64)
    order = np.empty(loops.orders.shape[1:], np.int64)
    listed = np.empty((factors.size, 3), np.int64)
    for n in range(len(loops.steps)):
        read_loops(loops, n, factors, order)
        count = list_loops(factors, order, listed)
        _add_links(
            coefficients, written, keep, mesh, factors, listed, count, arriving[n], leaving[n]
        )


@inlined
def _add_links(
    coefficients: Ints,
    written: int,
    keep: Bools,
    mesh: Ints,
    factors: Ints,
    loops: Ints,
    count: int,
    arriving: Reals,
    leaving: Reals,
) -> None:
    levels, tensors = keep.shape
    dims = factors.shape[1]
    fans_out = False
    for level in range(levels):
        for d in range(dims):
            fans_out |= factors[3 * level + 1, d] * factors[3 * level + 2, d] > 1
    if not fans_out:
        return
    extents = np.empty(coefficients.shape[1], np.int64)
    sizes = np.empty(dims, np.int64)
    found = np.empty(3)
    for x in range(tensors):
        passed = 1.0
        for level in range(levels):
            for d in range(dims):
                passed *= factors[3 * level, d]
        sizes[:] = 1
        changed = False
        for level in range(levels - 1, -1, -1):
            wide = 1
            for d in range(dims):
                wide *= factors[3 * level + 1, d] * factors[3 * level + 2, d]
            if wide > 1:
                for r in range(len(extents)):
                    extents[r] = 1
                    for d in range(dims):
                        extents[r] += coefficients[x, r, d] * (sizes[d] - 1)
                inside = level + 1
                to_compute = inside == levels
                linked = _spread(
                    coefficients, x, extents, to_compute, factors, loops, count, level,
                    mesh[level, 0], mesh[level, 1], found,
                )  # fmt: skip
                changed |= linked
                read, delivered, moved = found[0], found[1], found[2]
                if to_compute or keep[inside, x]:
                    passed = read
                else:
                    passed *= wide * read / delivered
                stored = not to_compute and keep[inside, x] and keep[: level + 1, x].any()
                if linked and stored and x != written:
                    share = moved / _instances(factors, inside)
                    arriving[inside, x] = floor(delivered / wide + share)
                    leaving[inside, x] = floor(leaving[inside, x] + share + 0.5)
            for slot in range(3 * level, 3 * level + 3):
                for d in range(dims):
                    sizes[d] *= factors[slot, d]
            if keep[level, x]:
                if changed:
                    leaving[level, x] = floor(passed + 0.5)
                passed = float(arriving[level, x])


@helper
def _instances(factors: Ints, level: int) -> int:
    total = 1
    for above in range(level):
        for d in range(factors.shape[1]):
            total *= factors[3 * above + 1, d] * factors[3 * above + 2, d]
    return total


@inlined
def _spread(
    coefficients: Ints,
    x: int,
    extents: Ints,
    to_compute: bool,
    factors: Ints,
    loops: Ints,
    count: int,
    level: int,
    rows: int,
    columns: int,
    found: Reals,
) -> bool:
    """Count what one instance of a level sends to those below it; return whether any is linked.

    ``extents`` [ranks] is the tile of an instance below. ``found`` is filled with the values read,
    the values the instances take in from above, and those they take from each other, [3].
    """
    ranks = len(extents)
    tile = 1
    for r in range(ranks):
        tile *= extents[r]
    # Instances below, and the furthest apart that two of them lie in each rank.
    reach = np.zeros(ranks, np.int64)
    number, along = np.int64(1), np.int64(1)
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        if slot // 3 == level and slot % 3 != 0:
            number *= factors[slot, d]
            if slot % 3 == 2:
                along *= factors[slot, d]
            for r in range(ranks):
                reach[r] += coefficients[x, r, d] * loops[i, 2] * (factors[slot, d] - 1)
    columns = max(columns, int(along))
    rows = max(rows, int(number // along))
    bases = np.ones(ranks, np.int64)
    for r in range(1, ranks):
        bases[r] = bases[r - 1] * (2 * reach[r - 1] + 1)
    terms = np.empty((2, count + 1), np.int64)
    different = distinct_children(
        coefficients, x, factors, loops, count, 3 * level, 3 * level + 3, terms
    )
    keys = np.empty(0, np.int64)  # where the instances lie, once it is asked

    outside = 1
    for i in range(count):
        if loops[i, 0] % 3 == 0 and loops[i, 0] <= 3 * level:
            outside *= factors[loops[i, 0], loops[i, 1]]
    steps_in_time = outside
    read, delivered, moved = float(different * tile), float(number * tile), 0.0
    carried, first_move = np.zeros(ranks, np.int64), np.zeros(ranks, np.int64)
    move = np.zeros(ranks, np.int64)
    innermost, first_kept, first_steps, first_matches = True, 0, 0, False
    after_slides = 0.0  # steps of outer loops that move like the innermost one
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        if slot % 3 != 0 or slot > 3 * level:
            continue
        steps = factors[slot, d]
        outside //= steps
        weight = float((steps - 1) * outside)
        kept, moved_ranks, same, near = tile, 0, True, True
        for r in range(ranks):
            step = coefficients[x, r, d] * loops[i, 2]
            move[r] = step - carried[r]
            carried[r] += step
            if move[r] != 0:
                moved_ranks += 1
                overlap = extents[r] - abs(move[r])
                kept = kept // extents[r] * overlap if overlap > 0 else 0
            if innermost:
                first_move[r] = move[r]
            elif move[r] != first_move[r]:
                same = False
            near = near and abs(move[r]) <= reach[r]
        if moved_ranks > 1 and kept > 0:
            kept = 0
        if innermost:
            first_kept, first_steps, first_matches = kept, steps, near
        else:
            kept = first_kept if same else 0
        if to_compute:
            kept = 0
        brought = tile - kept
        if brought > 0:
            # Was a part of the same shape brought in the iteration before?
            alike = 0.0
            if near and (to_compute or first_kept == 0 or (same and not innermost)):
                alike = weight
            used = 0.0
            if alike > 0.0:
                if len(keys) == 0:
                    keys = _places(coefficients, x, factors, loops, count, level, number, bases)
                key = np.int64(0)
                for r in range(ranks):
                    key += move[r] * bases[r]
                linked, left = _neighbors(keys, key, rows, columns)
                if left < different:
                    used = alike
                    read += used * left * brought
                    delivered += used * (number - linked) * brought
                    moved += used * linked * brought
            read += (weight - used) * different * brought
            delivered += (weight - used) * number * brought
            if same and not innermost:
                after_slides += weight
        innermost = False
    if first_matches and not to_compute and after_slides > 0.0 and 0 < first_kept < tile:
        # Steps of the innermost loop right after an outer one that moved alike.
        if len(keys) == 0:
            keys = _places(coefficients, x, factors, loops, count, level, number, bases)
        key = np.int64(0)
        for r in range(ranks):
            key += first_move[r] * bases[r]
        linked, left = _neighbors(keys, key, rows, columns)
        if left < different:
            again = (first_steps - 1) * after_slides * (tile - first_kept)
            read -= again * (different - left)
            delivered -= again * linked
            moved += again * linked
    found[0], found[1], found[2] = read, delivered, moved
    return moved > 0.0 and steps_in_time > 1


@helper
def _places(
    coefficients: Ints,
    x: int,
    factors: Ints,
    loops: Ints,
    count: int,
    level: int,
    number: int,
    bases: Ints,
) -> Ints:
    """Return where the tile of every instance below lies, one number each, [instances].

    Instances are numbered as the loops in space run, the innermost fastest; of two instances the
    difference of the numbers stands for the difference in all ranks.
    """
    keys = np.zeros(number, np.int64)
    before = 1
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        if slot // 3 != level or slot % 3 == 0:
            continue
        step = 0
        for r in range(len(bases)):
            step += coefficients[x, r, d] * loops[i, 2] * bases[r]
        steps = factors[slot, d]
        for n in range(number):
            keys[n] += step * (n // before % steps)
        before *= steps
    return keys


@helper
def _distinct(ordered: Ints) -> int:
    total = 0
    for n in range(len(ordered)):
        if n == 0 or ordered[n] != ordered[n - 1]:
            total += 1
    return total


@helper
def _neighbors(keys: Ints, move: int, rows: int, columns: int) -> tuple[int, int]:
    """Return how many instances have a neighbor that lies ``move`` further, and how many different
    tiles the others hold.

    Neighbors are counted on the hardware's array, which the instances fill row by row whatever
    part of a row the mapping uses.
    """
    number = len(keys)
    others = np.empty(number, np.int64)
    left = 0
    for n in range(number):
        column, row = n % columns, n // columns
        there = column > 0 and keys[n - 1] - keys[n] == move
        there |= column + 1 < columns and n + 1 < number and keys[n + 1] - keys[n] == move
        there |= row > 0 and keys[n - columns] - keys[n] == move
        there |= row + 1 < rows and n + columns < number and keys[n + columns] - keys[n] == move
        if not there:
            others[left] = keys[n]
            left += 1
    return number - left, _distinct(np.sort(others[:left]))
