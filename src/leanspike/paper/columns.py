"""The published study's own numbers, as its figures show them.

Our model on the published settings: every number its figures need, in one search.

An own study's numbers, in the places of the published ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.price import Job, price_all
from leanspike.hardware.workload.workload import Workload
from leanspike.paper.column import (
    BITS,
    CUMULATIVE,
    FORMATS,
    FRACTIONS,
    JOINT,
    MEASURES,
    NETWORKS,
    PRUNED,
    TERNARY,
    Column,
    Evidence,
    LineKey,
    Mark,
    Measure,
    Step,
)
from leanspike.paper.published import (
    DENSE_MJ,
    INDUCED_SPARSITY,
    LAYERS,
    PRUNED_80_SPARSITY,
    TERNARY_SPARSITY,
    PublishedEnergy,
    published_accuracy,
    published_breakdown,
    published_energy,
    published_setting,
)
from leanspike.paper.table import PRUNED as PRUNED_NETWORK
from leanspike.paper.table import TERNARY as TERNARY_NETWORK
from leanspike.paper.table import (
    ModelReading,
    Outcome,
    Parts,
    Row,
    all_weights_used,
    table,
)
from leanspike.study import Cost, MainReading, Results, Setting, settings


def published_column() -> Column:
    """Return the published numbers; energies in mJ, energy-delay products in mJ * Mcycles."""
    names = dict(zip(("ternary", "dense_8b", "sparse_8b"), NETWORKS, strict=True))
    return Column(
        title="published",
        energy_unit="mJ",
        edp_unit="mJ · Mcycles",
        marks=tuple(
            _mark(row)
            for row in published_energy()
            if (row.format, row.statistic) == ("RLE", "mean")
        ),
        layers=LAYERS,
        zeros={
            TERNARY: tuple(TERNARY_SPARSITY[name] for name in LAYERS),
            PRUNED: tuple(PRUNED_80_SPARSITY[name] for name in LAYERS),
        },
        lines=_published_lines(),
        dense=DENSE_MJ,
        breakdown={names[key]: parts for key, parts in published_breakdown().items()},
    )


def measure_of(strategy: str, fraction: float, bits: int) -> Measure:
    """Name what a published row did: pruning alone is ``joint`` at 8 bits there."""
    if strategy == "cumulative":
        return "cumulative"
    if fraction == 0:
        return "quantize"
    return "prune" if bits == 8 else "joint"


def published_edp(row: PublishedEnergy) -> float:
    """Energy in mJ times millions of cycles, both summed over the layers, as its figures do."""
    return row.energy_uj / 1e3 * row.cycles / 1e6


def _mark(row: PublishedEnergy) -> Mark:
    measure = measure_of(row.strategy, row.prune_fraction, row.weight_bits)
    accuracy = published_accuracy()[row.strategy, row.prune_fraction, row.weight_bits]
    bits = None if measure == "prune" else row.weight_bits
    return Mark(
        measure, bits, row.prune_fraction, accuracy, row.energy_uj / 1e3, published_edp(row)
    )  # fmt: skip


def _published_lines() -> dict[LineKey, tuple[Step, ...]]:
    found: dict[LineKey, list[Step]] = {}
    for row in published_energy():
        measure = measure_of(row.strategy, row.prune_fraction, row.weight_bits)
        if measure not in ("quantize", "prune"):
            continue
        quantized = measure == "quantize"
        at = row.weight_bits if quantized else row.prune_fraction
        zeros = INDUCED_SPARSITY[row.weight_bits] if quantized else row.prune_fraction
        step = Step(at, zeros, row.energy_uj / 1e3, published_edp(row))
        found.setdefault((measure, row.format, row.statistic), []).append(step)
    return {key: tuple(sorted(steps, key=lambda step: step.at)) for key, steps in found.items()}


DENSE_FORMATS = ("RLE", "UOP")


def figure_rows() -> list[Row]:
    """Return the rows of the table that figures draw: the maximum of one format only."""
    networks = [(strategy, fraction, bits) for strategy, fraction, bits in published_accuracy()]
    rows: list[Row] = [("RLE", *network, "mean") for network in networks]
    for name in FORMATS:
        for statistic in ("mean", "max") if name == "UOP" else ("mean",):
            rows += [(name, "joint", 0.0, bits, statistic) for bits in BITS]
            rows += [(name, "joint", fraction, 8, statistic) for fraction in FRACTIONS]
    return list(dict.fromkeys(rows))


def model_column(
    reading: ModelReading, outcomes: Mapping[Row, Outcome | Parts] | None = None, *, title: str
) -> Column:
    """Return a reading's numbers; energies in mJ, energy-delay products in mJ * Mcycles.

    Accuracies are the published ones: a model of hardware has none of its own. Weight densities
    that were not printed are inferred (:mod:`leanspike.paper.published`).

    Parameters
    ----------
    outcomes
        The rows of :func:`figure_rows`, priced; they are priced here when left out.
    """
    known = table(reading, figure_rows()) if outcomes is None else outcomes
    marks = []
    for (strategy, fraction, bits), accuracy in published_accuracy().items():
        measure = measure_of(strategy, fraction, bits)
        one = known["RLE", strategy, fraction, bits, "mean"]
        kept = None if measure == "prune" else bits
        edp = one.energy * one.megacycles
        marks.append(Mark(measure, kept, fraction, accuracy, one.energy, edp))
    both = _zeros_by_layer(0.8, 3)
    jobs = {
        (name, bits): reading.job(name, ("joint", 0.0, bits, "mean"), without_zeros=True)
        for name in DENSE_FORMATS
        for bits in BITS
    }
    dense = dict(zip(jobs, price_all(list(jobs.values())), strict=True))
    alone = [reading.job("RLE", network) for network in (TERNARY_NETWORK, PRUNED_NETWORK)]
    ternary, pruned = (one.cost for one in price_all(alone))
    networks = (ternary, dense["RLE", 8].cost, pruned)
    return Column(
        title=title,
        energy_unit="mJ",
        edp_unit="mJ · Mcycles",
        marks=tuple(marks),
        layers=LAYERS,
        zeros={
            TERNARY: _zeros_by_layer(0.0, 2),
            PRUNED: _zeros_by_layer(0.8, 8),
            CUMULATIVE: both,
            JOINT: both,
        },
        lines=_lines(known),
        dense={
            name: {bits: dense[name, bits].cost.energy_pj / 1e9 for bits in BITS}
            for name in DENSE_FORMATS
        },
        breakdown={
            name: _per_compute(
                (layer.energy_by("component"), layer.computes["actual"]) for layer in cost.layers
            )
            for name, cost in zip(NETWORKS, networks, strict=True)
        },
    )


def _per_compute(layers: Iterable[tuple[Mapping[str, float], float]]) -> dict[str, float]:
    """Add up each layer's pJ per accumulate that is done, by component, as the published chart.

    A layer counts as much as any other there, however little it computes; one that computes
    nothing counts for nothing.
    """
    total: dict[str, float] = {}
    for components, computes in layers:
        for component, energy in components.items():
            share = energy / computes if computes else 0.0
            total[component] = total.get(component, 0.0) + share
    return total


def _zeros(workload: Workload) -> float:
    sizes = [layer.volume("Weights") for layer in workload.layers]
    kept = sum(
        layer.density_of("Weights") * size
        for layer, size in zip(workload.layers, sizes, strict=True)
    )
    return 1 - kept / sum(sizes)


def _zeros_by_layer(fraction: float, bits: int) -> tuple[float, ...]:
    workload = published_setting(fraction, bits)
    return tuple(1 - layer.density_of("Weights") for layer in workload.layers)


def _lines(known: Mapping[Row, Outcome | Parts]) -> dict[LineKey, tuple[Step, ...]]:
    def step(at: float, row: Row) -> Step:
        one = known[row]
        zeros = _zeros(published_setting(row[2], row[3]))
        return Step(at, zeros, one.energy, one.energy * one.megacycles)

    lines: dict[LineKey, tuple[Step, ...]] = {}
    for name in FORMATS:
        for statistic in ("mean", "max") if name == "UOP" else ("mean",):
            lines["quantize", name, statistic] = tuple(
                step(bits, (name, "joint", 0.0, bits, statistic)) for bits in BITS
            )
            lines["prune", name, statistic] = tuple(
                step(fraction, (name, "joint", fraction, 8, statistic)) for fraction in FRACTIONS
            )
    return lines


#: Energy in pJ by format, weight bits and seed.
DensePrices = dict[tuple[str, int, int], float]


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
        dense = _Own(results).dense_prices()
        by_seed = tuple(_own_column(_of_seed(results, seed), title, dense) for seed in seeds)
        made.append(Evidence(_own_column(results, title, dense), by_seed, results))
    return tuple(made)


def _of_seed(results: Results, seed: int) -> Results:
    return replace(results, points=tuple(r for r in results.points if r.point.seed == seed))


def own_column(results: Results, *, title: str = "own study") -> Column:
    """Return what a study has of the published figures' networks.

    Means over seeds, in the study's first architecture and, where a figure has one format and
    statistic, in its first ones. Energies in uJ, energy-delay products in uJ * kcycles. The dense
    networks are priced here, from the activity that the study keeps.
    """
    return _own_column(results, title, _Own(results).dense_prices())


def _own_column(results: Results, title: str, dense: DensePrices) -> Column:
    study = _Own(results)
    return Column(
        title=title,
        energy_unit="µJ",
        edp_unit="µJ · kcycles",
        marks=study.marks(),
        layers=tuple(layer.name for layer in results.priced[0].layers) if results.priced else (),
        zeros=study.zeros(),
        lines=study.lines(),
        dense=study.dense(dense),
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
                if format_ == "own":  # the published accelerator's own are RLE
                    continue
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

    def dense_prices(self) -> DensePrices:
        """Price every quantized network as if all its weights were used."""
        chip = Architecture.load(self.main.architecture)
        jobs = {
            (format_, bits, result.point.seed): Job(
                all_weights_used(result.measured.workload), chip, self.hardware.semantics, format_
            )
            for format_ in DENSE_FORMATS
            if format_ in self.hardware.formats
            for bits, group in self._by_bits()
            for result in group.results
        }
        found = price_all(list(jobs.values()), self.hardware.objective)
        return {key: one.cost.energy_pj for key, one in zip(jobs, found, strict=True)}

    def dense(self, prices: DensePrices) -> dict[str, dict[int, float]]:
        energies: dict[str, dict[int, float]] = {}
        for bits, group in self._by_bits():
            for format_ in DENSE_FORMATS:
                if format_ in self.hardware.formats:
                    every = [prices[format_, bits, one.point.seed] for one in group.results]
                    energies.setdefault(format_, {})[bits] = fmean(every) * 1e-6
        return energies

    def _by_bits(self) -> list[tuple[int, Setting]]:
        groups = self.of("quantize")
        return [(g.point.weight_bits, g) for g in groups if g.point.weight_bits is not None]

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
