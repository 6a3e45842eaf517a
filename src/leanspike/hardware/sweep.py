"""Changing one key of nested plain data by its path, as a sweep does to an architecture.

The result of a sweep: one row per point and workload, and the front among them.

What a hardware sweep tries: values for any architecture key, crossed with workloads.

Running a sweep: every point priced, those without a legal mapping kept with the reason.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import product
from math import prod
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import Field, field_validator, model_validator

from leanspike.errors import InputError
from leanspike.files import replacing
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.model.cost import WorkloadCost
from leanspike.hardware.pareto import pareto_front
from leanspike.hardware.price import Job, price_many
from leanspike.hardware.search.watch import Watch
from leanspike.hardware.semantics import Preset
from leanspike.hardware.workload.layer import Statistic
from leanspike.hardware.workload.workload import Workload
from leanspike.spec import Spec, read_spec


def with_key(data: Mapping[str, Any], path: str, value: object) -> dict[str, Any]:
    """Return a copy of nested data with the value at ``path`` replaced.

    Parts of the path are joined by dots; an item of a list is named by its ``name``. Every part
    but the last must be there; the last one may be missing in a mapping, for fields at their
    defaults (whoever reads the data refuses what it does not know).

    Raises
    ------
    InputError
        When a part of the path does not exist; it names the keys that do.

    >>> data = {"levels": [{"name": "buffer", "depth": 64}]}
    >>> with_key(data, "levels.buffer.depth", 32)
    {'levels': [{'name': 'buffer', 'depth': 32}]}
    >>> with_key(data, "levels.bufer.depth", 32)
    Traceback (most recent call last):
    ...
    leanspike.errors.InputError: levels.bufer.depth: no 'bufer' here; did you mean 'buffer'?. \
Keys: buffer
    """
    copied = deepcopy(dict(data))
    parts = path.split(".")
    here: Any = copied
    for part in parts[:-1]:
        here = _step(here, part, path)
    last = parts[-1]
    if isinstance(here, list):
        position = next((i for i, item in enumerate(here) if _name(item) == last), None)
        if position is None:
            raise _missing(here, last, path)
        here[position] = value
    elif isinstance(here, dict):
        here[last] = value
    else:
        raise _missing(here, last, path)
    return copied


def _step(here: Any, part: str, path: str) -> Any:
    if isinstance(here, dict) and part in here:
        if here[part] is None:
            here[part] = {}
        return here[part]
    if isinstance(here, list):
        for item in here:
            if _name(item) == part:
                return item
    raise _missing(here, part, path)


def _name(item: Any) -> object:
    return item.get("name") if isinstance(item, dict) else None


def _missing(here: Any, part: str, path: str) -> InputError:
    if isinstance(here, dict):
        keys = [str(key) for key in here]
    elif isinstance(here, list):
        keys = [str(_name(item)) for item in here if _name(item) is not None]
    else:
        keys = []
    close = get_close_matches(part, keys, 1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    remedy = f"Keys: {', '.join(keys)}" if keys else "There is a plain value, with no keys below it"
    return InputError(f"no {part!r} here{hint}", where=path, remedy=remedy)


Metric = Literal["energy_uj", "cycles", "latency_ms", "edp_js", "area_mm2"]
METRICS: tuple[Metric, ...] = ("energy_uj", "cycles", "latency_ms", "edp_js", "area_mm2")


@dataclass(frozen=True)
class SweepRow:
    """One point of a sweep for one workload: its cost, or why it has none."""

    point: Mapping[str, Any]
    workload: str
    cost: WorkloadCost | None
    error: str | None

    def metrics(self) -> dict[Metric, float]:
        """Return energy (uJ), cycles, latency (ms), EDP (J s) and area (mm2); {} without cost."""
        if self.cost is None:
            return {}
        return {
            "energy_uj": self.cost.energy_pj * 1e-6,
            "cycles": self.cost.cycles,
            "latency_ms": self.cost.latency_s * 1e3,
            "edp_js": self.cost.edp_js,
            "area_mm2": self.cost.area * 1e-6,
        }


@dataclass(frozen=True)
class SweepTable:
    """All rows of a sweep, in the order of its points; ``keys`` are what it varied."""

    keys: tuple[str, ...]
    rows: tuple[SweepRow, ...]

    def front(
        self, objectives: Sequence[Metric] = ("energy_uj", "latency_ms")
    ) -> tuple[SweepRow, ...]:
        """Return the rows that none of the same workload beats in every objective.

        Raises
        ------
        InputError
            When an objective is not one of :data:`METRICS`.
        """
        for name in objectives:
            if name not in METRICS:
                raise InputError(
                    f"found {name!r}, expected some of {', '.join(METRICS)}", where="objectives"
                )
        kept: list[SweepRow] = []
        for workload in dict.fromkeys(row.workload for row in self.rows):
            priced = [row for row in self.rows if row.workload == workload and row.cost]
            points = [[row.metrics()[name] for name in objectives] for row in priced]
            kept += [priced[i] for i in pareto_front(points)]
        return tuple(kept)

    def records(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per row: workload, values, metrics, ``on_front``, error."""
        front = {id(row) for row in self.front()}
        return [
            {
                "workload": row.workload,
                **{key: row.point[key] for key in self.keys},
                **{name: row.metrics().get(name) for name in METRICS},
                "on_front": id(row) in front,
                "error": row.error,
            }
            for row in self.rows
        ]

    def to_csv(self, path: str | Path) -> None:
        """Write :meth:`records` as CSV; what is missing is left empty."""
        records = self.records()
        with replacing(path) as whole, whole.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["workload", *self.keys, *METRICS, "on_front", "error"])
            writer.writeheader()
            writer.writerows(records)


