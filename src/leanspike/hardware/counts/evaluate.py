"""All counts of one mapping: from the loop nest to accesses per action and cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.hardware.counts.actions import (
    FILL,
    GATES,
    NOTHING,
    READ,
    UPDATE,
    count_actions,
    count_computes,
)
from leanspike.hardware.counts.content import (
    Content,
    dense_content,
    physical_content,
    sparseloop_content,
)
from leanspike.hardware.counts.geometry import rank_geometry
from leanspike.hardware.counts.leader import leader_sizes
from leanspike.hardware.counts.nest import list_loops, nest_counts, tile_size
from leanspike.hardware.counts.plan import Plan, values_per_row
from leanspike.hardware.counts.totals import level_cycles, storage_accesses
from leanspike.hardware.density import DensityModel
from leanspike.hardware.mapping import Mapping
from leanspike.hardware.semantics import Semantics

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class Nest:
    """Dense counts of one mapping, per instance; see :func:`nest_counts`."""

    tile: Ints
    arriving: Ints
    leaving: Ints
    partition: Ints
    instances: Ints
    cycles: int

    def dense(self, written: int, *, first_fill: bool) -> Reals:
        """Return dense reads, fills and updates of one instance, [L, X, 3].

        A partial sum's first use needs no read, and no fill unless ``first_fill``.
        """
        counts = np.zeros((*self.tile.shape, 3))
        counts[..., READ] = self.leaving
        counts[..., FILL] = self.arriving
        outputs = counts[:, written]
        outputs[:, UPDATE] = self.leaving[:, written]
        outputs[:, READ] -= self.partition[:, written]
        if not first_fill:
            filled = self.arriving[:, written] > 0
            outputs[:, FILL] -= np.where(filled, self.partition[:, written], 0)
        return counts


@dataclass(frozen=True)
class Evaluation:
    """Counts of one mapping under one configuration.

    Per-instance counts; totals follow by ``instances`` (those that hold a tile, on average).

    Attributes
    ----------
    nest
        Dense counts.
    contents
        What the tiles hold, by level and tensor; None where a level keeps nothing.
    dense, data
        Reads, fills, updates: dense [L, X, 3]; actual, gated and skipped [L, X, 9].
    metadata
        The same of metadata words, [L, X, 9, R, 2].
    accesses
        Rows accessed per storage action, [L, X, 20].
    instances
        Average instances holding a tile, [L, X].
    computes
        Actual, gated and skipped, over all units, [3].
    compute_cycles, level_cycles, cycles
        Cycles the compute units need, each level needs, and the layer takes.
    word_bits
        Bits of the metadata words, [L, X, R, 2].
    """

    nest: Nest
    contents: tuple[tuple[Content | None, ...], ...]
    dense: Reals
    data: Reals
    metadata: Reals
    accesses: Reals
    instances: Reals
    computes: Reals
    compute_cycles: float
    level_cycles: Reals
    cycles: float
    word_bits: Reals


def evaluate(
    plan: Plan,
    mapping: Mapping,
    models: Sequence[DensityModel],
    semantics: Semantics,
    *,
    dense: bool = False,
) -> Evaluation:
    """Count everything one mapping makes the hardware do.

    Parameters
    ----------
    models
        Where each tensor's non-zeros lie, in the problem's order.
    dense
        Whether to ignore all zeros, as Timeloop does for an input without sparse optimizations.

    Raises
    ------
    InputError
        When the mapping does not fit the problem, the array or the formats.
    """
    levels, tensors = plan.keep.shape
    mapping.check(plan.problem, levels)
    check_mesh(plan, mapping)
    nest = count_nest(plan, mapping, exact=semantics.exact_overlap)
    counts = nest.dense(plan.problem.written, first_fill=semantics.first_fill)
    contents = _contents(plan, mapping, nest, models, semantics, dense=dense)
    whole = semantics.whole_accesses
    has_metadata = np.array(
        [[content is not None and len(content.words) > 0 for content in row] for row in contents]
    )
    ranks = np.array([[len(c.words) if c else 0 for c in row] for row in contents], np.int64)
    most = max(1, int(ranks.max()))
    words = np.zeros((levels, tensors, most, 2))
    density, present, waste = (np.ones((levels, tensors)) for _ in range(3))
    for i, row in enumerate(contents):
        for x, content in enumerate(row):
            if content is not None:
                words[i, x, : len(content.words)] = content.words
                density[i, x] = content.density
                present[i, x] = content.present
                waste[i, x] = content.row_waste
    word_bits = plan.word_bits if whole else np.ones((levels, tensors, most, 2))
    word_bits = word_bits[:, :, :most]
    remedy, p_left = (
        (np.zeros((levels, tensors), np.int64), np.zeros((levels, tensors)))
        if dense
        else _left_alone(plan, mapping, models, semantics)
    )
    data = np.zeros((levels, tensors, 9))
    metadata = np.zeros((levels, tensors, 9, most, 2))
    let_through = count_actions(
        plan.problem.written, nest.tile, counts, has_metadata, ranks, density, words, remedy,
        p_left, whole, semantics.chained_metadata, float(plan.problem.computes), data, metadata,
    )  # fmt: skip
    computes = _computes(plan, let_through, models, has_metadata, remedy, p_left, semantics, dense)
    instances = nest.instances[:-1, None] * present
    accesses = np.zeros((levels, tensors, 20))
    storage_accesses(
        nest.tile, data, metadata, _block(plan, nest, counts), waste, word_bits,
        plan.metadata_width, _packs(plan, data), whole, accesses,
    )  # fmt: skip
    busy = computes[0] + computes[1]
    compute_cycles = busy / nest.instances[-1]
    compute_cycles = float(ceil(compute_cycles)) if whole else compute_cycles
    per_level = np.array([
        level_cycles(
            i, nest.tile, data, metadata, word_bits, plan.value_bits, present, plan.bandwidth,
            compute_cycles, whole,
        )
        for i in range(levels)
    ])  # fmt: skip
    return Evaluation(
        nest=nest,
        contents=contents,
        dense=counts,
        data=data,
        metadata=metadata,
        accesses=accesses,
        instances=instances,
        computes=computes,
        compute_cycles=compute_cycles,
        level_cycles=per_level,
        cycles=max(compute_cycles, float(per_level.max())),
        word_bits=word_bits,
    )


def count_nest(plan: Plan, mapping: Mapping, *, exact: bool) -> Nest:
    """Count the dense traffic of a mapping."""
    shape = plan.keep.shape
    tile, arriving, leaving, partition = (np.zeros(shape, np.int64) for _ in range(4))
    instances = np.zeros(shape[0] + 1, np.int64)
    cycles = nest_counts(
        plan.problem.coefficients, plan.keep, mapping.factors, mapping.order, exact,
        tile, arriving, leaving, partition, instances,
    )  # fmt: skip
    return Nest(tile, arriving, leaving, partition, instances, int(cycles))


def _block(plan: Plan, nest: Nest, dense: Reals) -> Reals:
    """Return values per row by kind of access, [L, X, 3].

    Each output enters a level finished once; its other updates there are partial sums.
    """
    block = np.repeat(plan.block[:, :, None], 3, axis=2)
    x = plan.problem.written
    for i, level in enumerate(plan.architecture.levels):
        updates = dense[i, x, UPDATE]
        if updates == 0 or plan.finished_bits[i] == plan.value_bits[i, x]:
            continue
        finished = nest.partition[i, x]
        rows = finished / values_per_row(level.width, plan.finished_bits[i])
        rows += (updates - finished) / plan.block[i, x]
        block[i, x, UPDATE] = updates / rows
    return block


def check_mesh(plan: Plan, mapping: Mapping) -> None:
    """Raise InputError unless the mapping's spatial loops fit the array."""
    for i, level in enumerate(plan.architecture.levels):
        for axis, slot in ((0, 3 * i + 1), (1, 3 * i + 2)):
            wide = int(np.prod(mapping.factors[slot]))
            if wide > plan.mesh[i, axis]:
                raise InputError(
                    f"the mapping spreads {wide} instances along {'yx'[axis]}, "
                    f"expected at most {plan.mesh[i, axis]}",
                    where=f"level {level.name}",
                )


