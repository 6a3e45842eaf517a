"""Every mapping of a small case, by plain enumeration: the truth that searches are held to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import permutations, product
from math import prod
from random import Random

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture, LoopRule
from leanspike.hardware.mapping.mapping import SLOTS, Loop, Mapping
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.cost import LayerCost
from leanspike.hardware.search.best import Objective


def splits_of(case: Case) -> list[list[tuple[int, ...]]]:
    """Every way to split each loop over the slots."""
    chip, problem = case.plan.architecture, case.plan.problem
    places = [(i, slot) for i in range(len(chip.levels)) for slot in SLOTS]
    return [
        [
            row
            for row in product(*[choices(chip, i, slot, dim, bound) for i, slot in places])
            if prod(row) == bound
        ]
        for dim, bound in zip(problem.dims, problem.bounds.tolist(), strict=True)
    ]


def random_mappings(case: Case, count: int, seed: int) -> Iterator[Mapping]:
    """Mappings that the loop rules allow, drawn at random."""
    chip, problem = case.plan.architecture, case.plan.problem
    splits, generator = splits_of(case), Random(seed)
    assert all(splits)
    for _ in range(count):
        loops = []
        rows = [generator.choice(split) for split in splits]
        for i, slot in product(range(len(chip.levels)), SLOTS):
            place = 3 * i + SLOTS.index(slot)
            group = [
                Loop(i, slot, dim, row[place])
                for dim, row in zip(problem.dims, rows, strict=True)
                if row[place] > 1
            ]
            generator.shuffle(group)
            outer = getattr(chip.levels[i], slot).outer
            loops += sorted(group, key=lambda loop: (*outer, loop.dim).index(loop.dim))
        yield Mapping.from_loops(problem.dims, len(chip.levels), loops)


def divisors(number: int) -> list[int]:
    return [d for d in range(1, number + 1) if number % d == 0]


def every_mapping(case: Case) -> Iterator[Mapping]:
    """Every mapping the loop rules allow, by trying everything, in every order of its loops."""
    chip, problem = case.plan.architecture, case.plan.problem
    places = [(i, slot) for i in range(len(chip.levels)) for slot in SLOTS]
    for rows in product(*splits_of(case)):
        groups = []
        for place, (i, slot) in enumerate(places):
            loops = [
                Loop(i, slot, dim, row[place])
                for dim, row in zip(problem.dims, rows, strict=True)
                if row[place] > 1
            ]
            rule = getattr(chip.levels[i], slot)
            orders = [list(o) for o in permutations(loops) if keeps_order(rule, o)]
            groups.append(orders if slot == "time" else orders[:1])
        for chosen in product(*groups):
            loops = [loop for group in chosen for loop in group]
            yield Mapping.from_loops(problem.dims, len(chip.levels), loops)


def choices(chip: Architecture, level: int, slot: str, dim: str, bound: int) -> list[int]:
    rule = getattr(chip.levels[level], slot)
    if slot != "time" and getattr(chip.levels[level].fanout, slot) == 1:
        return [1]
    if rule.dims is not None and dim not in rule.dims:
        return [1]
    if dim in rule.factors:
        return [rule.factors[dim] or bound]
    return [d for d in divisors(bound) if d <= rule.most.get(dim, bound)]


def keeps_order(rule: LoopRule, loops: tuple[Loop, ...]) -> bool:
    names = [loop.dim for loop in loops]
    outer = [dim for dim in rule.outer if dim in names]
    inner = [dim for dim in rule.inner if dim in names]
    return names[: len(outer)] == outer and names[len(names) - len(inner) :] == inner


def legal_costs(case: Case) -> list[LayerCost]:
    costs = []
    for mapping in every_mapping(case):
        try:
            costs.append(case.cost(mapping))
        except InputError:
            continue
    return costs


def best_of(costs: list[LayerCost], objective: Objective) -> float:
    return min(
        cost.energy_pj
        if objective == "energy"
        else cost.cycles
        if objective == "latency"
        else cost.energy_pj * cost.cycles
        for cost in costs
    )
