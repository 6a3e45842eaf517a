"""How much of what a mapping would move survives the conditions of an architecture.

What a level reads of a tensor happens when every condition on that tensor, at this level and at
all levels outside it, finds something in its leader tile. Leaders are tensors whose non-zeros lie
independently of each other; of several tiles of one leader the inner ones lie inside the outer
ones, so the smallest decides. The share of reads that survives is therefore a product over leaders
of the probability that their smallest tile so far is not empty.

A read that does not survive a level is skipped there when a skipping condition stops it, else
gated. What is stopped never reaches the levels inside.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from leanspike.arrays import Ints, Reals
from leanspike.hardware.model.actions import (
    INSIDE,
    LEFT,
    LET,
    LET_REAL,
    NOT_SKIPPED,
    NOT_SKIPPED_REAL,
    SHARES,
    SKIPS,
    SURVIVALS,
    left_column,
)
from leanspike.hardware.model.leader_tiles import (
    COMPUTES,
    FINISHED_ROW,
    FIRST_VALUE,
    LAST_VALUE,
    READS,
    REAL_COMPUTES,
    ROW,
    RUN,
    TAKEN,
    VALUE,
    VARIANTS,
    Spreads,
)
from leanspike.hardware.model.plan import Plan
from leanspike.hardware.sparsity.density import DensityModel


class Chances:
    """Chances that leader tiles are not empty, for n descriptions ``rows`` [n, 2 + groups].

    A description of 0 values is of a condition that cannot be used: it always lets through.
    """

    def __init__(self, rows: Ints, spreads: Spreads) -> None:
        #: How many successive values of the target meet the same, of rows of non-zeros, [n].
        self.run = rows[:, RUN]
        described = np.delete(rows, RUN, axis=1)
        distinct, self._which = np.unique(described, axis=0, return_inverse=True)
        self._which = self._which.reshape(-1)
        sizes, weights, first = [], [], [0]
        one = np.ones((4, 1)), np.ones(1, np.int64)
        for values, *numbers in distinct.tolist():
            times, met = one
            for g, number in enumerate(numbers):
                if number < 0:
                    times = times * np.array([[1.0], [1.0], [1.0], [spreads.real[g]]])
                else:
                    spread = spreads.spread(number)
                    met = (met[:, None] * spread.values).reshape(-1)
                    times = (times[:, :, None] * spread.weights[:, None]).reshape(4, -1)
            sizes.append(values * met)
            weights.append(times)
            first.append(first[-1] + len(met))
        self._never = np.array(distinct[:, 0] == 0)
        self._real = float(np.prod(spreads.real))
        flat = np.concatenate(sizes) if sizes else np.zeros(0, np.int64)
        self._sizes, self._size_of = np.unique(flat, return_inverse=True)
        self._weights = np.concatenate(weights, axis=1) if weights else np.zeros((4, 0))
        self._first = np.array(first[:-1], np.int64)

    def __call__(self, model: DensityModel) -> Reals:
        """Return the chance that each tile holds a non-zero, by every weight, [4, n]."""
        there = 1.0 - model.p_empty(self._sizes)
        found = np.add.reduceat(self._weights * there[self._size_of], self._first, axis=1)
        found[:REAL_COMPUTES, self._never] = 1.0
        found[REAL_COMPUTES, self._never] = self._real
        return np.asarray(found[:, self._which], np.float64)


class Survival:
    """What survives of a tensor under n chains of leader tiles, for any density models.

    ``chains`` [n, conditions * variants * (2 + groups)] are the descriptions of its conditions'
    leader tiles, in the order of ``Plan.follows``, their leaders and :data:`variants <VARIANTS>`
    (two of a tensor that is only read). ``inside`` is the first level inside the innermost
    fan-out. ``dense``: there are no conditions.
    """

    def __init__(
        self,
        plan: Plan,
        x: int,
        chains: Ints,
        spreads: Spreads,
        inside: int,
        *,
        dense: bool = False,
    ) -> None:
        self._plan, self._x, self._inside = plan, x, inside
        self._count = len(chains)
        width = spreads.width
        self._conditions: list[tuple[int, bool, int, dict[int, Chances]]] = []
        column = 0
        for follow in plan.follows:
            if follow.target != x or dense:
                continue
            for leader in follow.leaders:
                chances = {}
                for variant in variants(x == plan.problem.written):
                    here = chains[:, column : column + width]
                    chances[variant] = Chances(here, spreads)
                    column += width
                self._conditions.append((follow.level, follow.remedy == SKIPS, leader, chances))

    def __call__(self, models: Sequence[DensityModel]) -> tuple[Reals, Reals]:
        """Return what survives at every level, [n, L, SURVIVALS], and of the computes,
        [n, X, SHARES]: what conditions on this tensor let through, by leader.
        """
        levels, tensors = self._plan.keep.shape
        survive = np.ones((self._count, levels, SURVIVALS))
        shares = np.ones((self._count, tensors, SHARES))
        shares[:, :, LET_REAL] = shares[:, :, NOT_SKIPPED_REAL] = self._plan.problem.real_computes
        written = self._x == self._plan.problem.written
        # The smallest tile so far, by leader: what is taken by the levels inside, of all reads, of
        # the first and of the last of an output.
        taken = np.ones((len(_TIMES), tensors, self._count))
        found = [
            (level, skips, leader, self._chances(level, chances, models[leader], models[self._x]))
            for level, skips, leader, chances in self._conditions
        ]

        def smaller(column: int, leader: int, chance: Reals) -> None:
            shares[:, leader, column] = np.minimum(shares[:, leader, column], chance)

        for level in range(levels):
            mine = [one for one in found if one[0] == level]
            survive[:, level, :LEFT] = taken.prod(axis=1).T
            for variant in range(VARIANTS):
                time = _TIMES.index(_time_of(variant))
                known = variant if written else (VALUE if variant in _TIMES else ROW)
                smallest = taken[time].copy()
                for gated in (False, True):
                    for _, skips, leader, chances in mine:
                        if skips != gated:
                            smallest[leader] = np.minimum(smallest[leader], chances[known][READS])
                    survive[:, level, left_column(variant, gated=gated)] = smallest.prod(axis=0)
            for _, skips, leader, chances in mine:
                for time, variant in enumerate(_TIMES):
                    value = chances[variant if written else VALUE][TAKEN]
                    taken[time, leader] = np.minimum(taken[time, leader], value)
                value = chances[VALUE]
                smaller(LET, leader, value[COMPUTES])
                smaller(LET_REAL, leader, value[REAL_COMPUTES])
                if skips:
                    smaller(NOT_SKIPPED, leader, value[COMPUTES])
                    smaller(NOT_SKIPPED_REAL, leader, value[REAL_COMPUTES])
                    if level >= self._inside:
                        smaller(INSIDE, leader, value[COMPUTES])
        return survive, shares

    def _chances(
        self,
        level: int,
        chances: dict[int, Chances],
        leader: DensityModel,
        target: DensityModel,
    ) -> dict[int, Reals]:
        """Return the chances of every variant's tiles, [4, n]."""
        found = {variant: chance(leader) for variant, chance in chances.items()}
        for variant, value in found.items():
            run = chances[variant].run
            if variant in _TIMES or not run.any():
                continue
            finished = variant == FINISHED_ROW
            block = (
                self._plan.finished_block[level] if finished else self._plan.block[level, self._x]
            )
            # Between two non-zeros of a row what they meet of the leader changes with this chance;
            # it is the gap, at most a run, over the run, in expectation.
            d, n = max(target.density, 1e-300), np.maximum(run, 1)
            changes = np.where(run > 0, -np.expm1(n * np.log1p(-min(d, 1.0 - 1e-16))) / (d * n), 0)
            empty = 1.0 - found[_time_of(variant)]
            # Far apart they change one by one; side by side there are as many changes as fit.
            apart = empty * (1.0 - changes * (1.0 - empty)) ** (block - 1.0)
            whole, rest = np.divmod(1.0 + changes * (block - 1.0), 1.0)
            beside = empty**whole * (1.0 - rest * (1.0 - empty))
            needed = 1.0 - ((1.0 - d) * apart + d * beside)
            found[variant] = np.where(run != 0, np.minimum(value, needed), value)
        return found


# Which reads of an output a value's leader tile is asked for: all, the first, the last.
_TIMES = (VALUE, FIRST_VALUE, LAST_VALUE)


def _time_of(variant: int) -> int:
    return max(time for time in _TIMES if time <= variant)


def variants(written: bool) -> tuple[int, ...]:
    """Return the leader tiles that matter: for a tensor that is only read a value's and a row's."""
    return tuple(range(VARIANTS)) if written else (VALUE, ROW)
