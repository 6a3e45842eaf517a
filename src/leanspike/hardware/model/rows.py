"""Evaluating many mappings, or one: the row of each, filled from tables."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from leanspike.arrays import Ints, Ints32, Reals
from leanspike.hardware.compiling import helper, kernel
from leanspike.hardware.model.actions import (
    ACTIONS,
    ContentArrays,
    NestArrays,
    Row,
    RowPlan,
    RowRules,
    no_conditions,
)
from leanspike.hardware.model.row import evaluate_row


class Lookup(NamedTuple):
    """Tables of one case, flat: pairs one after the other, tensors one after the other.

    K pairs (level, tensor) keep something. ``first_class`` [K + 1] is where each pair's tile
    classes start; a tile class is a row of (content, chain), both counted over all pairs or
    tensors: ``class_content`` and ``class_chain`` [tile classes]. ``reals`` [contents, 3] are
    density, presence and row waste, ``words`` [contents, R, 2] metadata and payload words,
    ``bits`` [contents, 2] the most bits of values and metadata, ``tile`` [contents] the values;
    ``ranks`` [K]. ``survive`` [chains, L, SURVIVALS] and ``shares`` [chains, X, SHARES] are what
    conditions leave of a tensor's traffic and of the computes, under Sparseloop's rules ``remedy``
    and ``p_left`` [chains, L] what levels do about its reads. A compute class is the chain of
    every tensor, ``together`` [classes, X], a unit's pass, ``passes`` [classes, 5], and the
    ``units`` used, [classes]. ``operand_density`` is of the two operands, [2].
    """

    level: Ints
    tensor: Ints
    first_class: Ints
    class_content: Ints
    class_chain: Ints
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


class MappingCounts(NamedTuple):
    """Counts of n mappings, of K pairs (level, tensor) and L levels.

    ``tile``, ``arriving``, ``leaving`` and ``partition`` [n, K] and ``instances`` [n, L + 1] are
    dense counts of one instance; ``tile_class`` [n, K] and ``compute_class`` [n] the numbers of
    :class:`~leanspike.hardware.search.numbering.Numbers`; ``new`` [n, K] the first uses of partial
    sums among what arrives; ``used`` [n, L] how many instances of a level pay for an access,
    ``held`` [n, L] the membrane values a level holds, ``state`` [n, L, 2] those that one instance
    reads and writes.
    """

    tile: Ints
    arriving: Reals
    leaving: Reals
    partition: Ints
    instances: Ints
    tile_class: Ints32
    compute_class: Ints32
    new: Reals
    used: Reals
    held: Reals
    state: Reals


def no_tiles(lookup: Lookup) -> MappingCounts:
    """Return the counts of a mapping of every compute class that holds nothing."""
    n, pairs, levels = len(lookup.units), len(lookup.level), lookup.survive.shape[1]
    whole, real = np.zeros((n, pairs), np.int64), np.zeros((n, pairs))
    numbers = np.zeros((n, pairs), np.int32)
    instances = np.ones((n, levels + 1), np.int64)
    instances[:, -1] = lookup.units
    level = np.zeros((n, levels))
    return MappingCounts(
        tile=whole, arriving=real, leaving=real, partition=whole, instances=instances,
        tile_class=numbers, compute_class=np.arange(n, dtype=np.int32), new=real, used=level,
        held=level, state=np.zeros((n, levels, 2)),
    )  # fmt: skip


def one_row(nest: NestArrays, content: ContentArrays) -> tuple[Lookup, MappingCounts]:
    """Return one mapping and what its tiles hold as tables of one."""
    levels, tensors = nest.tile.shape
    pairs, every = levels * tensors, np.arange(tensors)
    contents = np.stack((content.density, content.present, content.row_waste), axis=-1)
    nothing = np.zeros((pairs, 2))
    lookup = Lookup(
        level=np.repeat(np.arange(levels), tensors),
        tensor=np.tile(every, levels),
        first_class=np.arange(pairs + 1),
        class_content=np.arange(pairs),
        class_chain=np.tile(every, levels),
        reals=contents.reshape(pairs, 3),
        words=content.words.reshape(pairs, -1, 2).copy(),
        bits=nothing,
        tile=nest.tile.reshape(-1).copy(),
        ranks=content.ranks.reshape(-1).copy(),
        survive=np.ascontiguousarray(content.survive.transpose(1, 0, 2)),
        shares=content.shares.copy(),
        remedy=np.ascontiguousarray(content.remedy.T),
        p_left=np.ascontiguousarray(content.p_left.T),
        together=every[None],
        passes=nest.pass_shape[None].copy(),
        units=nest.instances[-1:].copy(),
        operand_density=content.operand_density.copy(),
    )
    state = np.zeros((1, levels, 2))
    state[0, : len(nest.state)] = nest.state
    counts = MappingCounts(
        tile=nest.tile.reshape(1, -1).copy(),
        arriving=nest.arriving.reshape(1, -1).copy(),
        leaving=nest.leaving.reshape(1, -1).copy(),
        partition=nest.partition.reshape(1, -1).copy(),
        instances=nest.instances[None].copy(),
        tile_class=np.zeros((1, pairs), np.int32),
        compute_class=np.zeros(1, np.int32),
        new=np.zeros((1, pairs)),
        used=np.zeros((1, levels)),
        held=np.zeros((1, levels)),
        state=state,
    )
    return lookup, counts


class RowPrices(NamedTuple):
    """pJ per storage action [L, X, ACTIONS], per compute outcome [3], and per cycle (leakage)."""

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


@helper
def fill_chain(lookup: Lookup, chain: int, x: int, content: ContentArrays) -> None:
    """Put what conditions leave of a tensor's reads into a row's arrays, as tensor ``x``."""
    for i in range(content.remedy.shape[0]):
        for column in range(content.survive.shape[2]):
            content.survive[i, x, column] = lookup.survive[chain, i, column]
        content.remedy[i, x] = lookup.remedy[chain, i]
        content.p_left[i, x] = lookup.p_left[chain, i]


@helper
def fill_compute_class(
    lookup: Lookup, number: int, nest: NestArrays, content: ContentArrays
) -> None:
    """Put what conditions leave, and a unit's pass, into a row's arrays."""
    for part in range(len(nest.pass_shape)):
        nest.pass_shape[part] = lookup.passes[number, part]
    for x in range(lookup.together.shape[1]):
        chain = lookup.together[number, x]
        fill_chain(lookup, chain, x, content)
        for leader in range(content.shares.shape[1]):
            for column in range(content.shares.shape[2]):
                content.shares[x, leader, column] = lookup.shares[chain, leader, column]


@kernel
def evaluate_rows(
    plan: RowPlan,
    rules: RowRules,
    whole: bool | None,
    lookup: Lookup,
    counted: MappingCounts,
    prices: RowPrices,
    rows: Ints,
    fixed: Reals,
    space: Scratch,
    energy: Reals,
    cycles: Reals,
    compute_cycles: Reals,
) -> None:
    """Fill energy (pJ), cycles and those of the computes, of mappings in the order of ``rows``.

    ``fixed`` [rows] is the energy that no density changes (the membrane's); ``whole`` as in
    :func:`~leanspike.hardware.model.row.evaluate_row`.
    """
    nest, content, row = space
    levels, tensors = nest.tile.shape
    for k in range(2):
        content.operand_density[k] = lookup.operand_density[k]
    for place in range(len(rows)):
        n = rows[place]
        for k in range(len(lookup.level)):
            i, x = lookup.level[k], lookup.tensor[k]
            nest.tile[i, x] = counted.tile[n, k]
            nest.arriving[i, x] = counted.arriving[n, k]
            nest.leaving[i, x] = counted.leaving[n, k]
            nest.partition[i, x] = counted.partition[n, k]
            held = lookup.class_content[lookup.first_class[k] + counted.tile_class[n, k]]
            content.density[i, x] = lookup.reals[held, 0]
            content.present[i, x] = lookup.reals[held, 1]
            content.row_waste[i, x] = lookup.reals[held, 2]
            for rank in range(lookup.words.shape[1]):
                content.words[i, x, rank, 0] = lookup.words[held, rank, 0]
                content.words[i, x, rank, 1] = lookup.words[held, rank, 1]
            content.ranks[i, x] = lookup.ranks[k]
            content.has_metadata[i, x] = lookup.ranks[k] > 0
        for i in range(levels):
            nest.instances[i] = counted.instances[n, i]
            nest.state[i, 0] = counted.state[n, i, 0]
            nest.state[i, 1] = counted.state[n, i, 1]
        nest.instances[levels] = counted.instances[n, levels]
        fill_compute_class(lookup, np.int64(counted.compute_class[n]), nest, content)
        needed = compute_cycles[place] = evaluate_row(plan, rules, whole, nest, content, row)
        total = fixed[place]
        for i in range(levels):
            needed = max(needed, row.level_cycles[i])
            for x in range(tensors):
                if nest.tile[i, x] == 0:
                    continue
                pj = 0.0
                for action in range(ACTIONS):
                    pj += row.accesses[i, x, action] * prices.storage[i, x, action]
                total += pj * content.present[i, x] * counted.used[n, i]
        for outcome in range(3):
            total += row.computes[outcome] * prices.compute[outcome]
        energy[place] = total + prices.cycle * needed
        cycles[place] = needed
