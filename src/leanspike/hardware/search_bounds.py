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

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.search_exact import Counted
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
)

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Cases that are looked at together: as many doubles as a cache line has.
LANES = 8
#: What is minimized, by number.
EDP, ENERGY_ONLY, CYCLES_ONLY = 0, 1, 2

# Relative room for floating-point sums taken in another order.
_FLOAT = 1e-9


class Pairs(NamedTuple):
    """The (level, tensor) pairs, [K]: where the cells of each start, the next pair inside of the
    same tensor (-1: the compute unit), whether any case packs there, and whether these are outputs.
    """

    level: Ints
    first_cell: Ints
    inner: Ints
    packs: Bools
    written: Bools


class Lanes(NamedTuple):
    """Coefficients and limits of eight cases side by side, the last axis.

    ``cells`` [cells, COLUMNS, 8]; per pace the cycles that computes need and their energy, each
    [paces, 8]. Room for values and for metadata (infinite where they share one) and whether they
    share it, the room a membrane value takes and what moving it takes of a bandwidth, and the share
    of their room that finished outputs take, each [L, 8]; one over the bandwidths [L, 3, 8]; pJ of
    packing at each pair [K, 8]; pJ per cycle (leakage), [8].
    """

    cells: Reals
    needed: Reals
    compute_pj: Reals
    room: Reals
    metadata_room: Reals
    shared: Reals
    per_word: Reals
    packing_pj: Reals
    cycle_pj: Reals
    state_bits: Reals
    state_size: Reals
    finished_share: Reals


