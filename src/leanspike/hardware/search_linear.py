"""Bounds on what mappings cost, cheap enough for all of them.

Without rounding, every access the engine counts is linear in the dense counts of its own level and
tensor: in the values delivered below, the values a partial sum's first use saves, and the fills.
The coefficients depend on the tile's content and the leader tiles alone, so they are taken once
per distinct pair of these, *from the engine's own row* at unit counts, and a mapping's energy and
demand are a few multiply-adds per level and tensor.

Where the semantics round to whole accesses, rounding moves a count by less than one each of at
most three times on its way (zeros thinned out, reads left alone outside, reads left alone here),
and a row or word count by less than one more. The sum of what that is worth is the *slack*: the
exact energy lies within energy +- slack, the exact cycles between their two bounds. A mapping
whose lower bound is above another's upper bound cannot be the best; the others are evaluated
exactly. So nothing is lost by looking at most mappings through bounds only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.counts.row import RowPlan, RowRules, evaluate_row
from leanspike.hardware.search_exact import Counted, Lookup, Prices, Room, Scratch, fill_content

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Roundings of one count before it is divided into rows or words.
_ROUNDINGS = 3.0
#: Relative room for floating-point sums taken in another order.
_FLOAT = 1e-9
#: Columns of a cell: per delivered value, first use and fill each of energy, energy of packing at
#: the next level inside, read words, write words; slacks of energy, reads and writes; most bits.
ENERGY, PACKING, READS, WRITES, SLACK, BITS, COLUMNS = 0, 3, 6, 9, 12, 15, 17


class Linear(NamedTuple):
    """Coefficients of one case: cells [cells, COLUMNS]; per set of chains the computes that take
    a cycle and the energy of all, each [sets].
    """

    cells: Reals
    busy: Reals
    compute_pj: Reals


def alone(plan: RowPlan, prices: Prices, x: int) -> tuple[RowPlan, Prices]:
    """Return what a row of tensor ``x`` alone takes: it has no computes, and a single tensor."""
    only = slice(x, x + 1)
    return (
        plan._replace(
            written=0 if x == plan.written else -1,
            operands=np.zeros(2, np.int64),
            innermost=np.zeros(2, np.int64),
            parent=np.ascontiguousarray(plan.parent[:, only]),
            compressed=np.ascontiguousarray(plan.compressed[:, only]),
            block=np.ascontiguousarray(plan.block[:, only]),
            value_bits=np.ascontiguousarray(plan.value_bits[:, only]),
            word_bits=np.ascontiguousarray(plan.word_bits[:, only]),
        ),
        prices._replace(storage=np.ascontiguousarray(prices.storage[:, only])),
    )


@njit(cache=True, nogil=True)
def linear_cells(
    plan: RowPlan,
    exact: RowRules,
    lookup: Lookup,
    prices: Prices,
    space: Scratch,
    pairs: Ints,
    first: Ints,
    cells: Reals,
) -> None:
    """Fill the cells of one tensor's ``pairs``, from ``first`` [K] (counted in the pair) on.

    ``plan``, ``prices`` and ``space`` are of the tensor alone (see :func:`alone`).
    """
    nest, content, row = space
    rules = RowRules(False, exact.chained_metadata, exact.first_fill, exact.gating_keeps_cycles)
    for k in pairs:
        nest.tile[lookup.level[k], 0] = 1
        content.ranks[lookup.level[k], 0] = lookup.ranks[k]
        content.has_metadata[lookup.level[k], 0] = lookup.ranks[k] > 0
    nest.instances[:] = 1
    for k in pairs:
        i = lookup.level[k]
        for cell in range(lookup.first_cell[k] + first[k], lookup.first_cell[k + 1]):
            held = lookup.cell_content[cell]
            fill_content(lookup, k, 0, held, content)
            content.remedy[:, 0] = lookup.remedy[lookup.cell_chain[cell]]
            content.p_left[:, 0] = lookup.p_left[lookup.cell_chain[cell]]
            nest.tile[i, 0] = lookup.tile[held]
            # One delivered value; the same as an output's first use; one value filled.
            nest.leaving[i, 0] = 1
            evaluate_row(plan, rules, nest, content, row)
            _read_off(i, 0, prices, space, cells[cell])
            if plan.written == 0:
                nest.partition[i, 0] = 1
                evaluate_row(plan, rules, nest, content, row)
                _read_off(i, 1, prices, space, cells[cell])
                for column in (ENERGY, PACKING, READS, WRITES):
                    cells[cell, column + 1] -= cells[cell, column]
                nest.partition[i, 0] = 0
            nest.leaving[i, 0] = 0
            nest.arriving[i, 0] = 1
            evaluate_row(plan, rules, nest, content, row)
            _read_off(i, 2, prices, space, cells[cell])
            nest.arriving[i, 0] = 0
            if exact.whole_accesses:
                _slack(plan, i, prices, space, cells[cell])
            cells[cell, BITS] = lookup.bits[held, 0]
            cells[cell, BITS + 1] = lookup.bits[held, 1]
        content.present[i, 0] = 1.0
        nest.tile[i, 0] = 1


@njit(cache=True, nogil=True)
def _read_off(i: int, unit: int, prices: Prices, space: Scratch, cell: Reals) -> None:
    """Take a unit count's energy here, its energy of packing inside, and its words."""
    accesses, demand = space.row.accesses, space.row.demand
    for level in range(accesses.shape[0]):
        pj = 0.0
        for action in range(accesses.shape[2]):
            pj += accesses[level, 0, action] * prices.storage[level, 0, action]
        if level == i:
            cell[ENERGY + unit] = pj * space.content.present[i, 0]
        elif pj > 0:
            cell[PACKING + unit] = pj
    cell[READS + unit] = demand[i, 0]
    cell[WRITES + unit] = demand[i, 1]


