"""Searching cases of one structure together: the walk and all dense counts are shared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from leanspike.hardware.case import Case
from leanspike.hardware.mapping import Mapping
from leanspike.hardware.mapspace import MapSpace
from leanspike.hardware.mapspace_walk import Block, walk
from leanspike.hardware.search_intern import first_of_equal
from leanspike.hardware.search_limits import capacity_limits
from leanspike.hardware.search_membrane import membrane_of_block
from leanspike.hardware.search_shapes import Numbers, Shapes, count_shapes
from leanspike.hardware.search_space import map_space, reuse_of

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


# Mappings counted before cases look at them: some 100 MB.
_BATCH = 1 << 18


@dataclass(frozen=True)
class CountedBlock:
    """A block of mappings with everything about them that no density changes.

    ``stands_for`` [n] is how many mappings of equal counts each stands for; ``fills`` [n, K] are
    the dense fills; ``used`` [n, L] the instances that pay for an access; ``reads``, ``writes``
    and ``held`` [n, L] the membrane's values read, written and held.
    """

    block: Block
    shapes: Shapes
    stands_for: Ints
    fills: Reals
    used: Reals
    reads: Reals
    writes: Reals
    held: Reals

    def mapping(self, space: MapSpace, n: int) -> Mapping:
        """Return the n-th mapping that fits the formats."""
        row = self.shapes.rows[n]
        factors = self.block.nests[np.array([row])].factors()[0].astype(np.int64)
        order = self.block.orders[self.block.order[row]].astype(np.int64)
        return Mapping(space.dimensions, factors, order)

    @cached_property
    def nothing(self) -> tuple[Reals, Reals] | None:
        """No fixed energy [n] and no state bits [n, L], where no membrane is kept anywhere."""
        return None if self.held.any() else (np.zeros(len(self.shapes)), self.held)


class Group:
    """The shared part of a search: one problem, one structure, one map space.

    ``limited`` leaves out mappings whose tiles fit no case; without it all that fit the fan-outs
    are walked.
    """

    def __init__(self, cases: Sequence[Case], *, limited: bool = True) -> None:
        case = cases[0]
        self.case = case
        self.limits = capacity_limits(cases) if limited else []
        self.space = map_space(case.plan.problem, case.plan.architecture)
        self.numbers = Numbers(case.plan)

    def batches(self) -> Iterator[list[CountedBlock]]:
        """Walk the map space in batches of blocks, so that cases grow their tables rarely."""
        batch: list[CountedBlock] = []
        for counted in self.blocks():
            batch.append(counted)
            if sum(len(one.shapes) for one in batch) >= _BATCH:
                yield batch
                batch = []
        yield batch

    def blocks(self, rows: int = 1 << 15) -> Iterator[CountedBlock]:
        """Walk the map space and count what every mapping makes of the problem.

        Of mappings equal in all that any case looks at, only the first is kept.
        """
        chip = self.case.plan.architecture
        reuse = reuse_of(self.case.plan.problem, chip)
        clusters = [chip.instances(i) // level.cluster for i, level in enumerate(chip.levels)]
        for block in walk(self.space, self.limits, reuse=reuse, rows=rows):
            shapes = count_shapes(self.case, block, self.numbers)
            reads, writes, held = membrane_of_block(self.case, block, shapes.rows)
            keys = (*shapes.columns(), reads.astype(np.int64), writes.astype(np.int64))
            first, which = first_of_equal(np.concatenate(keys, axis=1))
            stands_for = np.bincount(which, block.stands_for[shapes.rows], len(first))
            shapes = shapes.take(first)
            used = np.minimum(shapes.instances[:, :-1], clusters).astype(np.float64)
            yield CountedBlock(
                block, shapes, np.rint(stands_for).astype(np.int64), self._fills(shapes), used,
                reads[first], writes[first], held[first],
            )  # fmt: skip

    def _fills(self, shapes: Shapes) -> Reals:
        """Return the dense fills of every pair, [n, K], as ``dense_counts`` has them."""
        fills = shapes.arriving.astype(np.float64)
        if not self.case.semantics.first_fill:
            for k, (_, x) in enumerate(self.numbers.pairs):
                if x == self.case.plan.problem.written:
                    fills[:, k] -= np.where(fills[:, k] > 0, shapes.partition[:, k], 0)
        return fills


def structure(case: Case) -> tuple[object, ...]:
    """Return what two cases must share to be searched together.

    That is everything the walk and the dense counts see: the problem, which levels keep what,
    fan-outs, the ranks of formats, conditions, and switches; loop rules are compared apart.
    """
    plan, chip = case.plan, case.plan.architecture
    problem = plan.problem
    arrays = (
        problem.bounds, problem.coefficients, plan.keep, plan.ranks, plan.compressed,
        plan.from_inside, plan.flattens, plan.mesh,
    )  # fmt: skip
    blocks = tuple(max(1, int(plan.block[one.level, one.target])) for one in plan.follows)
    return (
        problem.dims,
        tuple((array.shape, array.tobytes()) for array in arrays),
        plan.follows,
        blocks,
        case.neurons and chip.neuron is not None and chip.neuron.state,
        tuple(level.name for level in chip.levels),
        tuple(level.cluster for level in chip.levels),
        case.semantics.first_fill,
        case.semantics.exact_overlap,
        case.semantics.exact_leader,
        case.semantics.load_imbalance,
        case.semantics.exact_leader,
        case.semantics.load_imbalance,
        case.semantics.whole_accesses,
        case.dense,
    )


def grouped(cases: Sequence[Case]) -> list[list[int]]:
    """Return the indices of cases by structure, in the order of their first."""
    groups: dict[tuple[object, ...], list[int]] = {}
    rules: dict[int, str] = {}
    for index, case in enumerate(cases):
        chip = case.plan.architecture
        # Many cases share an architecture: its rules are put into words once.
        if id(chip) not in rules:
            rules[id(chip)] = repr([(level.time, level.y, level.x) for level in chip.levels])
        groups.setdefault((rules[id(chip)], *structure(case)), []).append(index)
    return list(groups.values())
