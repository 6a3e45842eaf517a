"""Exhaustive search: the best mapping of a layer, having looked at every one there is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from leanspike.errors import InputError
from leanspike.hardware.architecture import Architecture
from leanspike.hardware.case import Case
from leanspike.hardware.cost import LayerCost
from leanspike.hardware.layer import Layer, Statistic
from leanspike.hardware.mapping import Mapping
from leanspike.hardware.mapspace import MapSpace
from leanspike.hardware.mapspace_walk import walk, why_empty
from leanspike.hardware.search_front import pareto_front
from leanspike.hardware.search_space import map_space, reuse_of
from leanspike.hardware.semantics import Semantics

Objective = Literal["edp", "energy", "latency", "pareto"]


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    mapping, cost
        The best mapping and what it costs; of a Pareto search the one of lowest EDP.
    front
        Mappings that none beats in both energy and cycles, by energy; only of a Pareto search.
    mappings_total
        Mappings the constraints declare: splits of the bounds times orders of the loops in time.
    mappings_legal
        Those that fit the fan-outs, the formats and every capacity. All of them were looked at.
    seconds
        Time the search took (its share, where many were searched at once).
    """

    mapping: Mapping
    cost: LayerCost
    front: tuple[tuple[Mapping, LayerCost], ...]
    mappings_total: int
    mappings_legal: int
    seconds: float


def search(
    layer: Layer,
    architecture: Architecture,
    *,
    semantics: Semantics | str = "physical",
    objective: Objective = "edp",
    statistic: Statistic = "mean",
) -> SearchResult:
    """Find the best mapping of a layer on an architecture.

    Parameters
    ----------
    objective
        What to minimize: ``energy``, ``latency`` (cycles), their product ``edp``, or ``pareto``
        for all that are best in some trade-off of energy and cycles.

    Raises
    ------
    InputError
        When no mapping is legal; it names the constraint that leaves none.
    """
    cases = [(layer, architecture)]
    return search_many(cases, semantics=semantics, objective=objective, statistic=statistic)[0]


def search_many(
    cases: Sequence[tuple[Layer, Architecture]],
    *,
    semantics: Semantics | str = "physical",
    objective: Objective = "edp",
    statistic: Statistic = "mean",
) -> list[SearchResult]:
    """Search several layers and architectures; what they share is computed once."""
    rules = semantics if isinstance(semantics, Semantics) else Semantics.preset(semantics)
    compiled = [
        Case.of(layer, architecture, rules, statistic=statistic) for layer, architecture in cases
    ]
    return search_cases(compiled, objective)


def search_cases(cases: Sequence[Case], objective: Objective = "edp") -> list[SearchResult]:
    """Search compiled cases."""
    if objective not in get_args(Objective):
        raise InputError(
            f"found {objective!r}, expected one of {', '.join(get_args(Objective))}",
            where="objective",
        )
    return [_search_one(case, objective) for case in cases]


def _search_one(case: Case, objective: Objective) -> SearchResult:
    started = time.perf_counter()
    space = map_space(case.plan.problem, case.plan.architecture)
    found: list[tuple[Mapping, LayerCost]] = []
    legal = 0
    for mapping, stands_for in mappings(case, space):
        try:
            found.append((mapping, case.cost(mapping)))
        except InputError:
            continue
        legal += stands_for
    if not found:
        raise why_empty(space, [])
    scores = [_score(cost, objective) for _, cost in found]
    front = pareto_front([(cost.energy_pj, cost.cycles) for _, cost in found])
    best = int(np.argmin(scores))
    return SearchResult(
        *found[best],
        front=tuple(found[i] for i in front) if objective == "pareto" else (),
        mappings_total=space.total,
        mappings_legal=legal,
        seconds=time.perf_counter() - started,
    )


def mappings(case: Case, space: MapSpace) -> Iterator[tuple[Mapping, int]]:
    """Yield every mapping of a space, and how many of equal counts it stands for."""
    reuse = reuse_of(case.plan.problem, case.plan.architecture)
    for block in walk(space, reuse=reuse):
        factors = block.nests.factors().astype(np.int64)
        for n in range(len(block)):
            order = block.orders[block.order[n]].astype(np.int64)
            yield Mapping(space.dimensions, factors[n], order), int(block.stands_for[n])


def _score(cost: LayerCost, objective: Objective) -> float:
    if objective == "energy":
        return cost.energy_pj
    if objective == "latency":
        return cost.cycles
    return cost.energy_pj * cost.cycles
