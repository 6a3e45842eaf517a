"""From dense counts and tile contents to accesses, computes and cycles: one compiled call.

A *row* is one mapping under one configuration. :func:`evaluate_row` is all the arithmetic that
follows once the nest is counted and the tiles' contents are looked up; the readable evaluation of
a single mapping and the search over millions both call it.
"""

from __future__ import annotations

from math import ceil
from typing import NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from leanspike.hardware.architecture.architecture import STORAGE_ACTIONS
from leanspike.hardware.model.actions import (
    ACTUAL,
    FILL,
    GATED,
    GATES,
    INSIDE,
    NOTHING,
    READ,
    SHARES,
    SKIPPED,
    SKIPS,
    SURVIVALS,
    UPDATE,
    count_actions,
    count_computes,
)
from leanspike.hardware.model.cycles import storage_accesses
from leanspike.hardware.model.imbalance import waiting_factor
from leanspike.hardware.model.level_time import cycles_to_move, moved_bits
from leanspike.hardware.sparseloop.actions import sparseloop_actions, sparseloop_computes
from leanspike.hardware.sparseloop.cycles import sparseloop_cycles

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]
Bools = NDArray[np.bool_]


_NO_PASS = np.zeros(5, np.int64)
_NO_STATE = np.zeros((0, 2))


class RowPlan(NamedTuple):
    """What no mapping changes; shapes as in :class:`~leanspike.hardware.model.plan.Plan`.

    ``operands`` are the two tensors a compute reads, ``innermost`` the levels they come from;
    ``real`` [2] is the fraction of all computes that meet a value of theirs rather than padding.
    ``parent`` [L, X] is the next level outside that keeps a tensor, or -1; ``finished_block`` [L]
    is the outputs per row as they enter a level finished. ``row_bits`` [L, X] and
    ``finished_row_bits`` [L] are the bits of an access, ``state_size`` [L] those of a membrane
    value (1 under Sparseloop's rules). Of the outputs that enter a level finished only the share
    ``leaving_share`` [L] leaves the neurons. ``inside`` is the first level inside the
    innermost fan-out, whose instances wait for each other; -1 where they share work evenly.
    """

    written: int
    operands: Ints
    innermost: Ints
    real: Reals
    parent: Ints
    compressed: Bools
    block: Reals
    finished_block: Reals
    row_bits: Reals
    finished_row_bits: Reals
    state_size: Reals
    leaving_share: Reals
    value_bits: Reals
    word_bits: Reals
    metadata_width: Ints
    bandwidth: Reals
    gates: bool
    skips: bool
    computes: float
    inside: int


class RowRules(NamedTuple):
    """The switches of :class:`~leanspike.hardware.semantics.Semantics` that rows depend on.

    ``sparseloop`` is whether accesses are thinned by Sparseloop's rules, ``whole_accesses``
    whether these round: the search's bounds start from what is not rounded.
    """

    sparseloop: bool
    whole_accesses: bool
    chained_metadata: bool
    first_fill: bool
    gating_keeps_cycles: bool
    drain_reads: bool


class NestArrays(NamedTuple):
    """Dense counts of one instance, [L, X] and [L + 1]; see ``nest_counts``.

    ``pass_shape`` [5] is what compute units do between two deliveries (see
    :func:`~leanspike.hardware.model.imbalance.pass_shape`); zeros: units do not wait. ``slowest``
    is the cycles of the slowest units of all passes where they are known, else negative. ``state``
    [L, 2] are the membrane values that one instance reads and writes; empty without neurons.
    """

    tile: Ints
    arriving: Reals
    leaving: Reals
    partition: Ints
    instances: Ints
    pass_shape: Ints = _NO_PASS
    slowest: float = -1.0
    state: Reals = _NO_STATE


class ContentArrays(NamedTuple):
    """What tiles hold, and what conditions leave of their traffic.

    ``density``, ``present`` and ``row_waste`` [L, X], ``words`` [L, X, R, 2], ``has_metadata`` and
    ``ranks`` [L, X] as in :class:`~leanspike.hardware.model.contents.Content`;
    ``operand_density`` [2]; ``survive`` [L, X, SURVIVALS] as in ``count_actions`` and ``shares``
    [X, X, SHARES] as in ``count_computes``. Under Sparseloop's rules ``remedy`` and ``p_left``
    [L, X] say what levels do about reads and how often.
    """

    density: Reals
    present: Reals
    row_waste: Reals
    words: Reals
    has_metadata: Bools
    ranks: Ints
    operand_density: Reals
    survive: Reals
    shares: Reals
    remedy: Ints
    p_left: Reals


class RowConditions(NamedTuple):
    """The fields of :class:`ContentArrays` that follow from conditions."""

    survive: Reals
    shares: Reals
    remedy: Ints
    p_left: Reals


