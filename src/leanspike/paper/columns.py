"""The published study's own numbers, as its figures show them.

Our model on the published settings: every number its figures need, in one search.

An own study's numbers, in the places of the published ones.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.price import Job, price_all
from leanspike.hardware.search.exhaustive import SearchResult
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Density, Statistic
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
from leanspike.paper.runs import paper_architecture
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
#: The statistics each format is priced at: the figures show the maximum of one format only.
STATISTICS: dict[str, tuple[Statistic, ...]] = {
    "RLE": ("mean",),
    "CP": ("mean",),
    "UBM": ("mean",),
    "UOP": ("mean", "max"),
}


@dataclass(frozen=True)
class Run:
    """One pricing: fraction pruned, bits, format, statistic, and whether weight zeros count."""

    fraction: float
    bits: int
    format: str
    statistic: Statistic
    dense: bool = False


@dataclass(frozen=True)
class _Priced:
    energy_mj: float
    megacycles: float
    zeros: float
    layers: tuple[SearchResult, ...]

    @property
    def edp(self) -> float:
        return self.energy_mj * self.megacycles

    def per_compute(self) -> dict[str, float]:
        """Return pJ per accumulate that is done, by component."""
        costs = [layer.cost for layer in self.layers]
        computes = sum(cost.computes["actual"] for cost in costs)
        total: dict[str, float] = {}
        for cost in costs:
            for component, energy in cost.energy_by("component").items():
                total[component] = total.get(component, 0.0) + energy / computes
        return total


def model_column(semantics: str) -> Column:
    """Price the published settings; energies in mJ, energy-delay products in mJ * Mcycles.

    The accelerator is read as the paper's text describes it
    (:func:`leanspike.paper.runs.paper_architecture`). Accuracies are the published
    ones: a model of hardware has none of its own. Weight densities that were not printed are
    inferred (:mod:`leanspike.paper.published`).

    Raises
    ------
    InputError
        When there is no such semantics.
    """
    priced = _price(_runs(), paper_architecture(as_text=True), Semantics.preset(semantics))
    marks = []
    for (strategy, fraction, bits), accuracy in published_accuracy().items():
        measure = measure_of(strategy, fraction, bits)
        one = priced[Run(fraction, bits, "RLE", "mean")]
        kept = None if measure == "prune" else bits
        marks.append(Mark(measure, kept, fraction, accuracy, one.energy_mj, one.edp))
    both = _zeros_by_layer(0.8, 3)
    taken_apart = (
        Run(0.0, 2, "RLE", "mean"),
        Run(0.0, 8, "RLE", "mean", dense=True),
        Run(0.8, 8, "RLE", "mean"),
    )
    return Column(
        title=f"our model, {semantics}",
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
        lines=_lines(priced),
        dense={
            name: {bits: priced[Run(0.0, bits, name, "mean", dense=True)].energy_mj
                   for bits in BITS}
            for name in DENSE_FORMATS
        },
        breakdown={
            name: priced[run].per_compute() for name, run in zip(NETWORKS, taken_apart, strict=True)
        },
    )  # fmt: skip


def _runs() -> list[Run]:
    runs = [Run(fraction, bits, "RLE", "mean") for _, fraction, bits in published_accuracy()]
    for name in FORMATS:
        for statistic in STATISTICS[name]:
            runs += [Run(0.0, bits, name, statistic) for bits in BITS]
            runs += [Run(fraction, 8, name, statistic) for fraction in FRACTIONS]
    for name in DENSE_FORMATS:
        runs += [Run(0.0, bits, name, "mean", dense=True) for bits in BITS]
    return list(dict.fromkeys(runs))


def _price(
    runs: Iterable[Run], architecture: Architecture, semantics: Semantics
) -> dict[Run, _Priced]:
    jobs = {
        run: Job(_workload(run), architecture, semantics, run.format, run.statistic) for run in runs
    }
    priced = {}
    for (run, job), found in zip(jobs.items(), price_all(list(jobs.values())), strict=True):
        priced[run] = _Priced(
            energy_mj=float(sum(layer.energy_pj for layer in found.layers)) / 1e9,
            megacycles=float(sum(layer.cycles for layer in found.layers)) / 1e6,
            zeros=_zeros(job.workload),
            layers=found.layers,
        )
    return priced


def _workload(run: Run) -> Workload:
    workload = published_setting(run.fraction, run.bits)
    return without_zeros(workload) if run.dense else workload


def without_zeros(workload: Workload) -> Workload:
    """Return a workload whose weights are all taken to be non-zero."""
    full = Density(mean=1.0, max=1.0)
    return workload.replace(
        layers=tuple(
            layer.replace(density=layer.density.model_copy(update={"weights": full}))
            for layer in workload.layers
        )
    )


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


def _lines(priced: dict[Run, _Priced]) -> dict[LineKey, tuple[Step, ...]]:
    def step(at: float, run: Run) -> Step:
        one = priced[run]
        return Step(at, one.zeros, one.energy_mj, one.edp)

    lines: dict[LineKey, tuple[Step, ...]] = {}
    for name in FORMATS:
        for statistic in STATISTICS[name]:
            lines["quantize", name, statistic] = tuple(
                step(bits, Run(0.0, bits, name, statistic)) for bits in BITS
            )
            lines["prune", name, statistic] = tuple(
                step(fraction, Run(fraction, 8, name, statistic)) for fraction in FRACTIONS
            )
    return lines


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
