"""Searching the map space of a Timeloop input, what it leaves open to keep or bypass included."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, combinations
from pathlib import Path

from leanspike.errors import InputError
from leanspike.hardware.model.case import Case
from leanspike.hardware.pareto import pareto_front
from leanspike.hardware.search.exhaustive import Objective, SearchResult, search_each
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.timeloop.read import read_timeloop
from leanspike.hardware.timeloop.report import timeloop_case
from leanspike.spec import named

#: Open pairs of a level and a tensor that are tried both ways: at most 64 map spaces.
MOST_FREE = 6


def search_timeloop(
    path: str | Path, semantics: Semantics, objective: Objective = "edp"
) -> SearchResult:
    """Find the best mapping of a Timeloop input.

    Where its constraints do not say whether a level keeps a tensor, both are tried, as Timeloop's
    mapper does; the counts of mappings are those of all these map spaces together.

    Raises
    ------
    InputError
        When the file does not fit, more than :data:`MOST_FREE` pairs are open, or no mapping is
        legal.
    """
    free = read_timeloop(path).free
    if len(free) > MOST_FREE:
        free_ones = ", ".join(f"{tensor} at {level}" for level, tensor in free)
        raise InputError(
            f"{len(free)} tensors may be kept or bypassed ({free_ones}), "
            f"expected at most {MOST_FREE}",
            where=f"{path}, mapspace_constraints",
            remedy="Say keep or bypass in targets of type bypass",
        )
    choices = chain.from_iterable(combinations(free, count) for count in range(len(free) + 1))
    inputs = [read_timeloop(path, bypassed=choice) for choice in choices]
    with named(path):
        cases: list[Case] = []
        wrong: list[InputError] = []
        for one in inputs:
            try:
                cases.append(timeloop_case(one, semantics))
            except InputError as error:
                wrong.append(error)
        results = search_each(cases, objective) if cases else []
        found = [one for one in results if isinstance(one, SearchResult)]
        if not found:
            # What is wrong with all tensors kept is wrong with the file.
            raise [*wrong, *(one for one in results if isinstance(one, InputError))][0]
    best = min(found, key=lambda one: (_score(one, objective), one.energy_pj))
    points = [point for one in found for point in one.front]
    kept = pareto_front([(energy, cycles) for energy, cycles, _ in points]) if points else ()
    return replace(
        best,
        front=tuple(points[int(index)] for index in kept),
        mappings_total=sum(one.mappings_total for one in found),
        mappings_legal=sum(one.mappings_legal for one in found),
        mappings_priced=sum(one.mappings_priced for one in found),
        seconds=sum(one.seconds for one in found),
    )


def _score(result: SearchResult, objective: Objective) -> float:
    if objective == "energy":
        return result.energy_pj
    return result.cycles if objective == "latency" else result.edp