def no_conditions(shape: tuple[int, int]) -> RowConditions:
    """Return what holds without conditions, for [L, X] levels and tensors."""
    return RowConditions(
        survive=np.ones((*shape, SURVIVALS)),
        shares=np.ones((shape[1], shape[1], SHARES)),
        remedy=np.zeros(shape, np.int64),
        p_left=np.zeros(shape),
    )


class Row(NamedTuple):
    """What is filled: dense [L, X, 3], data, rows and bits [L, X, 9] (values, their rows, and what
    these rows hold), metadata [L, X, 9, R, 2], accesses [L, X, 21], instances [L, X] (those that
    hold a tile), computes [3] (actual, gated, skipped), demand [L, 2] (bits that one instance
    reads and writes; values under Sparseloop's rules) and level_cycles [L].
    """

    dense: Reals
    data: Reals
    rows: Reals
    bits: Reals
    metadata: Reals
    accesses: Reals
    instances: Reals
    computes: Reals
    demand: Reals
    level_cycles: Reals


def empty_row(levels: int, tensors: int, ranks: int) -> Row:
    """Return arrays for one row, to be filled again and again."""
    return Row(
        dense=np.zeros((levels, tensors, 3)),
        data=np.zeros((levels, tensors, 9)),
        rows=np.zeros((levels, tensors, 9)),
        bits=np.zeros((levels, tensors, 9)),
        metadata=np.zeros((levels, tensors, 9, ranks, 2)),
        accesses=np.zeros((levels, tensors, len(STORAGE_ACTIONS))),
        instances=np.zeros((levels, tensors)),
        computes=np.zeros(3),
        demand=np.zeros((levels, 2)),
        level_cycles=np.zeros(levels),
    )


@njit(cache=True)
def evaluate_row(
    plan: RowPlan, rules: RowRules, nest: NestArrays, content: ContentArrays, row: Row
) -> float:
    """Fill a row and return the cycles the compute units need."""
    levels, tensors = nest.tile.shape
    whole = rules.whole_accesses
    dense_counts(plan.written, rules, plan.leaving_share, nest, row.dense)
    if rules.sparseloop:
        _sparseloop_actions(plan, rules, nest, content, row)
    else:
        count_actions(
            plan.written, rules.first_fill, rules.drain_reads, rules.chained_metadata, nest.tile,
            nest.arriving, nest.leaving, nest.partition, content.has_metadata, content.density,
            content.words, content.survive, plan.leaving_share, plan.block, plan.finished_block,
            plan.row_bits, plan.finished_row_bits, row.data, row.rows, row.bits, row.metadata,
        )  # fmt: skip
        known = np.array(
            [content.has_metadata[plan.innermost[k], plan.operands[k]] for k in range(2)]
        )
        count_computes(
            plan.computes, plan.operands, plan.written, content.operand_density, known,
            content.shares, plan.real, plan.gates, plan.skips, rules.gating_keeps_cycles,
            row.computes,
        )  # fmt: skip
    packs = np.zeros((levels, tensors, 2))
    for level in range(levels):
        for x in range(tensors):
            row.instances[level, x] = nest.instances[level] * content.present[level, x]
            outer = plan.parent[level, x]
            if nest.tile[level, x] == 0 or outer < 0 or plan.compressed[level, x]:
                continue
            if plan.compressed[outer, x]:
                # Unpacked on the way in, and outputs packed on the way out.
                packs[level, x, 0] = row.data[level, x, FILL]
                if x == plan.written:
                    packs[level, x, 1] = row.data[outer, x, UPDATE]
    storage_accesses(
        nest.tile, row.data, row.rows, row.metadata, content.row_waste, plan.word_bits,
        plan.metadata_width, packs, whole, row.accesses,
    )  # fmt: skip
    cycles = (row.computes[0] + row.computes[1]) / nest.instances[levels]
    if nest.slowest >= 0.0:
        cycles = nest.slowest
    else:
        cycles *= row_waiting(plan, rules, content, nest.pass_shape)
    if whole:
        cycles = float(ceil(cycles))
    state = np.zeros((levels, 2))
    for level in range(len(nest.state)):
        state[level] = nest.state[level] * plan.state_size[level]
    for level in range(levels):
        if rules.sparseloop:
            row.level_cycles[level] = sparseloop_cycles(
                level, nest.tile, row.data, row.metadata, plan.word_bits, plan.value_bits,
                float(nest.instances[level]), content.present, state, plan.bandwidth[level],
                cycles, whole, row.demand,
            )  # fmt: skip
        else:
            moved_bits(
                level, nest.tile, row.bits, content.row_waste, row.accesses, plan.metadata_width,
                content.present, state, row.demand,
            )  # fmt: skip
            row.level_cycles[level] = cycles_to_move(
                row.demand[level], plan.bandwidth[level], cycles
            )
    return cycles


