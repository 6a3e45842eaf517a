"""Exhaustive search: the best mapping of a layer, of all there are."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import get_args

import numpy as np

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.mapping.walk import why_empty
from leanspike.hardware.model.case import Case
from leanspike.hardware.model.cost import LayerCost
from leanspike.hardware.search._bounds import LANES, Bounds
from leanspike.hardware.search.best import Best, undominated
from leanspike.hardware.search.best import Objective as Objective
from leanspike.hardware.search.groups import Batch, batches, grouped
from leanspike.hardware.search.measured import needs_passes, search_passes
from leanspike.hardware.search.tables import Tables
from leanspike.hardware.search.walks import Walk
from leanspike.hardware.search.watch import SearchProgress, Watch
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Layer, Statistic


def _no_mapping(case: Case) -> InputError:
    """Return which constraint leaves a case no mapping: fan-outs, formats, or a level's room.

    One alone is named where one alone is enough; otherwise all that refuse some mapping.
    """
    walk = Walk([case], limited=False)
    levels = [level.name for level in case.plan.architecture.levels]
    met = np.zeros(len(levels), np.int64)
    fitting = spread = 0
    for batch in batches(case, walk):
        spread += batch.walked
        if not batch.blocks:
            continue
        alone = Bounds([case], Tables(batch.numbers))
        for counted in batch.blocks:
            fitting += int(counted.stands_for.sum())
            for i in range(len(levels)):
                met[i] += alone.fitting(counted, i)
    if not spread:
        error = why_empty(walk.space, [])
        return InputError(error.what, where=f"{case.name}, map space", remedy=error.remedy)
    if not fitting:
        return InputError(
            "no mapping is left by the formats: every one has more loops than a format has ranks",
            where=f"{case.name}, map space",
            remedy="Give the format a rank per loop, or let its ranks flatten more loops",
        )
    small = [name for name, count in zip(levels, met, strict=True) if count == 0]
    tight = [name for name, count in zip(levels, met, strict=True) if count < fitting]
    names = " and ".join(small or tight)
    together = "" if small else " together"
    return InputError(
        f"no mapping is left by the capacity of {names}{together}: the smallest tiles do not fit",
        where=f"{case.name}, map space",
        remedy="Choose a larger depth, or free a factor so that tiles can be smaller",
    )


_FINITE = float(np.finfo(np.float64).max)


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes
    ----------
    mapping
        The best mapping; of a Pareto search the one of lowest EDP.
    energy_pj, cycles
        What it costs.
    front
        (energy in pJ, cycles, mapping) that none beats in both, by energy; only of a Pareto
        search.
    mappings_total
        Mappings the constraints declare: splits of the bounds times orders of the loops in time.
    mappings_legal
        Those that fit the fan-outs, the formats and every capacity. All of them were considered.
    mappings_priced
        Those that were priced one by one: of legal mappings with equal counts, the first.
    seconds
        Time the search took; of cases searched together, the share of this one.
    complete
        Whether every mapping was considered; False where a time limit or an interruption ended
        the search, and the mapping is the best of those considered by then.
    """

    case: Case = field(repr=False)
    mapping: Mapping
    energy_pj: float
    cycles: float
    front: tuple[tuple[float, float, Mapping], ...]
    mappings_total: int
    mappings_legal: int
    mappings_priced: int
    seconds: float
    complete: bool = True

    @property
    def edp(self) -> float:
        """Energy times delay, in J x cycles."""
        return self.energy_pj * 1e-12 * self.cycles

    @property
    def edp_js(self) -> float:
        """Energy times delay, in J x s."""
        return self.edp * self.case.cycle_ns * 1e-9

    @cached_property
    def cost(self) -> LayerCost:
        """The full breakdown of the best mapping's cost."""
        return self.case.cost(self.mapping)


def given_mapping(case: Case, lines: Sequence[str]) -> SearchResult:
    """Price a case under one given mapping: what a search returns that has no other choice.

    ``lines`` are those of :meth:`Mapping.to_text`.

    Raises
    ------
    InputError
        When the mapping does not fit the layer or the architecture; it names the layer.
    """
    started = time.perf_counter()
    try:
        mapping = Mapping.from_text(case.plan.problem.dims, lines)
        cost = case.cost(mapping)
    except InputError as error:
        raise _of_layer(case, error) from None
    seconds = time.perf_counter() - started
    found = SearchResult(case, mapping, cost.energy_pj, cost.cycles, (), 1, 1, 1, seconds)
    found.__dict__["cost"] = cost  # known already
    return found


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

    >>> from leanspike.hardware.architecture import Architecture
    >>> chip = Architecture(
    ...     name="two levels",
    ...     levels=[
    ...         {"name": "DRAM", "keeps": ["Weights", "Inputs", "Outputs"],
    ...          "energy": {"read": 100, "update": 100}},
    ...         {"name": "buffer", "keeps": ["Weights", "Inputs", "Outputs"], "depth": 16,
    ...          "width": 8, "energy": {"read": 1, "update": 1}},
    ...     ],
    ... )
    >>> found = search(Layer(name="dense", C=8, M=4), chip, objective="energy")
    >>> found.mappings_total, found.mappings_legal
    (26, 18)
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


