"""Walking and counting a map space once for all cases that have it in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from leanspike.arrays import Bools, Ints
from leanspike.hardware.mapping.rules import map_space, reuse_of
from leanspike.hardware.mapping.walk import Block, Limit, Nests, walk
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.leader_tiles import Spreads
from leanspike.hardware.search.counting import BlockCounts, count_block, count_key
from leanspike.hardware.sparsity.density import DensityModel
from leanspike.hardware.workload.problem import Problem


def capacity_limits(cases: Sequence[Case]) -> list[Limit]:
    """Return what tiles must meet at every level of limited room, for at least one of the cases.

    A tile needs room for its largest occupancy (all its values where it is stored with zeros);
    metadata and the membrane only add to that. Occupancy never falls when a tile grows, so the
    limit is monotone, and never stricter than the check of any case.
    """
    plan = cases[0].plan
    rooms = np.max([case.plan.capacity for case in cases], axis=0)
    return [
        Limit(f"capacity of {level.name}", _fits(cases, i, float(rooms[i])))
        for i, level in enumerate(plan.architecture.levels)
        if np.isfinite(rooms[i]) and plan.keep[i].any()
    ]


def _fits(cases: Sequence[Case], level: int, room: float) -> Callable[[Nests], Bools]:
    plan = cases[0].plan
    kept = np.flatnonzero(plan.keep[level]).tolist()
    written = plan.problem.written
    bits = {
        x: min(
            float(case.plan.stored_bits[level, x])
            * (min(1.0, float(case.plan.finished_share[level])) if x == written else 1.0)
            for case in cases
        )
        for x in kept
    }
    # Cases of one structure store a tensor all with zeros or all without.
    with_zeros = [
        case.dense or case.plan.formats[level][x] is None for case in cases[:1] for x in kept
    ]
    sparse: dict[int, list[DensityModel]] = {
        x: [] if zeros else list(dict.fromkeys(case.models[x] for case in cases))
        for x, zeros in zip(kept, with_zeros, strict=True)
    }

    def meets(nests: Nests) -> Bools:
        needed = np.zeros(len(nests))
        for x in kept:
            tiles = _tiles(plan.problem, nests, level, x)
            needed += _fewest(sparse[x], tiles) * bits[x]
        return needed <= room

    return meets


def _fewest(models: Sequence[DensityModel], tiles: Ints) -> Ints:
    """Return the smallest of the models' largest occupancies; all values without models."""
    if not models:
        return tiles
    sizes, which = np.unique(tiles, return_inverse=True)
    most = models[0].maximum(sizes)
    for model in models[1:]:
        most = np.minimum(most, model.maximum(sizes))
    return np.asarray(most, np.int64)[which.reshape(-1)]


def _tiles(problem: Problem, nests: Nests, level: int, x: int) -> Ints:
    """Return the values of the tiles a level holds: of those with padding, the most."""
    total = np.ones(len(nests), np.int64)
    for r, rank in enumerate(problem.coefficients[x]):
        extent = np.ones(len(nests), np.int64)
        for d in np.flatnonzero(rank):
            extent += rank[d] * (nests.inside(3 * level, int(d)) - 1)
        total *= extent if x != problem.masked else _most_real(problem.real[r], extent)
    return total


def _most_real(before: Ints, extents: Ints) -> Ints:
    """Return the most real indices of a rank in windows of each extent."""
    if before[0] < 0:
        return extents
    most = [int((before[n:] - before[: len(before) - n]).max()) for n in range(len(before))]
    return np.array(most, np.int64)[extents]


# Mappings kept for the next group of cases: some 100 MB. Larger walks are made again.
_KEPT = 1 << 18


class Walk:
    """The legal mappings of cases that agree in :func:`walk_key`, with their counts.

    ``limited`` leaves out mappings whose tiles fit no case; without it all that fit the fan-outs
    are walked.
    """

    def __init__(self, cases: Sequence[Case], *, limited: bool = True) -> None:
        plan = cases[0].plan
        self.space = map_space(plan.problem, plan.architecture)
        self._reuse = reuse_of(plan.problem, plan.architecture)
        self._limits = capacity_limits(cases) if limited else []
        self._blocks: list[Block] | None = None
        self._counts: dict[tuple[int, tuple[object, ...]], BlockCounts] = {}
        self._spreads: dict[tuple[object, ...], Spreads] = {}

    def spreads(self, case: Case) -> Spreads:
        """Return the numbers of what leader tiles vary by, of all cases of one count key."""
        key = count_key(case)
        if key not in self._spreads:
            self._spreads[key] = Spreads(case.plan.problem, len(case.plan.keep))
        return self._spreads[key]

    def blocks(self, case: Case, rows: int = 1 << 15) -> Iterator[tuple[Block, BlockCounts]]:
        """Walk the map space; ``case`` says what is counted (see :func:`count_key`)."""
        key = count_key(case)
        if self._blocks is not None:
            for number, block in enumerate(self._blocks):
                if (number, key) not in self._counts:
                    self._counts[number, key] = count_block(case, block, self.spreads(case))
                yield block, self._counts[number, key]
            return
        kept: list[Block] | None = []
        for number, block in enumerate(
            walk(self.space, self._limits, reuse=self._reuse, rows=rows)
        ):
            counts = count_block(case, block, self.spreads(case))
            if kept is not None:
                kept.append(block)
                self._counts[number, key] = counts
                if sum(map(len, kept)) > _KEPT:
                    kept = None
                    self._counts.clear()
            yield block, counts
        self._blocks = kept


def walk_key(case: Case, rules: str) -> tuple[object, ...]:
    """Return what two cases must share to walk the same mappings; ``rules`` are the loop rules.

    That is the problem, which levels keep what, the fan-outs, and which orders differ.
    """
    plan, chip = case.plan, case.plan.architecture
    problem = plan.problem
    arrays = (problem.bounds, problem.coefficients, problem.real, plan.keep, plan.mesh)
    return (
        rules,
        problem.dims,
        problem.tensors,
        tuple((array.shape, array.tobytes()) for array in arrays),
        chip.neuron is not None and bool(chip.neuron.state),
        frozenset(c.target for level in chip.levels for c in (*level.skips, *level.gates)),
        tuple(level.name for level in chip.levels),
    )
