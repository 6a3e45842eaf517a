"""An own study's numbers, in the places of the published ones."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from statistics import fmean

from leanspike.hardware.architecture import Architecture
from leanspike.hardware.price import Job, price_all
from leanspike.report.paper.column import (
    CUMULATIVE,
    JOINT,
    MEASURES,
    NETWORKS,
    PRUNED,
    TERNARY,
    Column,
    Evidence,
    LineKey,
    Mark,
    Step,
)
from leanspike.report.paper.model_column import DENSE_FORMATS, without_zeros
from leanspike.study import Cost, MainReading, Results, Setting, settings


def own_studies(studies: Sequence[Results]) -> tuple[Evidence, ...]:
    """Gather several studies' numbers, each under a title of its own."""
    made: list[Evidence] = []
    seen: Counter[str] = Counter()
    for results in studies:
        seeds = tuple(dict.fromkeys(result.point.seed for result in results.points))
        title = f"own study, {results.data.name}"
        if len(seeds) > 1:
            title += f", {len(seeds)} seeds"
        seen[title] += 1
        if seen[title] > 1:
            title += f" ({seen[title]})"
        by_seed = tuple(own_column(_of_seed(results, seed), title=title) for seed in seeds)
        # The dense networks are priced anew each time: not twice for a study of one seed.
        column = by_seed[0] if len(seeds) == 1 else own_column(results, title=title)
        made.append(Evidence(column, by_seed, results))
    return tuple(made)


def _of_seed(results: Results, seed: int) -> Results:
    return replace(results, points=tuple(r for r in results.points if r.point.seed == seed))


def own_column(results: Results, *, title: str = "own study") -> Column:
    """Return what a study has of the published figures' networks.

    Means over seeds, in the study's first architecture and, where a figure has one format and
    statistic, in its first ones. Energies in uJ, energy-delay products in uJ * kcycles. The dense
    networks are priced here, from the activity that the study keeps.
    """
    study = _Own(results)
    return Column(
        title=title,
        energy_unit="µJ",
        edp_unit="µJ · kcycles",
        marks=study.marks(),
        layers=tuple(layer.name for layer in results.priced[0].layers) if results.priced else (),
        zeros=study.zeros(),
        lines=study.lines(),
        dense=study.dense(),
        breakdown=study.breakdown(),
    )


class _Own:
    def __init__(self, results: Results) -> None:
        self.main = MainReading.of(results)
        self.hardware = results.file.hardware
        self.all = settings(results.priced)

    def of(self, strategy: str) -> list[Setting]:
        return [group for group in self.all if group.point.strategy == strategy]

    def find(self, strategy: str, bits: int | None, sparsity: float) -> Setting | None:
        for group in self.of(strategy):
            if (group.point.weight_bits, group.point.sparsity) == (bits, sparsity):
                return group
        return None

    def costs(self, setting: Setting, format_: str, statistic: str) -> list[Cost]:
        found = [
            result.cost(self.main.architecture, format_, statistic) for result in setting.results
        ]
        return [cost for cost in found if cost is not None]

    def marks(self) -> tuple[Mark, ...]:
        made = []
        for measure in MEASURES:
            for group in self.of(measure):
                costs = [self.main.cost(result) for result in group.results]
                made.append(
                    Mark(
                        measure,
                        group.point.weight_bits,
                        group.point.sparsity,
                        group.accuracy.mean,
                        fmean(cost.energy_pj for cost in costs) * 1e-6,
                        fmean(cost.energy_pj * cost.cycles for cost in costs) * 1e-9,
                    )
                )
        return tuple(made)

    def zeros(self) -> dict[str, tuple[float, ...]]:
        wanted = {
            TERNARY: self.find("quantize", 2, 0.0),
            PRUNED: self.find("prune", None, 0.8),
            CUMULATIVE: self.find("cumulative", 3, 0.8),
            JOINT: self.find("joint", 3, 0.8),
        }
        return {
            name: tuple(
                fmean(result.layers[i].sparsity for result in group.results)
                for i in range(len(group.results[0].layers))
            )
            for name, group in wanted.items()
            if group is not None
        }

    def lines(self) -> dict[LineKey, tuple[Step, ...]]:
        made: dict[LineKey, tuple[Step, ...]] = {}
        for measure in ("quantize", "prune"):
            for format_ in self.hardware.formats:
                for statistic in self.hardware.statistics:
                    steps = [
                        self._step(group, format_, statistic)
                        for group in self.of(measure)
                        if self.costs(group, format_, statistic)
                    ]
                    if steps:
                        key: LineKey = (
                            "quantize" if measure == "quantize" else "prune",
                            format_,
                            statistic,
                        )
                        made[key] = tuple(sorted(steps, key=lambda step: step.at))
        return made

    def _step(self, group: Setting, format_: str, statistic: str) -> Step:
        costs = self.costs(group, format_, statistic)
        bits = group.point.weight_bits
        return Step(
            at=group.point.sparsity if bits is None else bits,
            zeros=group.over_seeds(lambda result: result.sparsity).mean,
            energy=fmean(cost.energy_pj for cost in costs) * 1e-6,
            edp=fmean(cost.energy_pj * cost.cycles for cost in costs) * 1e-9,
        )

    def dense(self) -> dict[str, dict[int, float]]:
        chip = Architecture.load(self.main.architecture)
        jobs = {
            (format_, group.point.weight_bits, result.point.seed): Job(
                without_zeros(result.measured.workload), chip, self.hardware.semantics, format_
            )
            for format_ in DENSE_FORMATS
            if format_ in self.hardware.formats
            for group in self.of("quantize")
            if group.point.weight_bits is not None
            for result in group.results
        }
        energies: dict[str, dict[int, list[float]]] = {}
        found = price_all(list(jobs.values()), self.hardware.objective)
        for (format_, bits, _), priced in zip(jobs, found, strict=True):
            by_bits = energies.setdefault(format_, {})
            by_bits.setdefault(bits, []).append(priced.cost.energy_pj)
        return {
            format_: {bits: fmean(each) * 1e-6 for bits, each in by_bits.items()}
            for format_, by_bits in energies.items()
        }

    def breakdown(self) -> dict[str, dict[str, float]]:
        # The float network's weights have no zeros and are priced at 8 bits unless a study says
        # otherwise: the dense network of the figure.
        dense = self.find("float", None, 0.0) if self.hardware.unquantized_bits == 8 else None
        wanted = (self.find("quantize", 2, 0.0), dense, self.find("prune", None, 0.8))
        made = {}
        for name, group in zip(NETWORKS, wanted, strict=True):
            if group is None:
                continue
            costs = [self.main.cost(result) for result in group.results]
            computes = sum(cost.computes for cost in costs)
            made[name] = {
                component: sum(cost.components.get(component, 0.0) for cost in costs) / computes
                for component in costs[0].components
            }
        return made