@njit(cache=True, nogil=True)
def _slack(plan: RowPlan, i: int, prices: Prices, space: Scratch, cell: Reals) -> None:
    """Bound what rounding can move: energy per instance, words read and written."""
    content = space.content
    block = plan.block[i, 0]
    if plan.written == 0:
        block = min(block, plan.finished_block[i])
    bits = 0.0
    for rank in range(content.ranks[i, 0]):
        bits += plan.word_bits[i, 0, rank, 0] + plan.word_bits[i, 0, rank, 1]
    pj = 0.0
    for action in range(9):
        rows = (_ROUNDINGS / block + 1.0) * content.row_waste[i, 0]
        pj += rows * prices.storage[i, 0, action]
        if plan.metadata_width[i] > 0:
            words = _ROUNDINGS * bits / plan.metadata_width[i] + 1.0
            pj += words * prices.storage[i, 0, 9 + action]
    pj += _ROUNDINGS * prices.storage[i, 0, 18]
    cell[SLACK] = pj * content.present[i, 0]
    words = 2.0 * (_ROUNDINGS + _ROUNDINGS * bits / plan.value_bits[i, 0]) + 1.0
    cell[SLACK + 1] = words + 1.0
    cell[SLACK + 2] = 2.0 * words + 1.0


@njit(cache=True, nogil=True)
def linear_computes(
    plan: RowPlan,
    rules: RowRules,
    lookup: Lookup,
    prices: Prices,
    space: Scratch,
    busy: Reals,
    compute_pj: Reals,
) -> None:
    """Fill the computes of every set of chains: exactly, they depend on nothing else."""
    nest, content, row = space
    content.operand_density[:] = lookup.operand_density
    for k in range(len(lookup.level)):
        content.has_metadata[lookup.level[k], lookup.tensor[k]] = lookup.ranks[k] > 0
    nest.instances[:] = 1
    for one in range(len(busy)):
        for x in range(lookup.together.shape[1]):
            content.remedy[:, x] = lookup.remedy[lookup.together[one, x]]
            content.p_left[:, x] = lookup.p_left[lookup.together[one, x]]
        evaluate_row(plan, rules, nest, content, row)
        busy[one] = row.computes[0] + row.computes[1]
        compute_pj[one] = 0.0
        for outcome in range(3):
            compute_pj[one] += row.computes[outcome] * prices.compute[outcome]


@njit(cache=True, nogil=True)
def bound(
    whole: bool,
    child: Ints,
    bandwidth: Reals,
    lookup: Lookup,
    linear: Linear,
    counted: Counted,
    fills: Reals,
    prices: Prices,
    room: Room,
    bounds: Reals,
) -> None:
    """Fill (least, most energy, least, most cycles) of every mapping; infinite if not legal.

    ``child`` [K] is the level whose instances pack what a pair's updates bring, ``fills`` [n, K]
    the dense fills.
    """
    levels, pairs = bandwidth.shape[0], len(lookup.level)
    limited = np.empty(levels, np.bool_)
    for i in range(levels):
        limited[i] = bandwidth[i].min() < np.inf
    cells = linear.cells
    for n in range(len(bounds)):
        needed = linear.busy[counted.chains[n]] / counted.instances[n, levels]
        if whole:
            needed = np.ceil(needed)
        energy = counted.fixed[n] + linear.compute_pj[counted.chains[n]]
        slack, least, most = 0.0, needed, needed
        fits = True
        k = 0
        for i in range(levels):
            values, metadata = counted.state_bits[n, i], 0.0
            reads = writes = loose_reads = loose_writes = 0.0
            while k < pairs and lookup.level[k] == i:
                cell = cells[lookup.first_cell[k] + counted.cell[n, k]]
                sent = float(counted.leaving[n, k])
                first = float(counted.partition[n, k])
                filled = fills[n, k]
                used = counted.used[n, i]
                energy += used * (cell[0] * sent + cell[1] * first + cell[2] * filled)
                packing = cell[3] * sent + cell[4] * first + cell[5] * filled
                if packing != 0.0:
                    packers = counted.used[n, child[k]]
                    energy += packers * packing
                    slack += packers * _ROUNDINGS * prices.storage[child[k], lookup.tensor[k], 19]
                slack += used * cell[12]
                if limited[i]:
                    reads += cell[6] * sent + cell[7] * first + cell[8] * filled
                    writes += cell[9] * sent + cell[10] * first + cell[11] * filled
                    loose_reads += cell[13]
                    loose_writes += cell[14]
                values += cell[15]
                metadata += cell[16]
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