#: Keys of ``vary`` that are not paths into the architecture but settings of the pricing.
SETTINGS = ("architecture", "formats", "weight_bits", "statistic", "semantics")
# A sweep of more points is a mistake in a range, not a plan.
MOST_POINTS = 100_000


class Span(Spec):
    """Evenly spaced values: by ``step`` added, or by ``times`` multiplied, both ends included.

    >>> Span(**{"from": 8, "to": 32, "times": 2}).values()
    [8, 16, 32]
    >>> Span(**{"from": 0.5, "to": 1.0, "step": 0.25}).values()
    [0.5, 0.75, 1]
    """

    first: Annotated[float, Field(alias="from")]
    to: float
    step: Annotated[float, Field(gt=0)] | None = None
    times: Annotated[float, Field(gt=1)] | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Span:
        if (self.step is None) == (self.times is None):
            raise InputError("found neither or both of step and times, expected one")
        if self.to < self.first:
            raise InputError(f"found from {self.first} to {self.to}, expected an ascending range")
        if self.times is not None and self.first <= 0:
            raise InputError(f"found from {self.first} with times, expected more than 0")
        if self._length() > MOST_POINTS:
            raise InputError(f"found more than {MOST_POINTS} values")
        return self

    def _length(self) -> float:
        if self.step is not None:
            return (self.to - self.first) / self.step
        # Each factor above 1 at least adds (times - 1) * first.
        return (self.to - self.first) / (self.first * (self.times or 2) - self.first)

    def values(self) -> list[int | float]:
        """Return the values; whole numbers are integers."""
        found: list[float] = []
        n = 0
        # Half a millionth of slack: 0.1 added ten times must reach 1.
        while True:
            value = (
                self.first + n * self.step
                if self.step is not None
                else self.first * (self.times or 1) ** n
            )
            if value > self.to * (1 + 5e-7 * (self.to > 0)):
                break
            found.append(round(value, 12))
            n += 1
        return [int(v) if v == int(v) else v for v in found]


class Sweep(Spec):
    """Architectures crossed with workloads.

    ``vary`` gives each key a list of values or a :class:`Span`. A key is a path into the
    architecture, items of lists by their name (``levels.global_buffer.depth``), or one of the
    settings ``architecture``, ``formats``, ``weight_bits``, ``statistic`` and ``semantics``.

    Raises
    ------
    InputError
        When a list is empty or the sweep has more than 100,000 points.

    >>> sweep = Sweep(architecture="eyeriss_snn", vary={"weight_bits": [2, 8],
    ...                                                 "levels.pe.fanout.x": [1]})
    >>> list(sweep.points())
    [{'weight_bits': 2, 'levels.pe.fanout.x': 1}, {'weight_bits': 8, 'levels.pe.fanout.x': 1}]
    """

    architecture: Annotated[str, Field(min_length=1)] = "eyeriss_snn"
    workloads: Annotated[tuple[str, ...], Field(min_length=1)] = ("published",)
    vary: dict[str, list[Any] | Span]
    objective: Literal["edp", "energy", "latency"] = "edp"
    semantics: Preset = "physical"
    statistic: Literal["mean", "max"] = "mean"
    formats: str | None = None
    weight_bits: Annotated[int, Field(ge=1, le=64)] | None = None

    @field_validator("vary", mode="after")
    @classmethod
    def _some_values(cls, vary: dict[str, list[Any] | Span]) -> dict[str, list[Any] | Span]:
        for key, values in vary.items():
            if isinstance(values, list) and not values:
                raise InputError("found no values", where=key)
        return vary

    @model_validator(mode="after")
    def _not_too_many(self) -> Sweep:
        count = prod(len(values) for values in self._values().values())
        if count > MOST_POINTS:
            raise InputError(f"found {count} points, expected at most {MOST_POINTS}", where="vary")
        return self

    @classmethod
    def load(cls, path: str | Path) -> Sweep:
        """Read a sweep from YAML.

        Raises
        ------
        InputError
            Naming file, key, found and expected.
        """
        return read_spec(cls, Path(path))

    def _values(self) -> dict[str, list[Any]]:
        return {
            key: values.values() if isinstance(values, Span) else values
            for key, values in self.vary.items()
        }

    def points(self) -> Iterator[dict[str, Any]]:
        """Yield the value of every key, point by point, the last key fastest."""
        values = self._values()
        for chosen in product(*values.values()):
            yield dict(zip(values, chosen, strict=True))


