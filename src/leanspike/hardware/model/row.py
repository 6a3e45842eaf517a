"""From dense counts and tile contents to accesses, computes and cycles of one row.

:func:`evaluate_row` is all the arithmetic that follows once the loops are counted and the tiles'
contents are known; the evaluation of a single mapping and the search over millions both call it.

For every level and tensor the dense reads, fills and updates are thinned twice, and all that
follows is exact in expectation:

1. where a level has metadata about a tensor, values that are zero are never touched;
2. what conditions stop (:mod:`~leanspike.hardware.model.survival`) is skipped or gated where they
   stop it, and never reaches the levels inside. A row of several values is accessed when any of
   them is.

Computes follow the operands that arrive, and the compute unit's own gating and skipping. A level
then takes as long as one of its instances needs to move its bits at its bandwidth. What Sparseloop
does instead is :mod:`leanspike.hardware.sparseloop.actions`.
"""

from __future__ import annotations

from math import ceil

import numpy as np

from leanspike.arrays import Ints, Reals
from leanspike.hardware.compiling import helper, inlined
from leanspike.hardware.model.actions import (
    ACTIONS,
    ACTUAL,
    ARRIVES,
    ARRIVES_FIRST,
    ARRIVES_LAST,
    FILL,
    GATED,
    GATES,
    INSIDE,
    KINDS,
    LEFT,
    LET,
    LET_REAL,
    METADATA,
    NOT_SKIPPED,
    NOT_SKIPPED_REAL,
    NOTHING,
    PACKED,
    READ,
    SKIPPED,
    SKIPS,
    UNPACKED,
    UPDATE,
    WIRE,
    ContentArrays,
    NestArrays,
    Row,
    RowPlan,
    RowRules,
    metadata_bits,
)
from leanspike.hardware.model.imbalance import waiting_factor
from leanspike.hardware.model.leader_tiles import (
    FINISHED_ROW,
    FIRST_ROW,
    FIRST_VALUE,
    LAST_ROW,
    LAST_VALUE,
    ROW,
    VALUE,
)
from leanspike.hardware.sparseloop.actions import sparseloop_actions, sparseloop_computes
from leanspike.hardware.sparseloop.cycles import sparseloop_cycles

# What an operand of a compute is: a value, a zero that arrives, one that metadata leaves out, or
# padding, which is nowhere.
_VALUE, _ZERO, _LEFT_OUT, _PADDING = 0, 1, 2, 3


@helper
def evaluate_row(
    plan: RowPlan,
    rules: RowRules,
    whole: bool | None,
    nest: NestArrays,
    content: ContentArrays,
    row: Row,
) -> float:
    """Fill a row and return the cycles the compute units need.

    ``whole`` is None where accesses are thinned by the physical rules. Under Sparseloop's it says
    whether they round to whole accesses: the search's bounds start from what is not rounded.
    numba compiles none of the rules that the type of ``whole`` leaves out.
    """
    levels, tensors = nest.tile.shape
    physical = whole is None
    dense_counts(plan, rules, rules.drain_reads and physical, nest, row.dense)
    if whole is None:
        count_actions(plan, rules, nest, content, row)
        count_computes(plan, content, rules.gating_keeps_cycles, row.computes)
    else:
        _sparseloop_actions(plan, rules, whole, nest, content, row)
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
    cycles = (row.computes[0] + row.computes[1]) / nest.instances[levels]
    if nest.slowest >= 0.0:
        cycles = nest.slowest
    else:
        cycles *= row_waiting(plan, rules, physical, content, nest.pass_shape)
    state = np.zeros((levels, 2))
    for level in range(len(nest.state)):
        for way in range(2):
            state[level, way] = nest.state[level, way] * plan.state_size[level]
    if whole is None:
        storage_accesses(plan, nest.tile, content.row_waste, packs, False, row)
        moved_bits(plan, nest.tile, content, state, row)
        for level in range(levels):
            row.level_cycles[level] = cycles_to_move(
                row.demand[level], plan.bandwidth[level], cycles
            )
    else:
        storage_accesses(plan, nest.tile, content.row_waste, packs, whole, row)
        cycles = float(ceil(cycles)) if whole else cycles
        for level in range(levels):
            row.level_cycles[level] = sparseloop_cycles(
                level, plan, nest, content.present, state, cycles, whole, row
            )
    return cycles


