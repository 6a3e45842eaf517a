"""Searching cases of one structure together: the walk and all dense counts are shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.counts.row import empty_row
from leanspike.hardware.mapping import Mapping
from leanspike.hardware.mapspace import MapSpace
from leanspike.hardware.mapspace_walk import Block, walk
from leanspike.hardware.search_exact import Counted, evaluate_exactly, legal, scratch
from leanspike.hardware.search_membrane import membrane_of_block
from leanspike.hardware.search_shapes import Numbers, Shapes, count_shapes
from leanspike.hardware.search_space import map_space, reuse_of
from leanspike.hardware.search_tables import Tables

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


@dataclass(frozen=True)
class CountedBlock:
    """A block of mappings with everything about them that no density changes.

    ``reads``, ``writes`` and ``held`` [n, L] are the membrane's values read, written and held.
    """

    block: Block
    shapes: Shapes
    reads: Reals
    writes: Reals
    held: Reals

    def mapping(self, space: MapSpace, n: int) -> Mapping:
        """Return the n-th mapping that fits the formats."""
        row = self.shapes.rows[n]
        factors = self.block.nests[np.array([row])].factors()[0].astype(np.int64)
        order = self.block.orders[self.block.order[row]].astype(np.int64)
        return Mapping(space.dimensions, factors, order)

    @property
    def stands_for(self) -> Ints:
        """How many mappings of equal counts each stands for, [n]."""
        return self.block.stands_for[self.shapes.rows]


class Group:
    """The shared part of a search: one problem, one structure, one map space."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.space = map_space(case.plan.problem, case.plan.architecture)
        self.numbers = Numbers(case.plan)

    def blocks(self, rows: int = 1 << 15) -> Iterator[CountedBlock]:
        """Walk the map space and count what every mapping makes of the problem."""
        reuse = reuse_of(self.case.plan.problem, self.case.plan.architecture)
        for block in walk(self.space, reuse=reuse, rows=rows):
            shapes = count_shapes(self.case, block, self.numbers)
            yield CountedBlock(block, shapes, *membrane_of_block(self.case, block, shapes.rows))


class Pricer:
    """One case of a group: its tables, and what its mappings cost."""

    def __init__(self, case: Case, numbers: Numbers) -> None:
        chip = case.plan.architecture
        self.case = case
        self.tables = Tables(case, numbers)
        self.clusters = np.array(
            [chip.instances(i) // level.cluster for i, level in enumerate(chip.levels)]
        )
        updates = case.plan.problem.volumes()[case.plan.problem.tensors[self.tables.plan.written]]
        with_neurons = case.neurons and chip.neuron is not None
        self.neuron_pj = updates * case.pricing.neuron if with_neurons else 0.0

    def counted(self, counted: CountedBlock) -> Counted:
        """Return a block's counts as compiled code takes them, with this case's membrane."""
        shapes, state = counted.shapes, self.case.pricing.state
        return Counted(
            shapes.tile, shapes.arriving, shapes.leaving, shapes.partition, shapes.instances,
            shapes.cell, shapes.chains,
            used=np.minimum(shapes.instances[:, :-1], self.clusters).astype(np.float64),
            fixed=counted.reads @ state[:, 0] + counted.writes @ state[:, 1] + self.neuron_pj,
            state_bits=counted.held * self.case.state_bits,
        )  # fmt: skip

    def evaluate(self, counted: CountedBlock) -> tuple[Ints, Reals, Reals]:
        """Return the legal mappings of a block with their energy (pJ) and cycles."""
        self.tables.grow()
        lookup, arrays = self.tables.lookup(), self.counted(counted)
        fits = np.zeros(len(counted.shapes), np.bool_)
        legal(lookup, arrays, self.tables.room(), fits)
        rows = np.flatnonzero(fits)
        energy, cycles = np.zeros(len(rows)), np.zeros(len(rows))
        levels, tensors = self.case.plan.keep.shape
        ranks = lookup.words.shape[1]
        evaluate_exactly(
            self.tables.plan, self.tables.rules, lookup, arrays, self.tables.prices(), rows,
            scratch(levels, tensors, ranks, empty_row(levels, tensors, ranks)), energy, cycles,
        )  # fmt: skip
        return rows, energy, cycles


def structure(case: Case) -> tuple[object, ...]:
    """Return what two cases must share to be searched together.

    That is everything the walk and the dense counts see: the problem, which levels keep what,
    fan-outs, loop rules, the ranks of formats, conditions, and the switches about overlap.
    """
    plan, chip = case.plan, case.plan.architecture
    problem = plan.problem
    arrays = (
        problem.bounds, problem.coefficients, plan.keep, plan.ranks, plan.compressed,
        plan.from_inside, plan.flattens, plan.mesh,
    )  # fmt: skip
    blocks = tuple(max(1, int(plan.block[one.level, one.target])) for one in plan.follows)
    rules = tuple(repr((level.time, level.y, level.x)) for level in chip.levels)
    return (
        problem.dims,
        tuple((array.shape, array.tobytes()) for array in arrays),
        plan.follows,
        blocks,
        rules,
        case.neurons and chip.neuron is not None and chip.neuron.state,
        tuple(level.name for level in chip.levels),
        case.semantics.exact_overlap,
        case.semantics.whole_accesses,
        case.dense,
    )


def grouped(cases: Sequence[Case]) -> list[list[int]]:
    """Return the indices of cases by structure, in the order of their first."""
    groups: dict[tuple[object, ...], list[int]] = {}
    for index, case in enumerate(cases):
        groups.setdefault(structure(case), []).append(index)
    return list(groups.values())