# Layers searched at a time: enough to share their walks, few enough to show progress.
_TOGETHER = 256


@dataclass(frozen=True)
class _Point:
    """One point of a sweep for one workload."""

    values: Mapping[str, Any]
    job: Job


def run_sweep(
    sweep: Sweep,
    progress: Callable[[int, int], None] | None = None,
    *,
    watch: Watch | None = None,
) -> SweepTable:
    """Price every point of a sweep under the best mapping of every layer.

    Parameters
    ----------
    sweep
        What to try.
    progress
        Called with the points done and all points.
    watch
        Who follows the searches. A time limit holds for the whole sweep, and it or an interruption
        leaves the rows that are done: no row has a mapping that is only the best so far.

    Raises
    ------
    InputError
        When a key does not exist or a value does not fit it; it names the key. A point whose
        layers have no legal mapping is no error: its row says so.
    """
    points = list(_points(sweep))
    rows: list[SweepRow] = []
    try:
        for batch in _together(points):
            done = list(_priced(batch, sweep, watch))
            if watch is not None and watch.stopped:
                break
            rows += done
            if progress is not None:
                progress(len(rows), len(points))
    except KeyboardInterrupt:
        if watch is None:
            raise
        watch.interrupt()
    return SweepTable(tuple(sweep.vary), tuple(rows))


def _together(points: list[_Point]) -> Iterator[list[_Point]]:
    """Yield points in batches of at least so many layers."""
    batch: list[_Point] = []
    for point in points:
        batch.append(point)
        if sum(len(p.job.cases) for p in batch) >= _TOGETHER:
            yield batch
            batch = []
    if batch:
        yield batch


def _points(sweep: Sweep) -> Iterator[_Point]:
    workloads = [Workload.load(name) for name in sweep.workloads]
    for values in sweep.points():
        given = {key: values.get(key, getattr(sweep, key)) for key in SETTINGS}
        chip = varied(given.pop("architecture"), values)
        if given["statistic"] not in get_args(Statistic):
            raise InputError(
                f"found {given['statistic']!r}, expected mean or max", where="vary.statistic"
            )
        given["semantics"] = str(given["semantics"])
        for workload in workloads:
            job = Job(workload, chip, **given)
            _ = job.cases  # what cannot be compiled is refused before anything is searched
            yield _Point(values, job)


def varied(name: str, values: Mapping[str, Any]) -> Architecture:
    """Return an architecture with values of keys (:func:`with_key`) changed.

    Parameters
    ----------
    name
        A preset or an architecture file.
    values
        Value by key; :data:`SETTINGS` are passed over.

    Raises
    ------
    InputError
        When a key does not exist or a value does not fit it; it names the key.
    """
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
        point = ", ".join(f"{path} = {value}" for path, value in paths.items())
        place = f"{point}: {error.where}" if error.where else point
        raise InputError(error.what, where=place, remedy=error.remedy) from None


def _priced(points: list[_Point], sweep: Sweep, watch: Watch | None) -> Iterator[SweepRow]:
    found = price_many([point.job for point in points], sweep.objective, watch)
    for point, one in zip(points, found, strict=True):
        cost, error = (None, str(one)) if isinstance(one, InputError) else (one.cost, None)
        yield SweepRow(dict(point.values), point.job.workload.name, cost, error)