@inlined
def dense_counts(
    plan: RowPlan, rules: RowRules, drains: bool, nest: NestArrays, dense: Reals
) -> None:
    """Fill dense reads, fills and updates of one instance, [L, X, 3].

    A partial sum's first use needs no read, and no fill unless ``first_fill``. With ``drains``
    what leaves for the level outside is read first. Of outputs that enter a level finished the
    share ``leaving_share`` [L] is left by the pooling before neurons.
    """
    for level in range(nest.tile.shape[0]):
        for x in range(nest.tile.shape[1]):
            arriving, leaving = nest.arriving[level, x], nest.leaving[level, x]
            if x != plan.written:
                dense[level, x, READ], dense[level, x, FILL] = leaving, arriving
                dense[level, x, UPDATE] = 0.0
                continue
            first = nest.partition[level, x]
            dense[level, x, READ] = leaving - first
            gone = first * (1.0 - plan.leaving_share[level])
            if drains and arriving > 0:
                dense[level, x, READ] += arriving - gone
            dense[level, x, UPDATE] = leaving - gone
            skipped = 0 if rules.first_fill or arriving == 0 else first
            dense[level, x, FILL] = arriving - skipped


@inlined
def row_waiting(
    plan: RowPlan, rules: RowRules, physical: bool, content: ContentArrays, shape: Ints
) -> float:
    """Return how much longer the units take than if they shared the computes left evenly.

    ``shape`` [5] is a pass. Units skip on their own what a condition inside them skips, and what
    the compute unit itself skips; those that wait for the same values skip together.
    """
    if plan.inside < 0 or shape[0] == 0:
        return 1.0
    there = np.ones(2)
    for k in range(2):
        x = plan.operands[k]
        if physical:
            # Reads of operand k wait for the other operand.
            there[1 - k] = min(there[1 - k], content.shares[x, plan.operands[1 - k], INSIDE])
        else:
            for level in range(plan.inside, content.remedy.shape[0]):
                if content.remedy[level, x] == SKIPS:
                    there[1 - k] = min(there[1 - k], 1.0 - content.p_left[level, x])
        if plan.skips and content.has_metadata[plan.innermost[k], x]:
            there[k] = min(there[k], content.operand_density[k] * plan.real[k])
    units = np.int64(1)
    for k in range(2):
        if there[k] < 1.0:
            units *= shape[3 + k]
    return waiting_factor(shape[0], float(shape[1]), float(shape[2]), there[0], there[1], units)


@inlined
def count_actions(
    plan: RowPlan, rules: RowRules, nest: NestArrays, content: ContentArrays, row: Row
) -> None:
    """Thin the dense counts of every level and tensor: values, rows, their bits, metadata words.

    ``nest.partition`` is the different values an instance ever holds: of outputs, the first uses.
    """
    levels, tensors = nest.tile.shape
    done = np.empty(KINDS)
    for x in range(tensors):
        for level in range(levels):
            count, rows, bits = row.data[level, x], row.rows[level, x], row.bits[level, x]
            for kind in range(KINDS):
                count[kind] = rows[kind] = bits[kind] = done[kind] = 0.0
                for rank in range(row.metadata.shape[3]):
                    row.metadata[level, x, kind, rank, 0] = 0.0
                    row.metadata[level, x, kind, rank, 1] = 0.0
            if nest.tile[level, x] == 0:
                continue
            left, size = content.survive[level, x], plan.block[level, x]
            came, sent = nest.arriving[level, x], nest.leaving[level, x]
            # An output that is reached for the first time is not read, and not filled.
            new = float(nest.partition[level, x]) if x == plan.written else 0.0
            _divide(left, sent, new, VALUE, FIRST_VALUE, ARRIVES_FIRST, 1.0, READ, count)
            _divide(left, sent, new, ROW, FIRST_ROW, ARRIVES_FIRST, size, READ, rows)
            fills = came * left[ARRIVES]
            if not rules.first_fill and came > 0.0:
                fills -= new * left[ARRIVES_FIRST]
            count[FILL], rows[FILL] = fills, fills / size
            if x == plan.written:
                # Each output enters a level finished once; its other updates are partial sums. Of
                # the finished ones pooling before the neurons leaves a share.
                share, packed = plan.leaving_share[level], plan.finished_block[level]
                others = new * (1.0 - share)
                _divide(left, sent, others, VALUE, LAST_VALUE, ARRIVES_LAST, 1.0, UPDATE, count)
                _divide(left, sent, new, ROW, LAST_ROW, ARRIVES_LAST, size, UPDATE, rows)
                _divide(
                    left, 0.0, -new * share, ROW, FINISHED_ROW, ARRIVES_LAST, packed, UPDATE, done
                )
                if rules.drain_reads and came > 0.0:
                    # What leaves for the level outside is read here first.
                    last = new * left[ARRIVES_LAST]
                    count[READ] += came * left[ARRIVES] - last * (1.0 - share)
                    rows[READ] += (came * left[ARRIVES] - last) / size
                    done[READ] += last * share / packed
            for kind in range(KINDS):
                bits[kind] = rows[kind] * plan.row_bits[level, x]
                if x == plan.written:
                    bits[kind] += done[kind] * plan.finished_row_bits[level]
                    rows[kind] += done[kind]
            if not content.has_metadata[level, x]:
                continue
            for kind in range(KINDS):
                for rank in range(content.words.shape[2]):
                    for part in range(2):
                        per_value = content.words[level, x, rank, part] / nest.tile[level, x]
                        row.metadata[level, x, kind, rank, part] = count[kind] * per_value
            all_left = left[LEFT + 2 * VALUE + 1]
            if not rules.chained_metadata and all_left < left[ARRIVES] < 1.0:
                for rank in range(content.words.shape[2]):
                    for part in range(2):
                        updates = row.metadata[level, x, UPDATE, rank, part]
                        row.metadata[level, x, READ, rank, part] = updates
            for kind in range(KINDS):
                count[kind] *= content.density[level, x]
                rows[kind] *= content.density[level, x]
                bits[kind] *= content.density[level, x]


