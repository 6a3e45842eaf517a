"""All counts of one mapping: from the loop nest to accesses per action and cycles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from leanspike.arrays import Ints, Reals
from leanspike.errors import InputError
from leanspike.hardware.mapping.mapping import LoopArrays, Mapping
from leanspike.hardware.model.actions import (
    SKIPS,
    NestArrays,
    Row,
    RowConditions,
    RowPlan,
    RowRules,
    empty_row,
    no_conditions,
)
from leanspike.hardware.model.imbalance import Passes, measured_passes, pass_shapes
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.model.rows import RowPrices, Scratch, evaluate_rows, one_row
from leanspike.hardware.model.skipping import sparseloop_conditions, survival_of
from leanspike.hardware.model.tiles import Contents, content_arrays, tile_contents
from leanspike.hardware.model.traffic import count_nests
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sparseloop.links import add_links
from leanspike.hardware.sparsity.density import DensityModel


@dataclass(frozen=True)
class Evaluation:
    """Counts of one mapping under one configuration, per instance unless another unit is given.

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
    bandwidth
        Read, write and shared rates of one instance, [L, 3]: what ``row.demand`` counts, per cycle.
    unit
        What ``row.demand`` counts: ``"bits"``, or ``"values"`` under Sparseloop's rules.
    compute_cycles, cycles
        Cycles the compute units need, and the layer takes.
    """

    nest: NestArrays
    contents: Contents
    row: Row
    word_bits: Reals
    bandwidth: Reals
    unit: str
    compute_cycles: float
    cycles: float


def evaluate(
    plan: Plan,
    mapping: Mapping,
    models: Sequence[DensityModel],
    semantics: Semantics,
    *,
    dense: bool = False,
    state: Reals | None = None,
) -> Evaluation:
    """Count everything one mapping makes the hardware do.

    Parameters
    ----------
    models
        Where each tensor's non-zeros lie, in the problem's order.
    dense
        Whether to ignore all zeros, as Timeloop does for an input without sparse optimizations.

    state
        Membrane values that one instance of each level reads and writes, [L, 2]; none by default.

    Raises
    ------
    InputError
        When the mapping does not fit the problem, the array or the formats.
    """
    levels, tensors = plan.keep.shape
    mapping.check(plan.problem, levels)
    check_mesh(plan, mapping)
    nest = count_nest(plan, mapping, semantics)
    nest = nest._replace(state=np.zeros((levels, 2)) if state is None else state)
    contents = tile_contents(plan, mapping, nest, models, semantics, dense=dense)
    conditions = row_conditions(plan, mapping, models, semantics, dense=dense)
    arrays = content_arrays(plan, contents, models, conditions, semantics, dense=dense)
    setup = row_plan(plan, semantics, arrays.words.shape[2])
    row = empty_row(levels, tensors, arrays.words.shape[2])
    rules, whole = row_rules(semantics), True if semantics.whole_accesses else None
    free = RowPrices(np.zeros_like(row.accesses), np.zeros(3), 0.0)

    def cycles_of(nest: NestArrays) -> float:
        """Fill the row and return the cycles of the computes."""
        one, found = np.zeros(1, np.int64), np.zeros((4, 1))
        evaluate_rows(
            setup, rules, whole, *one_row(nest, arrays), free, one, found[0],
            Scratch(nest, arrays, row), found[1], found[2], found[3],
        )  # fmt: skip
        return float(found[3, 0])

    if semantics.load_imbalance and not dense and setup.inside >= 0:
        passes = measured_passes(plan, mapping, models, setup.inside)
        if passes is not None:
            nest = nest._replace(pass_shape=np.zeros_like(nest.pass_shape))
            even = cycles_of(nest)
            slowest = _slowest(plan, setup, passes, even, int(nest.instances[levels]))
            nest = nest._replace(slowest=slowest)
    compute_cycles = cycles_of(nest)
    return Evaluation(
        nest=nest,
        contents=contents,
        row=row,
        word_bits=setup.word_bits,
        bandwidth=plan.bandwidth,
        unit="values" if semantics.whole_accesses else "bits",
        compute_cycles=compute_cycles,
        cycles=float(max(compute_cycles, row.level_cycles.max())),
    )


def row_conditions(
    plan: Plan,
    mapping: Mapping,
    models: Sequence[DensityModel],
    semantics: Semantics,
    *,
    dense: bool = False,
) -> RowConditions:
    """Return what conditions do to a mapping's traffic, by the rules of the semantics."""
    conditions = no_conditions(plan.keep.shape)
    if semantics.whole_accesses:
        exact = semantics.exact_leader
        remedy, p_left = sparseloop_conditions(plan, mapping, models, exact=exact, dense=dense)
        return conditions._replace(remedy=remedy, p_left=p_left)
    inside = innermost_array(plan)
    survive, shares = survival_of(plan, mapping, models, semantics, inside=inside, dense=dense)
    return conditions._replace(survive=survive, shares=shares)


