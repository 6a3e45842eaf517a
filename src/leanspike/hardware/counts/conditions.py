"""What levels leave alone, and how often: conditions applied to a mapping."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from leanspike.hardware.counts.actions import NOTHING
from leanspike.hardware.counts.leader import leader_sizes, leader_values
from leanspike.hardware.counts.nest import list_loops
from leanspike.hardware.counts.plan import Plan
from leanspike.hardware.density import DensityModel, FixedStructured
from leanspike.hardware.mapping import Mapping

Ints = NDArray[np.int64]
Reals = NDArray[np.float64]


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
        effective, even = np.ones(count), True
        for leader in follow.leaders:
            sizes = tiles[:, column]
            met = 1.0 - models[leader].p_empty(np.maximum(sizes, 1))
            effective *= np.where(sizes > 0, met, 1.0)
            even = even and isinstance(models[leader], FixedStructured)
            column += 1
        left = 1.0 - effective
        if not even:
            # Sums over many occupancies are off in the last digits, which would tell equal chances
            # apart and show in whole accesses.
            left = np.round(left, 12)
        # Two conditions on the same reads: the more effective one holds, the first of equal ones.
        better = (remedy[:, follow.level] == NOTHING) | (p_left[:, follow.level] < left)
        remedy[better, follow.level] = follow.remedy
        p_left[better, follow.level] = left[better]
    return remedy, p_left


def leader_tiles(plan: Plan, mapping: Mapping, *, exact: bool) -> list[list[int]]:
    """Return the leader tiles' sizes of every condition; 0 where one cannot be used."""
    tiles: list[list[int]] = [[] for _ in plan.follows]
    for place, leader, sizes in _leaders(plan, mapping, exact=exact):
        tile = 0
        if sizes is not None:
            tile = int(leader_values(exact, plan.problem.coefficients, leader, sizes))
        tiles[place].append(tile)
    return tiles


def leader_loops(plan: Plan, mapping: Mapping, x: int, *, exact: bool) -> list[Ints]:
    """Return the loop sizes [D] of every leader tile of tensor ``x`` that can be used."""
    found = _leaders(plan, mapping, exact=exact)
    return [sizes for _, leader, sizes in found if leader == x and sizes is not None]


def _leaders(
    plan: Plan, mapping: Mapping, *, exact: bool
) -> Iterator[tuple[int, int, Ints | None]]:
    """Yield condition, leading tensor and the loop sizes of its tile, None where not usable."""
    loops = np.empty((mapping.factors.size, 3), np.int64)
    count = list_loops(mapping.factors, mapping.order, loops)
    for place, follow in enumerate(plan.follows):
        for leader in follow.leaders:
            sizes = np.ones(len(plan.problem.dims), np.int64)
            usable = leader_sizes(
                exact, plan.problem.coefficients, follow.target, leader, follow.level,
                plan.child(follow.level, follow.target),
                max(1, int(plan.block[follow.level, follow.target])), mapping.factors,
                mapping.order, loops, count, plan.fans_out, mapping.along_x, sizes,
            )  # fmt: skip
            yield place, leader, sizes if usable else None
