"""What the page shows, as plain data: settings over seeds, with every reading's costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from statistics import fmean
from typing import TypedDict

from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Density
from leanspike.study import Cost, PointResult, Results, Setting, settings
from leanspike.study.records import JsonObject, plain

#: Strategies that have a colour of their own; those of the user's own share one.
STRATEGIES = ("float", "control", "quantize", "prune", "cumulative", "joint", "search")


class ShownDensity(TypedDict):
    """Fraction of values that are not zero."""

    mean: float
    max: float


class ShownLayer(TypedDict):
    """A layer's weights and activity, means over seeds."""

    name: str
    weights: int
    bits: int
    zeros: float
    inputs: ShownDensity | None
    outputs: ShownDensity | None


class ShownLayerCost(TypedDict):
    """What a layer costs, means over seeds."""

    name: str
    components: dict[str, float]
    cycles: float


class ShownTotals(TypedDict):
    """Costs in one reading, a value per seed; all there is where an assumption is switched."""

    energy: list[float]
    latency: list[float]
    edp: list[float]


class ShownCost(ShownTotals, total=False):
    """Costs in one reading, with their parts as means over seeds."""

    cycles: float
    computes: float
    components: dict[str, float]
    layers: list[ShownLayerCost]


class ShownSetting(TypedDict):
    """A setting over its seeds."""

    name: str
    broken: str | None
    strategy: str
    bits: int | None
    sparsity: float
    seeds: list[int]
    accuracy: list[float]
    validation: list[float]
    samples: int
    stored_bits: float
    zeros: float
    layers: list[ShownLayer]
    costs: dict[str, ShownCost]


class View(TypedDict):
    """What the page is drawn from: its script reads it as JSON."""

    name: str
    data: JsonObject
    provenance: JsonObject
    file: JsonObject
    planned: int
    failures: list[list[str]]
    architectures: list[str]
    formats: list[str]
    statistics: list[str]
    assumptions: dict[str, str]
    settings: list[ShownSetting]


def view(results: Results) -> View:
    """Return a study as the data its page is drawn from.

    Costs are keyed ``architecture|format|statistic|assumption``, the assumption empty where none
    is switched; energies in pJ, latencies in s, energy-delay products in J*s. Totals are lists
    over seeds; layers and components are means over them.
    """
    hardware = results.file.hardware
    return {
        "name": results.name,
        "data": plain(results.data),
        "provenance": plain(results.provenance),
        "file": results.file.plain(),
        "planned": results.planned,
        "failures": [list(failure) for failure in results.failures],
        "architectures": list(hardware.architectures),
        "formats": list(hardware.formats),
        "statistics": list(hardware.statistics),
        "assumptions": _assumptions(results),
        "settings": [_setting(group) for group in settings(results.priced)],
    }


def _assumptions(results: Results) -> dict[str, str]:
    """Return what each modelling assumption that was switched says."""
    says = {switch.name: str(switch.metadata["says"]) for switch in fields(Semantics)}
    switched = {cost.flipped for result in results.priced for cost in result.costs}
    return {
        name: says.get(name, "an assumption of an earlier version")
        for name in sorted(name for name in switched if name)
    }


def _setting(setting: Setting) -> ShownSetting:
    results = setting.results
    point = setting.point
    return {
        "name": setting.name,
        "broken": setting.broken,
        "strategy": point.strategy if point.strategy in STRATEGIES else "own",
        "bits": point.weight_bits,
        "sparsity": point.sparsity,
        "seeds": [result.point.seed for result in results],
        "accuracy": [result.accuracy for result in results],
        "validation": [result.validation_accuracy for result in results],
        "samples": results[0].samples,
        "stored_bits": fmean(result.stored_bits for result in results),
        "zeros": fmean(result.sparsity for result in results),
        "layers": _layers(results),
        "costs": {key: _cost(group) for key, group in _readings(results).items()},
    }


def _layers(results: Sequence[PointResult]) -> list[ShownLayer]:
    made: list[ShownLayer] = []
    for i, layer in enumerate(results[0].layers):
        found = [result.measured.activity.get(layer.name) for result in results]
        made.append(
            {
                "name": layer.name,
                "weights": layer.weights,
                "bits": layer.bits,
                "zeros": fmean(result.layers[i].sparsity for result in results),
                "inputs": _densities([each.inputs for each in found if each]),
                "outputs": _densities([each.outputs for each in found if each]),
            }
        )
    return made


def _densities(found: Sequence[Density]) -> ShownDensity | None:
    if not found:
        return None
    return {
        "mean": fmean(each.mean for each in found), "max": fmean(each.max for each in found),
    }  # fmt: skip


def _readings(results: Sequence[PointResult]) -> dict[str, list[Cost]]:
    groups: dict[str, list[Cost]] = {}
    for result in results:
        for cost in result.costs:
            key = "|".join((cost.architecture, cost.format, cost.statistic, cost.flipped or ""))
            groups.setdefault(key, []).append(cost)
    return groups


def _cost(costs: Sequence[Cost]) -> ShownCost:
    totals: ShownCost = {
        "energy": [_rounded(cost.energy_pj) for cost in costs],
        "latency": [_rounded(cost.latency_s) for cost in costs],
        "edp": [_rounded(cost.edp_js) for cost in costs],
    }
    if costs[0].flipped is not None:
        # The page compares switched assumptions by their totals only.
        return totals
    components = [cost.components for cost in costs]
    names = list(dict.fromkeys(name for each in components for name in each))
    return {
        **totals,
        "cycles": _rounded(_mean([cost.cycles for cost in costs])),
        "computes": _rounded(_mean([cost.computes for cost in costs])),
        "components": _parts(names, components),
        "layers": [
            {
                "name": layer.name,
                "components": _parts(names, [cost.layers[i].components for cost in costs]),
                "cycles": _short(_mean([cost.layers[i].cycles for cost in costs])),
            }
            for i, layer in enumerate(costs[0].layers)
        ],
    }


def _parts(names: Sequence[str], found: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: _short(_mean([each.get(name, 0.0) for each in found])) for name in names}


def _mean(values: Sequence[float]) -> float:
    return values[0] if len(values) == 1 else fmean(values)


def _rounded(value: float) -> float:
    """Keep six digits: more than anyone reads off a page, and a third of the size."""
    return float(f"{value:.6g}")


def _short(value: float) -> float:
    """Keep four digits, as many as the page shows of a part: most of a page's size is parts."""
    return float(f"{value:.4g}")