def _slowest(plan: Plan, setup: RowPlan, passes: Passes, even: float, units: int) -> float:
    """Return the cycles of the slowest units from what they are known to do.

    ``even`` are the cycles of units that share the computes left evenly. What levels outside the
    units stop of other tensors than the units do takes the same share of every unit.
    """
    skipping = [f for f in plan.follows if f.remedy == SKIPS and f.target in setup.operands]
    outside = {f.target for f in skipping if f.level < setup.inside}
    inside = {f.target for f in skipping if f.level >= setup.inside}
    if outside <= inside or passes.computes == 0:
        return float(passes.cycles)
    return even * passes.cycles * units / passes.computes


def row_plan(plan: Plan, semantics: Semantics, ranks: int) -> RowPlan:
    """Return the plan's arrays for compiled rows; physical metadata is counted in bits."""
    levels, tensors = plan.keep.shape
    operands = plan.problem.operands
    if len(operands) != 2:
        raise InputError(f"found {len(operands)} operands, expected two", where="problem")
    row_bits, finished_row_bits = plan.value_bits.copy(), plan.finished_bits.copy()
    for i, level in enumerate(plan.architecture.levels):
        if level.width is not None:
            row_bits[i], finished_row_bits[i] = level.width, level.width
    leaving_share = np.ones(levels)
    if semantics.spikes_leave:
        leaving_share[: plan.finished_level] = plan.neurons_per_output
    word_bits = plan.word_bits[:, :, :ranks].copy()
    if not semantics.whole_accesses:
        word_bits = np.ones((levels, tensors, ranks, 2))
    return RowPlan(
        written=plan.problem.written,
        operands=np.array(operands, np.int64),
        innermost=np.array([np.flatnonzero(plan.keep[:, x])[-1] for x in operands], np.int64),
        real=np.array(
            [plan.problem.real_computes if x == plan.problem.masked else 1.0 for x in operands]
        ),
        parent=np.array([[plan.parent(i, x) for x in range(tensors)] for i in range(levels)]),
        compressed=plan.compressed,
        block=plan.block,
        finished_block=plan.finished_block,
        row_bits=row_bits,
        finished_row_bits=finished_row_bits,
        state_size=np.ones(levels) if semantics.whole_accesses else plan.stored_state_bits,
        leaving_share=leaving_share,
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
        semantics.chained_metadata,
        semantics.first_fill,
        semantics.gating_keeps_cycles,
        semantics.drain_reads,
    )


class Traffic(NamedTuple):
    """Dense counts of one instance under n mappings, as ``count_nests`` fills them.

    ``tile``, ``arriving``, ``leaving`` and ``partition`` [n, L, X], ``instances`` [n, L + 1];
    ``passes`` [n, 5] is what units do in a pass.
    """

    tile: Ints
    arriving: Reals
    leaving: Reals
    partition: Ints
    instances: Ints
    passes: Ints


def count_traffic(plan: Plan, loops: LoopArrays, semantics: Semantics) -> Traffic:
    """Count the dense traffic of n mappings."""
    problem, n, (levels, tensors) = plan.problem, len(loops.steps), plan.keep.shape
    found = Traffic(
        tile=np.zeros((n, levels, tensors), np.int64),
        arriving=np.zeros((n, levels, tensors)),
        leaving=np.zeros((n, levels, tensors)),
        partition=np.zeros((n, levels, tensors), np.int64),
        instances=np.zeros((n, levels + 1), np.int64),
        passes=pass_shapes(problem, plan.mesh, loops),
    )
    count_nests(
        loops, problem.coefficients, plan.keep, semantics.exact_overlap, problem.masked,
        problem.real, *found[:-1],
    )  # fmt: skip
    if semantics.links_neighbors:
        add_links(
            loops, problem.coefficients, problem.written, plan.keep, plan.mesh, found.arriving,
            found.leaving,
        )  # fmt: skip
    return found


def count_nest(plan: Plan, mapping: Mapping, semantics: Semantics) -> NestArrays:
    """Count the dense traffic of a mapping."""
    return NestArrays(*(counts[0] for counts in count_traffic(plan, mapping.arrays, semantics)))


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
