"""Running a sweep: every point priced, those without a legal mapping kept with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast, get_args

from leanspike.errors import InputError
from leanspike.hardware.architecture import Architecture
from leanspike.hardware.case import Case, network_cases
from leanspike.hardware.cost import LayerCost, WorkloadCost
from leanspike.hardware.layer import Statistic
from leanspike.hardware.search import SearchResult, search_each
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.sweep import SETTINGS, Sweep
from leanspike.hardware.sweep_keys import with_key
from leanspike.hardware.sweep_table import SweepRow, SweepTable
from leanspike.hardware.workload import Workload

# Cases searched at a time: enough to share their walks, few enough to show progress.
_TOGETHER = 256


@dataclass(frozen=True)
class _Point:
    """One point of a sweep for one workload, compiled."""

    values: Mapping[str, Any]
    workload: Workload
    chip: Architecture
    cases: tuple[Case, ...]
    settings: Mapping[str, Any]


def run_sweep(sweep: Sweep, progress: Callable[[int, int], None] | None = None) -> SweepTable:
    """Price every point of a sweep under the best mapping of every layer.

    Parameters
    ----------
    sweep
        What to try.
    progress
        Called with the points done and all points.

    Raises
    ------
    InputError
        When a key does not exist or a value does not fit it; it names the key. A point whose
        layers have no legal mapping is no error: its row says so.
    """
    points = list(_points(sweep))
    rows: list[SweepRow] = []
    waiting: list[_Point] = []
    for number, point in enumerate(points):
        waiting.append(point)
        if number == len(points) - 1 or sum(len(p.cases) for p in waiting) >= _TOGETHER:
            rows += _priced(waiting, sweep)
            waiting = []
            if progress is not None:
                progress(len(rows), len(points))
    return SweepTable(tuple(sweep.vary), tuple(rows))


def _points(sweep: Sweep) -> Iterator[_Point]:
    workloads = [Workload.load(name) for name in sweep.workloads]
    for values in sweep.points():
        given = {key: values.get(key, getattr(sweep, key)) for key in SETTINGS}
        chip = _chip(given["architecture"], values).with_formats(given["formats"])
        semantics = Semantics.preset(str(given["semantics"]))
        if given["statistic"] not in get_args(Statistic):
            raise InputError(
                f"found {given['statistic']!r}, expected mean or max", where="vary.statistic"
            )
        for workload in workloads:
            bits = given["weight_bits"]
            network = workload if bits is None else workload.with_weight_bits(bits)
            statistic = cast(Statistic, given["statistic"])
            cases = network_cases(network.layers, chip, semantics, statistic=statistic)
            yield _Point(values, network, chip, tuple(cases), given)


def _chip(name: str, values: Mapping[str, Any]) -> Architecture:
    base = Architecture.load(name)
    paths = {key: value for key, value in values.items() if key not in SETTINGS}
    if not paths:
        return base
    data = base.model_dump(mode="json", exclude_defaults=True)
    for path, value in paths.items():
        data = with_key(data, path, value)
    try:
        return Architecture(**data)
    except InputError as error:
        told = ", ".join(f"{path} = {value}" for path, value in paths.items())
        place = f"{told}: {error.where}" if error.where else told
        raise InputError(error.what, where=place, remedy=error.remedy) from None


def _priced(points: list[_Point], sweep: Sweep) -> Iterator[SweepRow]:
    found = iter(search_each([case for p in points for case in p.cases], sweep.objective))
    for point in points:
        results = [next(found) for _ in point.cases]
        refused = next((one for one in results if isinstance(one, InputError)), None)
        if refused is not None:
            yield SweepRow(dict(point.values), point.workload.name, None, str(refused))
            continue
        layers = tuple(cast(SearchResult, one).cost for one in results)
        yield SweepRow(dict(point.values), point.workload.name, _total(point, layers), None)


def _total(point: _Point, layers: tuple[LayerCost, ...]) -> WorkloadCost:
    prices = point.cases[0].pricing
    return WorkloadCost(
        workload=point.workload.name,
        architecture=point.chip.name,
        semantics=str(point.settings["semantics"]),
        formats=point.settings["formats"],
        statistic=str(point.settings["statistic"]),
        layers=layers,
        area_um2=prices.area,
        leakage_uw=prices.leakage_uw,
        left_out=point.workload.left_out,
        left_out_share=point.workload.left_out_share,
    )