@inlined
def _divide(
    left: Reals,
    count: float,
    but: float,
    variant: int,
    but_variant: int,
    but_arrives: int,
    size: float,
    kind: int,
    parts: Reals,
) -> None:
    """Fill the actual, gated and skipped of all accesses but the ``but`` first or last of them.

    ``parts`` [KINDS] are filled at ``kind``, divided by the values of a row (``size``).
    """
    skipping = count * left[LEFT + 2 * variant]
    skipping -= but * left[LEFT + 2 * but_variant]
    actual = count * left[LEFT + 2 * variant + 1]
    actual -= but * left[LEFT + 2 * but_variant + 1]
    skipped = count * left[ARRIVES] - but * left[but_arrives] - skipping
    parts[kind] = actual / size
    parts[kind + GATED] = (skipping - actual) / size
    parts[kind + SKIPPED] = skipped / size


@inlined
def count_computes(
    plan: RowPlan, content: ContentArrays, gating_keeps_cycles: bool, outcome: Reals
) -> None:
    """Split the computes of two operands into actual, gated and skipped, [3].

    Padding is never an accumulate: a unit that does not skip is idle for its cycle. With
    ``gating_keeps_cycles`` what gating stops still passes through the unit, doing nothing.
    """
    shares, operands, real = content.shares, plan.operands, plan.real
    state = np.empty((2, 4))
    outcome[0] = outcome[1] = outcome[2] = 0.0
    share = real[0] * real[1]
    for padding in range(2):
        padded = padding == 1
        # Computes that meet padding, and those that do not: apart from that operands and what
        # conditions on them find are independent.
        part = 1.0 - share if padded else share
        if part <= 0.0:
            continue
        everything = arriving = plan.computes * part
        for x in range(len(shares)):
            # Conditions on the outputs stop no computes.
            let = _least(shares, operands, x, LET, LET_REAL, padded) / part
            everything *= _least(shares, operands, x, NOT_SKIPPED, NOT_SKIPPED_REAL, padded) / part
            if x == plan.written:
                arriving *= let
                continue
            k = 0 if x == operands[0] else 1
            for a in range(4):
                state[k, a] = 0.0
            if padded and real[k] < 1.0:
                state[k, _PADDING] = let
                continue
            known = content.has_metadata[plan.innermost[k], operands[k]]
            density = content.operand_density[k]
            state[k, _VALUE] = min(density, let)
            state[k, _LEFT_OUT if known else _ZERO] = max(0.0, let - density)
        for a in range(4):
            for b in range(4):
                count = arriving * state[0, a] * state[1, b]
                everything -= count
                if a >= _LEFT_OUT and b >= _LEFT_OUT:
                    continue
                if a == _VALUE and b == _VALUE:
                    outcome[0] += count
                elif plan.skips and (a >= _LEFT_OUT or b >= _LEFT_OUT):
                    outcome[2] += count
                elif plan.gates or a == _PADDING or b == _PADDING:
                    outcome[1] += count
                else:
                    outcome[0] += count
        if gating_keeps_cycles:
            outcome[1] += max(0.0, everything)


