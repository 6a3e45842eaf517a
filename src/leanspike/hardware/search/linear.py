"""Coefficients of what accesses cost: a few multiply-adds per level and tensor instead of a row.

Without rounding, every access the engine counts is linear in the dense counts of its own level and
tensor (values delivered below, first uses of partial sums among them, values that arrive, first
uses among these), and for each of these linear in
what the tile holds (its density, each kind of metadata word). What remains depends on the leader
tiles alone. So the engine's *own row* is probed at unit counts and unit contents, once per chain
of leader tiles, and :func:`linear_cells` combines the probes into the coefficients of every
distinct pair of a content and a chain. No formula of the engine is written again; that the result
agrees with it mapping by mapping is tested.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.model.row import RowPlan, RowRules, evaluate_row
from leanspike.hardware.search.exact import Lookup, Prices, Scratch, fill_pace

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: Roundings of one count before it is divided into rows or words (see search_bounds).
ROUNDINGS = 3.0
#: Counts that a cell has columns for: delivered, first uses of these, arriving, first of these.
UNITS = 4
#: Columns of a cell, each group one per count: energy here, read words, written words, energy of
#: packing at the next level inside. SLACK is that of the energy, BITS the most
#: bits of values and metadata, PRESENT the fraction of instances present, LOOSE the slack of
#: words read and written.
ENERGY, SLACK, BITS, PRESENT, READS, WRITES, LOOSE, PACKING, COLUMNS = 0, 4, 5, 7, 8, 12, 16, 18, 22

# What is read off a probe: energy of rows, of unpacking and wires (both per value), of metadata, of
# packing inside, words read and written.
_ROWS, _UNPACKING, _METADATA, _PACKING, _READ, _WRITTEN, _READINGS = 0, 1, 2, 3, 4, 5, 6


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
            row_bits=np.ascontiguousarray(plan.row_bits[:, only]),
            value_bits=np.ascontiguousarray(plan.value_bits[:, only]),
            word_bits=np.ascontiguousarray(plan.word_bits[:, only]),
            inside=-1,
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
    chains: Ints,
    cells: Reals,
) -> None:
    """Fill the cells of one tensor's ``pairs`` under its ``chains`` (first, last + 1).

    ``plan``, ``prices`` and ``space`` are of the tensor alone (see :func:`alone`).
    """
    nest, content, _ = space
    levels, most = content.words.shape[0], content.words.shape[2]
    probes = np.zeros((chains[1] - chains[0], UNITS, 1 + 2 * most, levels, _READINGS))
    for k in pairs:
        nest.tile[lookup.level[k], 0] = 1
        content.ranks[lookup.level[k], 0] = lookup.ranks[k]
        content.has_metadata[lookup.level[k], 0] = lookup.ranks[k] > 0
    nest.instances[:] = 1
    stored = np.zeros((most, 2), np.bool_)
    for k in pairs:
        for number in range(lookup.first_cell[k], lookup.first_cell[k + 1]):
            stored |= lookup.words[lookup.cell_content[number]] != 0.0
    rules = RowRules(
        exact.sparseloop, False, exact.chained_metadata, exact.first_fill,
        exact.gating_keeps_cycles, exact.drain_reads,
    )  # fmt: skip
    # Many leader tiles are as good as never empty: equal chains are probed once.
    like = np.empty(len(probes), np.int64)
    for chain in range(len(probes)):
        there = chains[0] + chain
        like[chain] = _first_like(lookup, chains[0], like, chain)
        if like[chain] == chain:
            content.survive[:, 0] = lookup.survive[there]
            content.remedy[:, 0] = lookup.remedy[there]
            content.p_left[:, 0] = lookup.p_left[there]
            _probe(plan, rules, prices, space, stored, probes[chain])
    for k in pairs:
        i = lookup.level[k]
        for number in range(lookup.first_cell[k], lookup.first_cell[k + 1]):
            held = lookup.cell_content[number]
            probe = probes[like[lookup.cell_chain[number] - chains[0]]]
            cell = cells[number]
            density, present, waste = lookup.reals[held]
            if lookup.ranks[k] == 0:
                density = 1.0  # zeros are accessed too
            for unit in range(UNITS):
                full = probe[unit, 0, i]
                pj = density * (full[_ROWS] * waste + full[_UNPACKING])
                # What moves is rows; Sparseloop's rules count values.
                moved = density if exact.sparseloop else density * waste
                reads, writes = moved * full[_READ], moved * full[_WRITTEN]
                for rank in range(lookup.ranks[k]):
                    for part in range(2):
                        if not stored[rank, part]:
                            continue
                        words = lookup.words[held, rank, part] / lookup.tile[held]
                        kind = probe[unit, 1 + 2 * rank + part, i]
                        pj += words * kind[_METADATA]
                        reads += words * kind[_READ]
                        writes += words * kind[_WRITTEN]
                cell[ENERGY + unit] = pj * present
                cell[PACKING + unit] = density * full[_PACKING]
                cell[READS + unit] = reads * present
                cell[WRITES + unit] = writes * present
            cell[SLACK] = cell[LOOSE] = cell[LOOSE + 1] = 0.0
            if exact.whole_accesses:
                _slack(plan, i, lookup.ranks[k], present, waste, prices, cell)
            cell[BITS] = lookup.bits[held, 0]
            cell[BITS + 1] = lookup.bits[held, 1]
            cell[PRESENT] = present


@njit(cache=True, nogil=True)
def _first_like(lookup: Lookup, first: int, like: Ints, chain: int) -> int:
    """Return the first chain that does the same about reads as this one, counted from ``first``."""
    for other in range(chain):
        if like[other] != other:
            continue
        same = True
        for i in range(lookup.remedy.shape[1]):
            same = same and lookup.remedy[first + other, i] == lookup.remedy[first + chain, i]
            same = same and lookup.p_left[first + other, i] == lookup.p_left[first + chain, i]
            for s in range(lookup.survive.shape[2]):
                here = lookup.survive[first + chain, i, s]
                same = same and lookup.survive[first + other, i, s] == here
        if same:
            return other
    return chain


@njit(cache=True, nogil=True)
def _probe(
    plan: RowPlan,
    rules: RowRules,
    prices: Prices,
    space: Scratch,
    stored: Bools,
    found: Reals,
) -> None:
    """Fill what unit counts of unit contents cost at every level, [4, 1 + 2 R, L, readings].

    ``stored`` [R, 2] says which kinds of words any tile of the tensor has.

    All levels are probed at once: a level's accesses follow from its own counts, only what is
    packed inside follows from the level outside, and no two levels pack at the same place.
    """
    nest, content, _ = space
    most = content.words.shape[2]
    for probe in range(1 + 2 * most):
        if probe > 0 and not stored[(probe - 1) // 2, (probe - 1) % 2]:
            continue
        content.density[:, 0] = 1.0 if probe == 0 else 0.0
        content.words[:] = 0.0
        if probe > 0:
            content.words[:, 0, (probe - 1) // 2, (probe - 1) % 2] = 1.0
        nest.leaving[:, 0] = 1.0
        _read_off(plan, rules, prices, space, found[0, probe])
        nest.arriving[:, 0] = 1.0
        _read_off(plan, rules, prices, space, found[2, probe])
        found[2, probe] -= found[0, probe]
        if plan.written == 0:
            nest.partition[:, 0] = 1
            _read_off(plan, rules, prices, space, found[3, probe])
            nest.arriving[:, 0] = 0.0
            _read_off(plan, rules, prices, space, found[1, probe])
            found[1, probe] -= found[0, probe]
            found[3, probe] -= found[0, probe] + found[1, probe] + found[2, probe]
            nest.partition[:, 0] = 0
        nest.arriving[:, 0] = nest.leaving[:, 0] = 0.0


@njit(cache=True, nogil=True)
def _read_off(plan: RowPlan, rules: RowRules, prices: Prices, space: Scratch, found: Reals) -> None:
    nest, content, row = space
    evaluate_row(plan, rules, nest, content, row)
    found[:] = 0.0
    for i in range(found.shape[0]):
        for action in range(9):
            found[i, _ROWS] += row.accesses[i, 0, action] * prices.storage[i, 0, action]
        for action in range(9, 18):
            found[i, _METADATA] += row.accesses[i, 0, action] * prices.storage[i, 0, action]
        found[i, _UNPACKING] = row.accesses[i, 0, 18] * prices.storage[i, 0, 18]
        found[i, _UNPACKING] += row.accesses[i, 0, 20] * prices.storage[i, 0, 20]
        outer = plan.parent[i, 0]
        if outer >= 0 and nest.tile[i, 0] > 0:
            found[outer, _PACKING] = row.accesses[i, 0, 19] * prices.storage[i, 0, 19]
        found[i, _READ], found[i, _WRITTEN] = row.demand[i, 0], row.demand[i, 1]


@njit(cache=True, nogil=True)
def _slack(
    plan: RowPlan, i: int, ranks: int, present: float, waste: float, prices: Prices, cell: Reals
) -> None:
    """Bound what rounding can move: energy per instance, words read and written."""
    block = plan.block[i, 0]
    if plan.written == 0:
        block = min(block, plan.finished_block[i])
    bits = 0.0
    for rank in range(ranks):
        bits += plan.word_bits[i, 0, rank, 0] + plan.word_bits[i, 0, rank, 1]
    pj = ROUNDINGS * (prices.storage[i, 0, 18] + 3.0 * prices.storage[i, 0, 20])
    for action in range(9):
        pj += (ROUNDINGS / block + 1.0) * waste * prices.storage[i, 0, action]
        if plan.metadata_width[i] > 0:
            words = ROUNDINGS * bits / plan.metadata_width[i] + 1.0
            pj += words * prices.storage[i, 0, 9 + action]
    cell[SLACK] = pj * present
    words = 2.0 * ROUNDINGS * (1.0 + bits / plan.value_bits[i, 0]) + 1.0
    cell[LOOSE] = words + 1.0
    cell[LOOSE + 1] = 2.0 * words + 1.0


@njit(cache=True, nogil=True)
def linear_paces(
    plan: RowPlan,
    rules: RowRules,
    lookup: Lookup,
    prices: Prices,
    space: Scratch,
    needed: Reals,
    compute_pj: Reals,
) -> None:
    """Fill cycles and energy of the computes of every pace: exactly."""
    nest, content, row = space
    content.operand_density[:] = lookup.operand_density
    for k in range(len(lookup.level)):
        content.has_metadata[lookup.level[k], lookup.tensor[k]] = lookup.ranks[k] > 0
    nest.instances[:] = 1
    for pace in range(len(needed)):
        fill_pace(lookup, pace, nest, content)
        nest.instances[len(nest.instances) - 1] = lookup.units[pace]
        needed[pace] = evaluate_row(plan, rules, nest, content, row)
        compute_pj[pace] = 0.0
        for outcome in range(3):
            compute_pj[pace] += row.computes[outcome] * prices.compute[outcome]
