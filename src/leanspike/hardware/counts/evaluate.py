"""All counts of one mapping: from the loop nest to accesses per action and cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.hardware.counts.actions import NOTHING
from leanspike.hardware.counts.content import (
    Content,
    dense_contents,
    physical_contents,
    sparseloop_contents,
)
from leanspike.hardware.counts.content import Contents as TileContents
from leanspike.hardware.counts.geometry import tile_geometry
from leanspike.hardware.counts.imbalance import pass_shape
from leanspike.hardware.counts.leader import leader_sizes
from leanspike.hardware.counts.nest import list_loops, nest_counts, tile_size
from leanspike.hardware.counts.plan import Plan, values_per_row
from leanspike.hardware.counts.row import (
    ContentArrays,
    NestArrays,
    Row,
    RowPlan,
    RowRules,
    empty_row,
    evaluate_row,
)
from leanspike.hardware.density import DensityModel
from leanspike.hardware.mapping import Mapping
from leanspike.hardware.semantics import Semantics

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]

Contents = tuple[tuple[Content | None, ...], ...]


@dataclass(frozen=True)
class Evaluation:
    """Counts of one mapping under one configuration, per instance unless said otherwise.

    Attributes
    ----------
    nest
        Dense counts, and the instances used of every level.
    contents
        What the tiles hold, by level and tensor; None where a level keeps nothing.
    row
        Actual, gated and skipped accesses, computes of all units, and cycles per level.
    word_bits
        Bits of the metadata words, [L, X, R, 2].
    compute_cycles, cycles
        Cycles the compute units need, and the layer takes.
    """

    nest: NestArrays
    contents: Contents
    row: Row
    word_bits: Reals
    compute_cycles: float
    cycles: float


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
    contents = tile_contents(plan, mapping, nest, models, semantics, dense=dense)
    remedy, p_left = left_alone(plan, mapping, models, exact=semantics.exact_leader, dense=dense)
    arrays = content_arrays(plan, contents, models, remedy, p_left, semantics, dense=dense)
    setup = row_plan(plan, semantics, arrays.words.shape[2])
    row = empty_row(levels, tensors, arrays.words.shape[2])
    compute_cycles = evaluate_row(setup, row_rules(semantics), nest, arrays, row)
    return Evaluation(
        nest=nest,
        contents=contents,
        row=row,
        word_bits=setup.word_bits,
        compute_cycles=float(compute_cycles),
        cycles=float(max(compute_cycles, row.level_cycles.max())),
    )


def row_plan(plan: Plan, semantics: Semantics, ranks: int) -> RowPlan:
    """Return the plan's arrays for compiled rows; physical metadata is counted in bits."""
    levels, tensors = plan.keep.shape
    operands = [x for x in range(tensors) if x != plan.problem.written]
    if len(operands) != 2:
        raise InputError(f"found {len(operands)} operands, expected two", where="problem")
    finished = [
        values_per_row(level.width, bits)
        for level, bits in zip(plan.architecture.levels, plan.finished_bits, strict=True)
    ]
    word_bits = plan.word_bits[:, :, :ranks].copy()
    if not semantics.whole_accesses:
        word_bits = np.ones((levels, tensors, ranks, 2))
    return RowPlan(
        written=plan.problem.written,
        operands=np.array(operands, np.int64),
        innermost=np.array([np.flatnonzero(plan.keep[:, x])[-1] for x in operands], np.int64),
        parent=np.array([[plan.parent(i, x) for x in range(tensors)] for i in range(levels)]),
        compressed=plan.compressed,
        block=plan.block,
        finished_block=np.array(finished),
        value_bits=plan.value_bits,
        word_bits=word_bits,
        metadata_width=plan.metadata_width,
        bandwidth=plan.bandwidth,
        gates=plan.architecture.compute.gates,
        skips=plan.architecture.compute.skips,
        computes=float(plan.problem.computes),
        inside=innermost_array(plan) if semantics.load_imbalance else -1,
    )


