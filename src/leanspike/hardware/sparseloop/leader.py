"""Leader tiles as Sparseloop defines them.

Facts from Timeloop v3.0.3, src/sparse-analysis/storage-gs-analyzer.cpp,
ComputeIneffectualReadImpact.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from leanspike.arrays import Bools, Ints
from leanspike.hardware.compiling import inlined, kernel
from leanspike.hardware.mapping.mapping import LoopArrays
from leanspike.hardware.model.traffic import read_loops, tile_size
from leanspike.hardware.sparseloop.nest import COLUMNS, DIM, SPACE, STEPS, add_level


@inlined
def _leader_sizes(
    coefficients: Ints,
    target: int,
    condition: int,
    level: int,
    child: int,
    block: int,
    factors: Ints,
    order: Ints,
    fans_out: Bools,
    along_x: Ints,
    sizes: Ints,
) -> bool:
    """Fill the loop sizes [D] of the leader tile; return whether the condition can be used.

    Parameters
    ----------
    level, child
        The level the target is read from, and the next one inside that keeps it: the number of
        levels when that is the compute unit.
    block
        Target values per access: one access cannot be skipped in part.
    fans_out, along_x
        Of every level, [L]: see :func:`~leanspike.hardware.sparseloop.nest.add_level`.
    """
    levels, dims = factors.shape[0] // 3, factors.shape[1]
    to_compute = child == levels
    used = np.zeros((2, dims), np.bool_)
    for d in range(dims):
        for r in range(coefficients.shape[1]):
            used[0, d] |= coefficients[target, r, d] != 0
            used[1, d] |= coefficients[condition, r, d] != 0

    nest = np.empty(((levels - level) * 3 * dims, COLUMNS), np.int64)
    count, first = 0, 0
    for i in range(levels - 1, level - 1, -1):
        if i == child - 1:
            first = count
        count = add_level(factors, order, i, fans_out[i], along_x[i], nest, count)

    # The target loop: the innermost one that brings another tile of the target. Straight to the
    # units it is one of the innermost level, which reads a single value where nothing fans out.
    found, single = count - 1, False
    for i in range(first, count):
        moves = nest[i, STEPS] > 1 and used[0, nest[i, DIM]]
        if to_compute and (i + 1 == count or nest[i + 1, SPACE] == 0):
            found, single = i, nest[i, SPACE] == 0
            break
        if moves:
            found = i
            break
    target_dim, is_space = nest[found, DIM], nest[found, SPACE] == 1
    sizes[:] = 1
    if not single:
        for i in range(found + 1):
            sizes[nest[i, DIM]] *= nest[i, STEPS]
    target_sizes = sizes.copy()

    # Space above the target loop runs at once, so the leader covers it. A target tile spread in
    # space also stays over the loops in time that do not bring another one.
    shared = np.ones(dims, np.float64)
    is_shared = np.zeros(dims, np.bool_)
    together = 1.0
    any_shared = False
    settled = not is_space
    for i in range(found, count):
        d, steps, in_space = nest[i, DIM], nest[i, STEPS], nest[i, SPACE] == 1
        if i > found:
            if steps == 1:
                continue
            stays = not settled and not in_space and not to_compute and not used[0, d]
            if is_space and not in_space and (to_compute or used[0, d]):
                settled = True
            if not in_space and not stays:
                continue
            sizes[d] *= steps
        if single:
            continue
        if is_space and any_shared and used[1, d]:
            return False
        if used[0, d] and used[1, d]:
            shared[d] *= steps
            together *= steps
            is_shared[d] = any_shared = True

    # Loops both tensors step through together need only one step of the leader at a time, or as
    # many as fill an access. What fills it may be counted again below.
    granularity = tile_size(coefficients, target, target_sizes) / together
    scale = float(ceil(block / granularity))
    for d in range(dims):
        if is_shared[d]:
            sizes[d] = ceil(sizes[d] / (shared[d] / scale))
            scale = scale / shared[d]
    if scale > 1:
        sizes[target_dim] = int(sizes[target_dim] * scale)
    return True


@kernel
def leader_sizes(
    loops: LoopArrays,
    coefficients: Ints,
    conditions: Ints,
    fans_out: Bools,
    along_x: Ints,
    sizes: Ints,
) -> None:
    """Fill the loop sizes of every condition's leader tile, [n, F, D]; 0 where it cannot be used.

    ``conditions`` [F, 8] are those of :func:`~leanspike.hardware.model.skipping.condition_rows`.
    """
    factors = np.empty(loops.orders.shape[1:], np.int64)
    order = np.empty(loops.orders.shape[1:], np.int64)
    for n in range(len(loops.steps)):
        read_loops(loops, n, factors, order)
        for f in range(len(conditions)):
            usable = _leader_sizes(
                coefficients, conditions[f, 1], conditions[f, 2], conditions[f, 0],
                conditions[f, 3], conditions[f, 4], factors, order, fans_out, along_x, sizes[n, f],
            )  # fmt: skip
            if not usable:
                for d in range(sizes.shape[2]):
                    sizes[n, f, d] = 0