@njit(cache=True)
def dense_counts(
    written: int, rules: RowRules, leaving_share: Reals, nest: NestArrays, dense: Reals
) -> None:
    """Fill dense reads, fills and updates of one instance, [L, X, 3].

    A partial sum's first use needs no read, and no fill unless ``first_fill``. With
    ``drain_reads`` what leaves for the level outside is read first. Of outputs that enter a level
    finished the share ``leaving_share`` [L] is left by the pooling before neurons.
    """
    for level in range(nest.tile.shape[0]):
        for x in range(nest.tile.shape[1]):
            arriving, leaving = nest.arriving[level, x], nest.leaving[level, x]
            if x != written:
                dense[level, x, READ], dense[level, x, FILL] = leaving, arriving
                dense[level, x, UPDATE] = 0.0
                continue
            first = nest.partition[level, x]
            dense[level, x, READ] = leaving - first
            gone = first * (1.0 - leaving_share[level])
            if rules.drain_reads and not rules.sparseloop and arriving > 0:
                dense[level, x, READ] += arriving - gone
            dense[level, x, UPDATE] = leaving - gone
            skipped = 0 if rules.first_fill or arriving == 0 else first
            dense[level, x, FILL] = arriving - skipped


@njit(cache=True)
def row_waiting(plan: RowPlan, rules: RowRules, content: ContentArrays, shape: Ints) -> float:
    """Return how much longer the units take than if they shared the computes left evenly.

    ``shape`` [5] is a pass. Units skip on their own what a condition inside them skips, and what
    the compute unit itself skips; those that wait for the same values skip together.
    """
    if plan.inside < 0 or shape[0] == 0:
        return 1.0
    there = np.ones(2)
    for k in range(2):
        x = plan.operands[k]
        if rules.sparseloop:
            for level in range(plan.inside, content.remedy.shape[0]):
                if content.remedy[level, x] == SKIPS:
                    there[1 - k] = min(there[1 - k], 1.0 - content.p_left[level, x])
        else:
            # Reads of operand k wait for the other operand.
            there[1 - k] = min(there[1 - k], content.shares[x, plan.operands[1 - k], INSIDE])
        if plan.skips and content.has_metadata[plan.innermost[k], x]:
            there[k] = min(there[k], content.operand_density[k] * plan.real[k])
    units = 1
    for k in range(2):
        if there[k] < 1.0:
            units *= shape[3 + k]
    return waiting_factor(shape[0], float(shape[1]), float(shape[2]), there[0], there[1], units)


@njit(cache=True)
def _sparseloop_actions(
    plan: RowPlan, rules: RowRules, nest: NestArrays, content: ContentArrays, row: Row
) -> None:
    """Fill values, rows, metadata and computes by Sparseloop's rules."""
    whole = rules.whole_accesses
    let_through = sparseloop_actions(
        plan.written, nest.tile, row.dense, content.has_metadata, content.ranks, content.density,
        content.words, content.remedy, content.p_left, whole, rules.chained_metadata,
        plan.computes, row.data, row.metadata,
    )  # fmt: skip
    levels, tensors = nest.tile.shape
    for level in range(levels):
        for x in range(tensors):
            row.rows[level, x] = row.data[level, x] / plan.block[level, x]
        updates = row.dense[level, plan.written, UPDATE]
        if updates > 0:
            # Each output enters a level finished once; its other updates there are partial sums.
            finished = nest.partition[level, plan.written] * plan.leaving_share[level]
            rows = finished / plan.finished_block[level]
            rows += (updates - finished) / plan.block[level, plan.written]
            for outcome in (ACTUAL, GATED, SKIPPED):
                values = row.data[level, plan.written, UPDATE + outcome]
                # Divided by the values in a row, as rounding up sees it.
                row.rows[level, plan.written, UPDATE + outcome] = values / (updates / rows)
    known, followed = np.zeros(2, np.bool_), np.zeros(2, np.bool_)
    chances = np.zeros(2)
    gated_away, not_skipped = False, 1.0
    for k in range(2):
        x = plan.operands[k]
        known[k] = content.has_metadata[plan.innermost[k], x]
        for level in range(levels):
            if content.remedy[level, x] != NOTHING:
                followed[k] = True
                chances[k] = content.p_left[level, x]
                if content.remedy[level, x] == GATES:
                    gated_away = True
                elif content.remedy[level, x] == SKIPS:
                    not_skipped = min(not_skipped, 1.0 - content.p_left[level, x])
        if whole:
            chances[k] = round(chances[k], 6)
    sparseloop_computes(
        let_through, content.operand_density, known, followed, chances, plan.gates, plan.skips,
        whole, row.computes,
    )  # fmt: skip
    if rules.gating_keeps_cycles and gated_away:
        # What gating takes away still passes through the unit, doing nothing.
        row.computes[1] += max(0.0, plan.computes * not_skipped - let_through)