def search_cases(
    cases: Sequence[Case], objective: Objective = "edp", watch: Watch | None = None
) -> list[SearchResult]:
    """Search compiled cases, in any mixture of problems, architectures and semantics.

    Raises
    ------
    InputError
        When a case has no legal mapping; it names the layer and the constraint.
    """
    found = search_each(cases, objective, watch)
    for one in found:
        if isinstance(one, InputError):
            raise one
    return [one for one in found if isinstance(one, SearchResult)]


def search_each(
    cases: Sequence[Case], objective: Objective = "edp", watch: Watch | None = None
) -> list[SearchResult | InputError]:
    """Search compiled cases; one without a legal mapping gives the error that says why.

    With a `watch` the search is followed, and may end early with the best so far.
    """
    if objective not in get_args(Objective):
        raise InputError(
            f"found {objective!r}, expected one of {', '.join(get_args(Objective))}",
            where="objective",
        )
    results: dict[int, SearchResult | InputError] = {}
    walks = grouped(cases)
    number, total = 0, sum(map(len, walks))
    for groups in walks:
        everyone = [cases[i] for indices in groups for i in indices]
        try:
            walk = Walk(everyone)
        except InputError as error:
            results |= {i: _of_layer(cases[i], error) for indices in groups for i in indices}
            number += len(groups)
            continue
        for indices in groups:
            number += 1
            few = [cases[i] for i in indices]
            names = tuple(dict.fromkeys(case.name for case in few))
            place = SearchProgress(names, number, total, walk.space.total, 0)
            found = _search_group(few, walk, objective, watch, place)
            results.update(zip(indices, found, strict=True))
    return [results[i] for i in range(len(cases))]


def _search_group(
    cases: Sequence[Case],
    walk: Walk,
    objective: Objective,
    watch: Watch | None,
    place: SearchProgress,
) -> Sequence[SearchResult | InputError]:
    started = time.perf_counter()
    bests = [Best(objective, walk.space) for _ in cases]
    complete = False
    try:
        if watch is None:
            for batch in batches(cases[0], walk):
                _search_batch(cases, batch, bests, objective)
            complete = True
        elif not watch.interrupted:
            watch.begin(place)
            complete = _watched(cases, walk, bests, objective, watch, place)
    except KeyboardInterrupt:
        if watch is None:
            raise
        watch.interrupt()
    seconds = (time.perf_counter() - started) / len(cases)
    return [
        _result(case, best, walk, seconds, complete=complete)
        for case, best in zip(cases, bests, strict=True)
    ]


def _watched(
    cases: Sequence[Case],
    walk: Walk,
    bests: Sequence[Best],
    objective: Objective,
    watch: Watch,
    place: SearchProgress,
) -> bool:
    """Search until the watch has enough; return whether everything was considered."""
    considered = 0
    for batch in batches(cases[0], walk):
        _search_batch(cases, batch, bests, objective)
        considered += batch.walked
        found = all(best.mapping is not None for best in bests)
        first = bests[0]
        known = (first.energy_pj, first.cycles) if first.mapping is not None else (None, None)
        now = replace(place, considered=considered, energy_pj=known[0], cycles=known[1])
        if watch.enough(now, found=found):
            return False
    return True


def _search_batch(
    cases: Sequence[Case], batch: Batch, bests: Sequence[Best], objective: Objective
) -> None:
    if not batch.blocks:
        return
    if needs_passes(cases[0]):
        for case, best in zip(cases, bests, strict=True):
            search_passes(case, batch, best, objective)
        return
    tables = Tables(batch.numbers)
    for first in range(0, len(cases), LANES):
        few = slice(first, first + LANES)
        _offer(Bounds(cases[few], tables), batch, bests[few], objective)


def _offer(pricer: Bounds, batch: Batch, bests: Sequence[Best], objective: Objective) -> None:
    for counted in batch.blocks:
        least, most, legal, bounds = pricer.of(counted, objective)
        for lane, best in enumerate(bests):
            best.legal += int(legal[0, lane])
            best.priced += int(legal[1, lane])
            if objective == "pareto":
                rows = undominated(bounds[lane])
            else:
                # Those that may be the best, by what they cost at least.
                reach = min(best.score, float(most[lane]), _FINITE)
                rows = np.flatnonzero(least[lane] <= reach)
            best.offer(counted, rows, *pricer.exact(lane, counted, rows))


def _result(
    case: Case, best: Best, walk: Walk, seconds: float, *, complete: bool
) -> SearchResult | InputError:
    if best.mapping is None:
        if complete:
            return _no_mapping(case)
        return InputError("interrupted before a legal mapping was found", where=case.name)
    return SearchResult(
        case=case,
        mapping=best.mapping,
        energy_pj=best.energy_pj,
        cycles=best.cycles,
        front=tuple(best.front),
        mappings_total=walk.space.total,
        mappings_legal=best.legal,
        mappings_priced=best.priced,
        seconds=seconds,
        complete=complete,
    )


def _of_layer(case: Case, error: InputError) -> InputError:
    where = f"{case.name}, {error.where}" if error.where else case.name
    return InputError(error.what, where=where, remedy=error.remedy)