@inlined
def _least(
    shares: Reals, operands: Ints, leader: int, column: int, real_column: int, padded: bool
) -> float:
    """Return the least that conditions on an operand let through of computes with padding, or of
    those without.
    """
    least = 1.0
    for k in range(2):
        x = operands[k]
        share = shares[x, leader, real_column]
        if padded:
            share = shares[x, leader, column] - share
        least = share if k == 0 else min(least, share)
    return least


@inlined
def storage_accesses(
    plan: RowPlan, tile: Ints, row_waste: Reals, packs: Reals, whole: bool, row: Row
) -> None:
    """Fill the accesses of one instance per action, [L, X, ACTIONS], of rows rather than values.

    ``packs`` [L, X, 2] are the values unpacked and packed; ``whole`` rounds up. A level whose
    metadata rows have no width reads its metadata for nothing.
    """
    levels, tensors = tile.shape
    for level in range(levels):
        for x in range(tensors):
            for action in range(ACTIONS):
                row.accesses[level, x, action] = 0.0
            if tile[level, x] == 0:
                continue
            for kind in range(KINDS):
                rows = row.rows[level, x, kind]
                rows = ceil(rows) if whole else rows
                row.accesses[level, x, kind] = rows * row_waste[level, x]
                width = plan.metadata_width[level]
                if width > 0:
                    words = metadata_bits(row.metadata, plan.word_bits, level, x, kind) / width
                    row.accesses[level, x, METADATA + kind] = ceil(words) if whole else words
            row.accesses[level, x, UNPACKED] = packs[level, x, 0]
            row.accesses[level, x, PACKED] = packs[level, x, 1]
            for kind in range(3):
                row.accesses[level, x, WIRE] += row.data[level, x, kind]


@inlined
def moved_bits(plan: RowPlan, tile: Ints, content: ContentArrays, state: Reals, row: Row) -> None:
    """Fill the bits that one instance of every level reads and writes, [L, 2].

    Actual and gated accesses of rows and of metadata count, skipped ones do not. ``state`` [L, 2]
    are the bits of membranes read and written.
    """
    for level in range(tile.shape[0]):
        reads, writes = state[level, 0], state[level, 1]
        for x in range(tile.shape[1]):
            if tile[level, x] == 0:
                continue
            for kind in range(3):
                moved = row.bits[level, x, kind] + row.bits[level, x, kind + GATED]
                metadata = row.accesses[level, x, METADATA + kind]
                metadata += row.accesses[level, x, METADATA + kind + GATED]
                moved = moved * content.row_waste[level, x]
                moved += metadata * plan.metadata_width[level]
                if kind == READ:
                    reads += moved * content.present[level, x]
                else:
                    writes += moved * content.present[level, x]
        row.demand[level, 0], row.demand[level, 1] = reads, writes


@inlined
def cycles_to_move(demand: Reals, bandwidth: Reals, compute_cycles: float) -> float:
    """Return the cycles one level needs: the compute's, or more where its bandwidth is short.

    ``demand`` is bits read and written, [2]; ``bandwidth`` read, write and shared bits per cycle
    of one instance, [3], infinite where there is no limit.
    """
    moving = max(demand[0] / bandwidth[0], demand[1] / bandwidth[1])
    return max(compute_cycles, moving, (demand[0] + demand[1]) / bandwidth[2])


@inlined
def _sparseloop_actions(
    plan: RowPlan,
    rules: RowRules,
    whole: bool,
    nest: NestArrays,
    content: ContentArrays,
    row: Row,
) -> None:
    """Fill values, rows, metadata and computes by Sparseloop's rules."""
    let_through = sparseloop_actions(
        plan, nest.tile, content, whole, rules.chained_metadata, row.dense, row.data, row.metadata
    )
    levels, tensors = nest.tile.shape
    for level in range(levels):
        for x in range(tensors):
            for kind in range(KINDS):
                row.rows[level, x, kind] = row.data[level, x, kind] / plan.block[level, x]
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
