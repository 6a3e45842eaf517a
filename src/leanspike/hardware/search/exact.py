"""Evaluating many mappings exactly: the engine's own row, filled from looked-up tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.model.row import (
    ContentArrays,
    NestArrays,
    Row,
    RowPlan,
    RowRules,
    evaluate_row,
    no_conditions,
)

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]
Numbers32 = NDArray[np.int32]


class Lookup(NamedTuple):
    """Tables of one case, flat: pairs one after the other, tensors one after the other.

    K pairs (level, tensor) keep something. ``first_cell`` [K + 1] is where each pair's cells
    start; a cell is a row of (content, chain), both counted over all pairs or tensors:
    ``cell_content`` and ``cell_chain`` [cells]. ``reals`` [contents, 3] are density, presence and
    row waste, ``words`` [contents, R, 2] metadata and payload words, ``bits`` [contents, 2] the
    most bits of values and metadata, ``tile`` [contents] the values; ``ranks`` [K]. ``survive``
    [chains, L, SURVIVALS] and ``shares`` [chains, X, SHARES] say what conditions leave of a
    tensor's traffic and of the computes, under Sparseloop's rules ``remedy`` and ``p_left``
    [chains, L] what levels do about its reads; a pace is the chain of every
    tensor, ``together`` [paces, X], a unit's pass, ``passes`` [paces, 5], and the ``units`` used,
    [paces]. ``operand_density`` is of the two operands, [2].
    """

    level: Ints
    tensor: Ints
    first_cell: Ints
    cell_content: Ints
    cell_chain: Ints
    reals: Reals
    words: Reals
    bits: Reals
    tile: Ints
    ranks: Ints
    survive: Reals
    shares: Reals
    remedy: Ints
    p_left: Reals
    together: Ints
    passes: Ints
    units: Ints
    operand_density: Reals


class Counted(NamedTuple):
    """Counts of n mappings, as in :class:`~leanspike.hardware.search.groups.CountedBlock`.

    ``new`` [n, K] are the first uses of partial sums among what arrives; ``used`` [n, L] is how
    many instances of a level pay for an access, ``held`` [n, L] the membrane values a level holds,
    ``state`` [n, L, 2] those that one instance reads and writes.
    """

    tile: Ints
    arriving: Reals
    leaving: Reals
    partition: Ints
    instances: Ints
    cell: Numbers32
    pace: Numbers32
    new: Reals
    used: Reals
    held: Reals
    state: Reals


class Prices(NamedTuple):
    """pJ per storage action [L, X, 21], per compute outcome [3], and per cycle (leakage)."""

    storage: Reals
    compute: Reals
    cycle: float


class Scratch(NamedTuple):
    """What one row needs, filled again and again."""

    nest: NestArrays
    content: ContentArrays
    row: Row


def scratch(levels: int, tensors: int, ranks: int, row: Row) -> Scratch:
    """Return arrays for one row."""
    shape = (levels, tensors)
    return Scratch(
        NestArrays(
            tile=np.zeros(shape, np.int64),
            arriving=np.zeros(shape),
            leaving=np.zeros(shape),
            partition=np.zeros(shape, np.int64),
            instances=np.zeros(levels + 1, np.int64),
            pass_shape=np.zeros(5, np.int64),
            state=np.zeros((levels, 2)),
        ),
        ContentArrays(
            density=np.ones(shape),
            present=np.ones(shape),
            row_waste=np.ones(shape),
            words=np.zeros((*shape, ranks, 2)),
            has_metadata=np.zeros(shape, np.bool_),
            ranks=np.zeros(shape, np.int64),
            operand_density=np.ones(2),
            **no_conditions(shape)._asdict(),
        ),
        row,
    )


@njit(cache=True, nogil=True)
def fill_content(lookup: Lookup, k: int, x: int, content: int, arrays: ContentArrays) -> None:
    """Put a content of pair ``k`` into a row's arrays, as tensor ``x``."""
    i = lookup.level[k]
    arrays.density[i, x] = lookup.reals[content, 0]
    arrays.present[i, x] = lookup.reals[content, 1]
    arrays.row_waste[i, x] = lookup.reals[content, 2]
    arrays.words[i, x] = lookup.words[content]
    arrays.ranks[i, x] = lookup.ranks[k]
    arrays.has_metadata[i, x] = lookup.ranks[k] > 0


@njit(cache=True, nogil=True)
def fill_pace(lookup: Lookup, pace: int, nest: NestArrays, content: ContentArrays) -> None:
    """Put what conditions leave, and a unit's pass, into a row's arrays."""
    nest.pass_shape[:] = lookup.passes[pace]
    for x in range(lookup.together.shape[1]):
        content.survive[:, x] = lookup.survive[lookup.together[pace, x]]
        content.shares[x] = lookup.shares[lookup.together[pace, x]]
        content.remedy[:, x] = lookup.remedy[lookup.together[pace, x]]
        content.p_left[:, x] = lookup.p_left[lookup.together[pace, x]]


@njit(cache=True, nogil=True)
def evaluate_exactly(
    plan: RowPlan,
    rules: RowRules,
    lookup: Lookup,
    counted: Counted,
    prices: Prices,
    rows: Ints,
    fixed: Reals,
    space: Scratch,
    energy: Reals,
    cycles: Reals,
) -> None:
    """Fill energy (pJ) and cycles of the given mappings, in the order of ``rows``.

    ``fixed`` [rows] is the energy that no density changes (the membrane's).
    """
    nest, content, row = space
    levels, tensors = nest.tile.shape
    content.operand_density[:] = lookup.operand_density
    for place in range(len(rows)):
        n = rows[place]
        for k in range(len(lookup.level)):
            i, x = lookup.level[k], lookup.tensor[k]
            nest.tile[i, x] = counted.tile[n, k]
            nest.arriving[i, x] = counted.arriving[n, k]
            nest.leaving[i, x] = counted.leaving[n, k]
            nest.partition[i, x] = counted.partition[n, k]
            cell = lookup.first_cell[k] + counted.cell[n, k]
            fill_content(lookup, k, x, lookup.cell_content[cell], content)
        nest.instances[:] = counted.instances[n]
        nest.state[:] = counted.state[n]
        fill_pace(lookup, counted.pace[n], nest, content)
        needed = evaluate_row(plan, rules, nest, content, row)
        total = fixed[place]
        for i in range(levels):
            needed = max(needed, row.level_cycles[i])
            for x in range(tensors):
                if nest.tile[i, x] == 0:
                    continue
                pj = 0.0
                for action in range(row.accesses.shape[2]):
                    pj += row.accesses[i, x, action] * prices.storage[i, x, action]
                total += pj * content.present[i, x] * counted.used[n, i]
        for outcome in range(3):
            total += row.computes[outcome] * prices.compute[outcome]
        energy[place] = total + prices.cycle * needed
        cycles[place] = needed