def innermost_array(plan: Plan) -> int:
    """Return the first level inside the innermost fan-out, or -1 without one."""
    fanning = np.flatnonzero(plan.mesh.prod(axis=1) > 1)
    return int(fanning[-1]) + 1 if len(fanning) else -1


def row_rules(semantics: Semantics) -> RowRules:
    """Return the switches that compiled rows depend on."""
    return RowRules(
        semantics.whole_accesses,
        semantics.chained_metadata,
        semantics.first_fill,
        semantics.gating_keeps_cycles,
    )


def count_nest(plan: Plan, mapping: Mapping, *, exact: bool) -> NestArrays:
    """Count the dense traffic of a mapping."""
    shape = plan.keep.shape
    tile, arriving, leaving, partition = (np.zeros(shape, np.int64) for _ in range(4))
    instances = np.zeros(shape[0] + 1, np.int64)
    nest_counts(
        plan.problem.coefficients, plan.keep, mapping.factors, mapping.order, exact,
        tile, arriving, leaving, partition, instances,
    )  # fmt: skip
    operands = [x for x in range(shape[1]) if x != plan.problem.written]
    in_pass = np.zeros(3, np.int64)
    pass_shape(plan.problem.coefficients, np.array(operands), plan.mesh, mapping.factors, in_pass)
    return NestArrays(tile, arriving, leaving, partition, instances, in_pass)


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


