"""Walking and counting a map space once for all cases that have it in common."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from leanspike.hardware.case import Case
from leanspike.hardware.counts.leader_tiles import Spreads
from leanspike.hardware.mapspace_walk import Block, walk
from leanspike.hardware.search_counts import Counts, count_block, count_key
from leanspike.hardware.search_limits import capacity_limits
from leanspike.hardware.search_space import map_space, reuse_of

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
        self._counts: dict[tuple[int, tuple[object, ...]], Counts] = {}
        self._spreads: dict[tuple[object, ...], Spreads] = {}

    def spreads(self, case: Case) -> Spreads:
        """Return the numbers of what leader tiles vary by, of all cases of one count key."""
        key = count_key(case)
        if key not in self._spreads:
            self._spreads[key] = Spreads(case.plan.problem, len(case.plan.keep))
        return self._spreads[key]

    def blocks(self, case: Case, rows: int = 1 << 15) -> Iterator[tuple[Block, Counts]]:
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

    That is the problem, which levels keep what, the fan-outs, and what orders can be told apart.
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
