"""The predicted front: the least harmful allocation at every cost, and a spread of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from leanspike.arrays import Ints
from leanspike.study.search.budget import Budget, Quantity
from leanspike.study.search.table import Allocation, OptionTable, Reals

#: Bins per limited quantity that partial sums are told apart by, for one, two and three of them.
_BINS = {1: 4096, 2: 192, 3: 40}


def predicted_front(
    table: OptionTable,
    objective: Quantity,
    budgets: Sequence[Budget] = (),
    correction: Mapping[Quantity, float] | None = None,
) -> list[Allocation]:
    """Return the allocations of least predicted damage at each predicted cost, cheapest first.

    Sums over layers make this a multiple-choice knapsack problem: layer by layer, every partial
    sum of costs is kept with its least damage. Sums that fall into one bin, 1/4096 of the
    dearest network's (1/192 with budgets on two quantities, 1/40 on three), are taken as one.
    """
    quantities = [objective, *{b.quantity for b in budgets if b.quantity != objective}]
    costs = np.stack([table.costs[q] for q in quantities], axis=2)  # [layers, options, q]
    dearest = costs.max(axis=1).sum(axis=0)
    width = np.where(dearest > 0, dearest, 1.0) / _BINS[len(quantities)]
    damage = np.zeros(1)
    sums = np.zeros((1, len(quantities)))
    picks = np.zeros((1, 0), np.int64)
    for layer in range(len(table.layers)):
        damage = (damage[:, None] + table.damage[layer][None, :]).ravel()
        sums = (sums[:, None, :] + costs[layer][None, :, :]).reshape(-1, len(quantities))
        options = np.tile(np.arange(len(table.options)), len(picks))
        picks = np.column_stack([np.repeat(picks, len(table.options), axis=0), options])
        kept = _least_damage_per_bin(damage, sums, width)
        damage, sums, picks = damage[kept], sums[kept], picks[kept]
    found = [tuple(int(o) for o in pick) for pick in picks]
    fits = np.array([table.broken(a, budgets, correction or {}) is None for a in found])
    inside = np.flatnonzero(fits)
    return [found[inside[i]] for i in _descending(sums[inside, 0], damage[inside])]


def spread(table: OptionTable, objective: Quantity, front: Sequence[Allocation], count: int) -> (
    list[Allocation]
):  # fmt: skip
    """Choose allocations evenly along a front, both ends among them.

    The way along the front is measured in cost and damage, each as a fraction of its range, so
    that neither the steep end nor the flat one takes all.
    """
    if len(front) <= count:
        return list(front)
    if count == 1:
        return [front[len(front) // 2]]
    way = np.zeros(len(front))
    for values in (
        np.array([table.cost_of(a, objective) for a in front]),
        np.array([table.damage_of(a) for a in front]),
    ):
        span = np.ptp(values)
        if span > 0:
            way[1:] += np.abs(np.diff(values)) / span
    along = np.cumsum(way)
    wanted = np.linspace(0, along[-1], count)
    chosen = sorted({int(np.argmin(np.abs(along - place))) for place in wanted})
    return [front[i] for i in chosen]


def _least_damage_per_bin(damage: Reals, sums: Reals, width: Reals) -> Ints:
    order = np.lexsort((*sums.T, damage))
    _, first = np.unique(np.floor(sums[order] / width).astype(np.int64), axis=0, return_index=True)
    return np.asarray(order[first], np.int64)


def _descending(cost: Reals, damage: Reals) -> list[int]:
    """Return the rows that no cheaper one is as harmless as, cheapest first."""
    kept: list[int] = []
    least = np.inf
    for i in np.lexsort((damage, cost)):
        if damage[i] < least:
            kept.append(int(i))
            least = damage[i]
    return kept
