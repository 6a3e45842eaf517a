"""Bounds on what mappings cost, cheap enough for all of them.

Where the semantics round to whole accesses, rounding moves a count by less than one each of at
most three times on its way (zeros thinned out, reads left alone outside, reads left alone here),
and a row or word count by less than one more. The sum of what that is worth is the *slack*: the
exact energy lies within energy +- slack, the exact cycles between their two bounds. Without
rounding the slack is nothing, and only floating-point sums in another order remain. A mapping
whose lower bound is above another's upper bound cannot be the best; the others are evaluated
exactly. So nothing is lost by looking at most mappings through bounds only.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.search_exact import Counted, Lookup, Prices, Room
from leanspike.hardware.search_linear import (
    BITS,
    ENERGY,
    LOOSE,
    PACKING,
    PRESENT,
    READS,
    ROUNDINGS,
    SLACK,
    WRITES,
    Linear,
)

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

#: Relative room for floating-point sums taken in another order.
_FLOAT = 1e-9


@njit(cache=True, nogil=True)
def bound(
    whole: bool,
    inner: Ints,
    bandwidth: Reals,
    lookup: Lookup,
    linear: Linear,
    counted: Counted,
    prices: Prices,
    room: Room,
    bounds: Reals,
) -> None:
    """Fill (least, most energy, least, most cycles) of every mapping; infinite if not legal.

    ``inner`` [K] is the next pair inside of the same tensor, -1 where it is the compute unit.
    """
    levels, pairs = bandwidth.shape[0], len(lookup.level)
    limited = np.empty(levels, np.bool_)
    for i in range(levels):
        limited[i] = bandwidth[i].min() < np.inf
    cells = linear.cells
    packs = np.zeros(pairs, np.bool_)
    for k in range(pairs):
        here = cells[lookup.first_cell[k] : lookup.first_cell[k + 1]]
        packs[k] = (here[:, PACKING : PACKING + 3] != 0.0).any()
    for n in range(len(bounds)):
        needed = linear.needed[counted.pace[n]]
        energy = counted.fixed[n] + linear.compute_pj[counted.pace[n]]
        slack, least, most = 0.0, needed, needed
        fits = True
        k = 0
        for i in range(levels):
            values, metadata = counted.state_bits[n, i], 0.0
            reads = writes = loose_reads = loose_writes = 0.0
            used = counted.used[n, i]
            while k < pairs and lookup.level[k] == i:
                cell = cells[lookup.first_cell[k] + counted.cell[n, k]]
                sent, first = float(counted.leaving[n, k]), float(counted.partition[n, k])
                filled = counted.fills[n, k]
                energy += used * (
                    cell[ENERGY] * sent + cell[ENERGY + 1] * first + cell[ENERGY + 2] * filled
                )
                if packs[k]:
                    packing = (
                        cell[PACKING] * sent
                        + cell[PACKING + 1] * first
                        + cell[PACKING + 2] * filled
                    )
                    j = inner[k]
                    packers = counted.used[n, lookup.level[j]]
                    packers *= cells[lookup.first_cell[j] + counted.cell[n, j], PRESENT]
                    price = prices.storage[lookup.level[j], lookup.tensor[j], 19]
                    energy += packers * packing
                    slack += packers * ROUNDINGS * price
                slack += used * cell[SLACK]
                if limited[i]:
                    reads += cell[READS] * sent + cell[READS + 1] * first + cell[READS + 2] * filled
                    writes += (
                        cell[WRITES] * sent + cell[WRITES + 1] * first + cell[WRITES + 2] * filled
                    )
                    loose_reads += cell[LOOSE]
                    loose_writes += cell[LOOSE + 1]
                values += cell[BITS]
                metadata += cell[BITS + 1]
                k += 1
            if room.metadata[i] < 0:
                values += metadata
            elif metadata > room.metadata[i]:
                fits = False
            if values > room.capacity[i]:
                fits = False
            if not fits:
                break
            if limited[i]:
                low = max(
                    (reads - loose_reads) / bandwidth[i, 0],
                    (writes - loose_writes) / bandwidth[i, 1],
                    (reads + writes - loose_reads - loose_writes) / bandwidth[i, 2],
                )
                high = max(
                    (reads + loose_reads) / bandwidth[i, 0],
                    (writes + loose_writes) / bandwidth[i, 1],
                    (reads + writes + loose_reads + loose_writes) / bandwidth[i, 2],
                )
                least = max(least, low)
                most = max(most, high + 1.0 if whole else high)
        if not fits:
            bounds[n, :] = np.inf
            continue
        least, most = least * (1.0 - _FLOAT), most * (1.0 + _FLOAT)
        bounds[n, 0] = (energy - slack) * (1.0 - _FLOAT) + prices.cycle * least
        bounds[n, 1] = (energy + slack) * (1.0 + _FLOAT) + prices.cycle * most
        bounds[n, 2] = least
        bounds[n, 3] = most