def _contents(
    plan: Plan,
    mapping: Mapping,
    nest: Nest,
    models: Sequence[DensityModel],
    semantics: Semantics,
    *,
    dense: bool,
) -> tuple[tuple[Content | None, ...], ...]:
    levels, tensors = plan.keep.shape
    rows: list[list[Content | None]] = [[None] * tensors for _ in range(levels)]
    most = plan.flattens.shape[2]
    for x in range(tensors):
        fiber = np.ones((levels, most), np.int64)
        under = np.ones((levels, most + 1), np.int64)
        if not dense and plan.ranks[:, x].any():
            fits = rank_geometry(
                plan.problem.coefficients, x, plan.keep, plan.ranks[:, x], plan.compressed[:, x],
                plan.flattens[x], plan.from_inside[:, x], mapping.factors, mapping.order, fiber,
                under,
            )  # fmt: skip
            if not fits:
                raise InputError(
                    f"the mapping has more loops over {plan.problem.tensors[x]} at a level than "
                    "its format has ranks",
                    where="mapping",
                )
        for i in range(levels):
            tile = int(nest.tile[i, x])
            if tile == 0:
                continue
            layout = plan.formats[i][x]
            block = max(1, int(plan.block[i, x]))
            if dense:
                rows[i][x] = dense_content(tile)
                continue
            n = len(layout.ranks) if layout else 0
            if semantics.whole_accesses:
                parent = plan.parent(i, x)
                rows[i][x] = sparseloop_content(
                    models[x], tile, fiber[i, :n], under[i, : n + 1], layout,
                    told=parent >= 0 and plan.formats[parent][x] is not None, block=block,
                )  # fmt: skip
            else:
                rows[i][x] = physical_content(
                    models[x], tile, fiber[i, :n], layout, block=block, semantics=semantics
                )
    return tuple(tuple(row) for row in rows)


