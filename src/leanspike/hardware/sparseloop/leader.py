"""Leader tiles as Sparseloop defines them.

Facts from Timeloop v3.0.3, src/sparse-analysis/storage-gs-analyzer.cpp,
ComputeIneffectualReadImpact.
"""

from __future__ import annotations

from math import ceil

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.counts.nest import tile_size

Ints = NDArray[np.int64]


@njit(cache=True)
def sparseloop_sizes(
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
    units_fan_out: bool,
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
    loops, count
        From :func:`~leanspike.hardware.counts.nest.list_loops`.
    units_fan_out
        Whether the innermost level feeds several compute units.
    """
    levels, dims = factors.shape[0] // 3, factors.shape[1]
    to_compute = child == levels
    used = np.zeros((2, dims), np.bool_)
    for d in range(dims):
        for r in range(coefficients.shape[1]):
            used[0, d] |= coefficients[target, r, d] != 0
            used[1, d] |= coefficients[condition, r, d] != 0

    # The target loop: the innermost one that brings another tile of the target.
    found, single = -1, to_compute and not units_fan_out
    for i in range(count):
        slot, d = loops[i, 0], loops[i, 1]
        if slot < 3 * level or slot >= 3 * child or single:
            continue
        if to_compute and slot < 3 * levels - 2:
            break
        if used[0, d]:
            found = i
            break
    sizes[:] = 1
    if found >= 0:
        at = loops[found, 0]
        target_dim, is_space = loops[found, 1], at % 3 != 0
        for i in range(found + 1):
            sizes[loops[i, 1]] *= factors[loops[i, 0], loops[i, 1]]
        first = found + 1
    elif to_compute:
        # Straight to the units: one value, or what the units below side by side work on.
        target_dim = order[3 * levels - 3, dims - 1]
        is_space = False
        first = 0
        if units_fan_out:
            is_space = True
            target_dim = order[3 * levels - 2, 0]
            while first < count and loops[first, 0] > 3 * levels - 3:
                sizes[loops[first, 1]] *= factors[loops[first, 0], loops[first, 1]]
                first += 1
    else:
        target_dim, is_space = order[3 * level, 0], False
        for slot in range(3 * level, 3 * levels):
            for d in range(dims):
                sizes[d] *= factors[slot, d]
        first = count
    target_sizes = sizes.copy()

    # Space above the target loop runs at once, so the leader covers it. A target tile spread in
    # space also stays over the loops in time that do not bring another one.
    shared = np.ones(dims, np.float64)
    together = 1.0
    is_shared = False
    usable = True
    if not single:
        if found >= 0:
            steps = factors[loops[found, 0], target_dim]
        else:
            steps = 1
        if used[0, target_dim] and used[1, target_dim]:
            shared[target_dim] *= steps
            together *= steps
            is_shared = True
    settled = not is_space
    for i in range(first, count):
        slot, d = loops[i, 0], loops[i, 1]
        if slot < 3 * level:
            break
        in_space = slot % 3 != 0
        stays = not settled and not in_space and not to_compute and not used[0, d]
        if in_space or stays:
            sizes[d] *= factors[slot, d]
            if not single:
                if is_space and is_shared and used[1, d]:
                    usable = False
                if used[0, d] and used[1, d]:
                    shared[d] *= factors[slot, d]
                    together *= factors[slot, d]
                    is_shared = True
        if is_space and not in_space and (to_compute or used[0, d]):
            settled = True
    if not usable:
        return False

    # Loops both tensors step through together need only one step of the leader at a time.
    granularity = tile_size(coefficients, target, target_sizes) / together
    scale = float(ceil(block / granularity))
    for d in range(dims):
        if shared[d] > 1:
            sizes[d] = ceil(sizes[d] / (shared[d] / scale))
            scale = scale / shared[d]
    if scale > 1:
        sizes[target_dim] = int(sizes[target_dim] * scale)
    return True
