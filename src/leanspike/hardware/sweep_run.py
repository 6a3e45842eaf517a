"""Running a sweep: every point priced, those without a legal mapping kept with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from leanspike.errors import InputError
from leanspike.hardware.architecture import Architecture
from leanspike.hardware.layer import Statistic
from leanspike.hardware.price import Job, price_many
from leanspike.hardware.sweep import SETTINGS, Sweep
from leanspike.hardware.sweep_keys import with_key
from leanspike.hardware.sweep_table import SweepRow, SweepTable
from leanspike.hardware.workload import Workload

# Layers searched at a time: enough to share their walks, few enough to show progress.
_TOGETHER = 256


@dataclass(frozen=True)
class _Point:
    """One point of a sweep for one workload."""

    values: Mapping[str, Any]
    job: Job


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
    batch: list[_Point] = []
    for number, point in enumerate(points, start=1):
        batch.append(point)
        if number == len(points) or sum(len(p.job.cases) for p in batch) >= _TOGETHER:
            rows += _priced(batch, sweep)
            batch = []
            if progress is not None:
                progress(len(rows), len(points))
    return SweepTable(tuple(sweep.vary), tuple(rows))


def _points(sweep: Sweep) -> Iterator[_Point]:
    workloads = [Workload.load(name) for name in sweep.workloads]
    for values in sweep.points():
        given = {key: values.get(key, getattr(sweep, key)) for key in SETTINGS}
        chip = _chip(given.pop("architecture"), values)
        if given["statistic"] not in get_args(Statistic):
            raise InputError(
                f"found {given['statistic']!r}, expected mean or max", where="vary.statistic"
            )
        given["semantics"] = str(given["semantics"])
        for workload in workloads:
            job = Job(workload, chip, **given)
            _ = job.cases  # what cannot be compiled is said before anything is searched
            yield _Point(values, job)


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
    found = price_many([point.job for point in points], sweep.objective)
    for point, one in zip(points, found, strict=True):
        cost, error = (None, str(one)) if isinstance(one, InputError) else (one.cost, None)
        yield SweepRow(dict(point.values), point.job.workload.name, cost, error)