def tile_contents(
    plan: Plan,
    mapping: Mapping,
    nest: NestArrays,
    models: Sequence[DensityModel],
    semantics: Semantics,
    *,
    dense: bool = False,
) -> Contents:
    """Return what the tiles of every level and tensor hold."""
    levels, tensors = plan.keep.shape
    rows: list[list[Content | None]] = [[None] * tensors for _ in range(levels)]
    most = plan.flattens.shape[2]
    for x in range(tensors):
        fiber = np.ones((levels, most), np.int64)
        under = np.ones((levels, most + 1), np.int64)
        if not dense and plan.ranks[:, x].any():
            fits = tile_geometry(
                not semantics.whole_accesses, plan.problem.coefficients, x, plan.keep,
                plan.ranks[:, x], plan.compressed[:, x], plan.flattens[x],
                plan.from_inside[:, x], mapping.factors, mapping.order, fiber, under,
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
            rows[i][x] = contents_of(
                plan, i, x, np.array([tile]), fiber[i : i + 1], under[i : i + 1], models[x],
                semantics, dense=dense,
            )[0]  # fmt: skip
    return tuple(tuple(row) for row in rows)


def contents_of(
    plan: Plan,
    level: int,
    x: int,
    tiles: Ints,
    fibers: Ints,
    unders: Ints,
    model: DensityModel,
    semantics: Semantics,
    *,
    dense: bool = False,
) -> TileContents:
    """Return what K tiles of tensor ``x`` hold at a level.

    ``tiles`` [K], ``fibers`` [K, R] and ``unders`` [K, R + 1] are their sizes and geometry.
    """
    if dense:
        return dense_contents(tiles)
    layout = plan.formats[level][x]
    n = len(layout.ranks) if layout else 0
    block = max(1, int(plan.block[level, x]))
    if not semantics.whole_accesses:
        return physical_contents(
            model, tiles, fibers[:, :n], layout, block=block, semantics=semantics
        )
    parent = plan.parent(level, x)
    told = parent >= 0 and plan.formats[parent][x] is not None
    return sparseloop_contents(
        model, tiles, fibers[:, :n], unders[:, : n + 1], layout, told=told, block=block
    )


def content_arrays(
    plan: Plan,
    contents: Contents,
    models: Sequence[DensityModel],
    remedy: Ints,
    p_left: Reals,
    semantics: Semantics,
    *,
    dense: bool = False,
) -> ContentArrays:
    """Return contents as arrays for compiled rows."""
    shape = plan.keep.shape
    ranks = np.array([[len(c.words) if c else 0 for c in row] for row in contents], np.int64)
    most = max(1, int(ranks.max()))
    words = np.zeros((*shape, most, 2))
    density, present, waste = np.ones(shape), np.ones(shape), np.ones(shape)
    for i, row in enumerate(contents):
        for x, content in enumerate(row):
            if content is not None:
                words[i, x, : len(content.words)] = content.words
                density[i, x] = content.density
                present[i, x] = content.present
                waste[i, x] = content.row_waste
    operands = [model for x, model in enumerate(models) if x != plan.problem.written]
    digits = 6 if semantics.whole_accesses else 15
    return ContentArrays(
        density=density,
        present=present,
        row_waste=waste,
        words=words,
        has_metadata=ranks > 0,
        ranks=ranks,
        operand_density=np.array(
            [1.0 if dense else round(float(model.density), digits) for model in operands]
        ),
        remedy=remedy,
        p_left=p_left,
    )


def left_alone(
    plan: Plan,
    mapping: Mapping,
    models: Sequence[DensityModel],
    *,
    exact: bool,
    dense: bool = False,
) -> tuple[Ints, Reals]:
    """Return what each level does about a tensor's reads and how often, both [L, X]."""
    remedy, p_left = np.zeros(plan.keep.shape, np.int64), np.zeros(plan.keep.shape)
    if dense:
        return remedy, p_left
    tiles = leader_tiles(plan, mapping, exact=exact)
    for x in range(plan.keep.shape[1]):
        mine = [size for f, row in zip(plan.follows, tiles, strict=True) if f.target == x
                for size in row]  # fmt: skip
        found = conditions_met(plan, x, np.array([mine], np.int64), models)
        remedy[:, x], p_left[:, x] = found[0][0], found[1][0]
    return remedy, p_left


def conditions_met(
    plan: Plan, x: int, tiles: Ints, models: Sequence[DensityModel]
) -> tuple[Ints, Reals]:
    """Return what levels do about reads of tensor ``x`` and how often, both [n, L].

    ``tiles`` [n, conditions] are the leader tiles of its conditions, in the order of
    ``Plan.follows`` and their leaders; 0 where a condition cannot be used.
    """
    count, levels = len(tiles), len(plan.keep)
    remedy, p_left = np.zeros((count, levels), np.int64), np.zeros((count, levels))
    column = 0
    for follow in plan.follows:
        if follow.target != x:
            continue
        effective = np.ones(count)
        for leader in follow.leaders:
            sizes = tiles[:, column]
            met = 1.0 - models[leader].p_empty(np.maximum(sizes, 1))
            effective *= np.where(sizes > 0, met, 1.0)
            column += 1
        left = 1.0 - effective
        # Two conditions on the same reads: the more effective one holds.
        better = (remedy[:, follow.level] == NOTHING) | (p_left[:, follow.level] < left)
        remedy[better, follow.level] = follow.remedy
        p_left[better, follow.level] = np.round(left[better], 12)
    return remedy, p_left


def leader_tiles(plan: Plan, mapping: Mapping, *, exact: bool) -> list[list[int]]:
    """Return the leader tiles' sizes of every condition; 0 where one cannot be used."""
    loops = np.empty((mapping.factors.size, 3), np.int64)
    count = list_loops(mapping.factors, mapping.order, loops)
    sizes = np.ones(len(plan.problem.dims), np.int64)
    fans_out = bool(plan.mesh[-1].prod() > 1)
    found = []
    for follow in plan.follows:
        tiles = []
        for leader in follow.leaders:
            usable = leader_sizes(
                exact, plan.problem.coefficients, follow.target, leader, follow.level,
                plan.child(follow.level, follow.target),
                max(1, int(plan.block[follow.level, follow.target])), mapping.factors,
                mapping.order, loops, count, fans_out, sizes,
            )  # fmt: skip
            tiles.append(int(tile_size(plan.problem.coefficients, leader, sizes)) if usable else 0)
        found.append(tiles)
    return found
