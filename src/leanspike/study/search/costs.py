"""The cost of every option of every layer, by the hardware model: no training.

The predicted front: the least harmful allocation at every cost, and a spread of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from leanspike.arrays import Ints
from leanspike.hardware.price import price_all
from leanspike.hardware.workload.workload import Bits, Densities, Density, Layer, Workload
from leanspike.study.file.study_file import Budget, HardwareSection, Quantity
from leanspike.study.plan.options import Allocation, Option, OptionTable, Reals
from leanspike.study.records import ExploreResult, LayerWeights
from leanspike.study.work.pricing import job_of, readings


def option_table(
    explored: ExploreResult,
    options: Sequence[Option],
    hardware: HardwareSection,
    *,
    membrane_bits: int | None = None,
) -> OptionTable:
    """Price every option of every layer in the study's main reading.

    Each layer sees the spikes of the float network; its weights have the option's bits and the
    zeros that the option was found to make.

    Parameters
    ----------
    hardware
        The first architecture, format and statistic count.
    membrane_bits
        Width of the membranes that candidates are trained with; None leaves the workload's.

    Raises
    ------
    InputError
        When the hardware cannot be used.
    """
    layers = explored.workload.layers
    by_name = {each.name: each for each in explored.layers}
    known = [by_name[layer.name] for layer in layers]
    variants = Workload(
        layers=tuple(
            _variant(layer, o, option, each.zeros[o], membrane_bits)
            for layer, each in zip(layers, known, strict=True)
            for o, option in enumerate(options)
        )
    )
    main = readings(hardware)[0]
    (priced,) = price_all([job_of(variants, main, hardware)], hardware.objective)
    shape = (len(layers), len(options))
    sizes = [
        LayerWeights(each.name, each.weights, option.bits, each.zeros[o]).stored_bits
        for each in known
        for o, option in enumerate(options)
    ]
    # A float network that is itself no better than silence shows no harm of anything.
    hopeless = explored.silent_loss - explored.loss
    return OptionTable(
        layers=tuple(layer.name for layer in layers),
        options=tuple(options),
        weights=tuple(each.weights for each in known),
        damage=np.array([each.damage for each in known]),
        costs={
            "energy": np.array([one.energy_pj for one in priced.cost.layers]).reshape(shape),
            "latency": np.array([one.latency_s for one in priced.cost.layers]).reshape(shape),
            "size": np.array(sizes).reshape(shape),
        },
        hopeless=hopeless if hopeless > 0 else float("inf"),
    )


def _variant(
    layer: Layer, number: int, option: Option, zeros: float, membrane_bits: int | None
) -> Layer:
    density = Density(mean=1 - zeros, max=1 - zeros)
    bits = {**dict(layer.bits), "weights": option.bits}
    if membrane_bits is not None:
        bits["state"] = membrane_bits
    return layer.replace(
        name=f"{layer.name} #{number}",
        bits=Bits(**bits),
        density=Densities(**{**dict(layer.density), "weights": density}),
    )


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