def _left_alone(
    plan: Plan, mapping: Mapping, models: Sequence[DensityModel], semantics: Semantics
) -> tuple[Ints, Reals]:
    """Return what each level does about a tensor's reads and how often, both [L, X]."""
    levels, tensors = plan.keep.shape
    remedy = np.zeros((levels, tensors), np.int64)
    p_left = np.zeros((levels, tensors))
    coefficients = plan.problem.coefficients
    loops = np.empty((mapping.factors.size, 3), np.int64)
    count = list_loops(mapping.factors, mapping.order, loops)
    sizes = np.ones(len(plan.problem.dims), np.int64)
    fans_out = bool(plan.mesh[-1].prod() > 1)
    for follow in plan.follows:
        effective = 1.0
        block = max(1, int(plan.block[follow.level, follow.target]))
        for leader in follow.leaders:
            usable = leader_sizes(
                coefficients, follow.target, leader, follow.level,
                plan.child(follow.level, follow.target), block, mapping.factors,
                mapping.order, loops, count, fans_out, sizes,
            )  # fmt: skip
            if usable:
                tile = tile_size(coefficients, leader, sizes)
                effective *= 1.0 - float(models[leader].p_empty(np.array([tile]))[0])
        place = follow.level, follow.target
        # Two conditions on the same reads: the more effective one holds.
        if remedy[place] == NOTHING or p_left[place] < 1.0 - effective:
            remedy[place] = follow.remedy
            p_left[place] = round(1.0 - effective, 12)
    return remedy, p_left


def _computes(
    plan: Plan,
    let_through: float,
    models: Sequence[DensityModel],
    has_metadata: NDArray[np.bool_],
    remedy: Ints,
    p_left: Reals,
    semantics: Semantics,
    dense: bool,
) -> Reals:
    outcome = np.zeros(3)
    operands = [x for x in range(len(models)) if x != plan.problem.written]
    if dense:
        outcome[0] = let_through
        return outcome
    if len(operands) != 2:
        raise InputError(f"found {len(operands)} operands, expected two")
    digits = 6 if semantics.whole_accesses else 15
    density = np.array([round(models[x].density, digits) for x in operands])
    innermost = [int(np.flatnonzero(plan.keep[:, x])[-1]) for x in operands]
    known = np.array([has_metadata[i, x] for i, x in zip(innermost, operands, strict=True)])
    followed, chances = np.zeros(2, np.bool_), np.zeros(2)
    for k, x in enumerate(operands):
        acting = np.flatnonzero(remedy[:, x] != NOTHING)
        if len(acting):
            followed[k] = True
            chances[k] = round(p_left[acting[-1], x], digits)
    unit = plan.architecture.compute
    count_computes(
        let_through, density, known, followed, chances, unit.gates, unit.skips,
        semantics.whole_accesses, outcome,
    )  # fmt: skip
    if semantics.gating_keeps_cycles and any((remedy[:, x] == GATES).any() for x in operands):
        # What was gated away still passes through the unit, doing nothing.
        kept = plan.problem.computes - let_through
        skipping = [p_left[i, x] for x in operands for i in range(len(remedy)) if remedy[i, x] == 2]
        outcome[1] += kept if not skipping else 0.0
    return outcome


def _packs(plan: Plan, data: Reals) -> Reals:
    """Return the values unpacked on the way in and packed on the way out, [L, X, 2]."""
    packs = np.zeros((*plan.keep.shape, 2))
    for i in range(plan.keep.shape[0]):
        for x in range(plan.keep.shape[1]):
            outer = plan.parent(i, x)
            if not plan.keep[i, x] or plan.compressed[i, x] or outer < 0:
                continue
            if plan.compressed[outer, x]:
                packs[i, x, 0] = data[i, x, FILL]
                if x == plan.problem.written:
                    packs[i, x, 1] = data[outer, x, UPDATE]
    return packs