@njit(cache=True, nogil=True, error_model="numpy")
def bound(
    objective: int,
    whole: bool,
    pairs: Pairs,
    lanes: Lanes,
    counted: Counted,
    fixed: Reals,
    stands_for: Ints,
    least: Reals,
    most: Reals,
    legal: Ints,
    bounds: Reals,
) -> None:
    """Bound what every mapping costs each of eight cases.

    Parameters
    ----------
    fixed
        Energy that no density changes (the membrane's), [n, 8].
    stands_for
        Mappings each one stands for, [n].
    least
        Filled: the lowest score each mapping can have, [8, n]; infinite where not legal.
    most
        Lowered to the least of the highest scores that any mapping can have, [8].
    legal
        Added to: how many mappings are legal, and how many of these differ, [2, 8].
    bounds
        Filled with (least, most energy, least, most cycles) unless empty, [8, n, 4].
    """
    levels, count = lanes.room.shape[0], len(pairs.level)
    limited = np.empty(levels, np.bool_)
    roomy = np.empty(levels, np.bool_)
    for i in range(levels):
        limited[i] = lanes.per_word[i].max() > 0.0
        roomy[i] = lanes.room[i].min() == np.inf and lanes.metadata_room[i].min() == np.inf
    cells = lanes.cells
    energy, slack = np.empty(LANES), np.empty(LANES)
    low_cycles, high_cycles = np.empty(LANES), np.empty(LANES)
    values, metadata = np.empty(LANES), np.empty(LANES)
    reads, writes = np.empty(LANES), np.empty(LANES)
    loose_reads, loose_writes = np.empty(LANES), np.empty(LANES)
    over, low, high = np.empty(LANES), np.empty(LANES), np.empty(LANES)
    for n in range(len(fixed)):
        pace = counted.pace[n]
        for v in range(LANES):
            energy[v] = fixed[n, v] + lanes.compute_pj[pace, v]
            slack[v] = 0.0
            low_cycles[v] = high_cycles[v] = lanes.needed[pace, v]
            over[v] = 0.0
        k = 0
        for i in range(levels):
            used, held = counted.used[n, i], counted.held[n, i]
            for v in range(LANES):
                values[v] = held * lanes.state_bits[i, v]
                metadata[v] = 0.0
            if limited[i]:
                for v in range(LANES):
                    reads[v] = counted.state[n, i, 0] * lanes.state_size[i, v]
                    writes[v] = counted.state[n, i, 1] * lanes.state_size[i, v]
                    loose_reads[v] = loose_writes[v] = 0.0
            while k < count and pairs.level[k] == i:
                cell = pairs.first_cell[k] + counted.cell[n, k]
                sent, first = counted.leaving[n, k], float(counted.partition[n, k])
                came, new = counted.arriving[n, k], counted.new[n, k]
                for v in range(LANES):
                    energy[v] += used * (
                        cells[cell, ENERGY, v] * sent
                        + cells[cell, ENERGY + 1, v] * first
                        + cells[cell, ENERGY + 2, v] * came
                        + cells[cell, ENERGY + 3, v] * new
                    )
                finished = pairs.written[k] and sent == first
                for v in range(LANES):
                    share = lanes.finished_share[i, v] if finished else 1.0
                    values[v] += cells[cell, BITS, v] * share
                    metadata[v] += cells[cell, BITS + 1, v]
                if whole:
                    for v in range(LANES):
                        slack[v] += used * cells[cell, SLACK, v]
                if pairs.packs[k]:
                    j = pairs.inner[k]
                    inside = pairs.first_cell[j] + counted.cell[n, j]
                    packers = counted.used[n, pairs.level[j]]
                    for v in range(LANES):
                        packing = (
                            cells[cell, PACKING, v] * sent
                            + cells[cell, PACKING + 1, v] * first
                            + cells[cell, PACKING + 2, v] * came
                            + cells[cell, PACKING + 3, v] * new
                        )
                        there = packers * cells[inside, PRESENT, v]
                        energy[v] += there * packing
                        slack[v] += there * ROUNDINGS * lanes.packing_pj[j, v]
                if limited[i]:
                    for v in range(LANES):
                        reads[v] += (
                            cells[cell, READS, v] * sent
                            + cells[cell, READS + 1, v] * first
                            + cells[cell, READS + 2, v] * came
                            + cells[cell, READS + 3, v] * new
                        )
                        writes[v] += (
                            cells[cell, WRITES, v] * sent
                            + cells[cell, WRITES + 1, v] * first
                            + cells[cell, WRITES + 2, v] * came
                            + cells[cell, WRITES + 3, v] * new
                        )
                        loose_reads[v] += cells[cell, LOOSE, v]
                        loose_writes[v] += cells[cell, LOOSE + 1, v]
                k += 1
            if not roomy[i]:
                for v in range(LANES):
                    taken = values[v] + metadata[v] * lanes.shared[i, v]
                    over[v] = max(over[v], taken - lanes.room[i, v])
                    over[v] = max(over[v], metadata[v] - lanes.metadata_room[i, v])
                if over.min() > 0.0:
                    break
            if limited[i]:
                for v in range(LANES):
                    both, loose = reads[v] + writes[v], loose_reads[v] + loose_writes[v]
                    a, b, c = (
                        lanes.per_word[i, 0, v],
                        lanes.per_word[i, 1, v],
                        lanes.per_word[i, 2, v],
                    )
                    fastest = max(
                        (reads[v] - loose_reads[v]) * a, (writes[v] - loose_writes[v]) * b
                    )
                    slowest = max(
                        (reads[v] + loose_reads[v]) * a, (writes[v] + loose_writes[v]) * b
                    )
                    fastest = max(fastest, (both - loose) * c)
                    slowest = max(slowest, (both + loose) * c) + whole
                    if whole and lanes.needed[pace, v] == 0.0:
                        fastest = slowest = 0.0  # Timeloop: without computes nothing takes time
                    low_cycles[v] = max(low_cycles[v], fastest)
                    high_cycles[v] = max(high_cycles[v], slowest)
        for v in range(LANES):
            c_low = low_cycles[v] * (1.0 - _FLOAT)
            c_high = high_cycles[v] * (1.0 + _FLOAT)
            e_low = (energy[v] - slack[v]) * (1.0 - _FLOAT) + lanes.cycle_pj[v] * c_low
            e_high = (energy[v] + slack[v]) * (1.0 + _FLOAT) + lanes.cycle_pj[v] * c_high
            low_cycles[v], high_cycles[v], energy[v], slack[v] = c_low, c_high, e_low, e_high
        if objective == EDP:
            for v in range(LANES):
                low[v], high[v] = energy[v] * low_cycles[v], slack[v] * high_cycles[v]
        elif objective == ENERGY_ONLY:
            for v in range(LANES):
                low[v], high[v] = energy[v], slack[v]
        else:
            for v in range(LANES):
                low[v], high[v] = low_cycles[v], high_cycles[v]
        for v in range(LANES):
            if over[v] > 0.0:
                least[v, n] = np.inf
            else:
                least[v, n] = low[v]
                most[v] = min(most[v], high[v])
                legal[0, v] += stands_for[n]
                legal[1, v] += 1
        if len(bounds):
            for v in range(LANES):
                if over[v] > 0.0:
                    bounds[v, n] = np.inf
                else:
                    bounds[v, n, 0], bounds[v, n, 1] = energy[v], slack[v]
                    bounds[v, n, 2], bounds[v, n, 3] = low_cycles[v], high_cycles[v]
