"""Our model on the published settings: every number its figures need, in one search."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from leanspike.hardware.architecture import Architecture
from leanspike.hardware.layer import Density, Statistic
from leanspike.hardware.price import Job, price_all
from leanspike.hardware.reference.published import LAYERS, published_accuracy
from leanspike.hardware.reference.sparsity import published_setting
from leanspike.hardware.search import SearchResult
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.validation.runs import paper_architecture
from leanspike.hardware.workload import Workload
from leanspike.report.paper.column import (
    BITS,
    CUMULATIVE,
    FORMATS,
    FRACTIONS,
    JOINT,
    NETWORKS,
    PRUNED,
    TERNARY,
    Column,
    LineKey,
    Mark,
    Step,
)
from leanspike.report.paper.published_column import measure_of

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
    (:func:`leanspike.hardware.validation.runs.paper_architecture`). Accuracies are the published
    ones: a model of hardware has none of its own. Weight densities that were not printed are
    inferred (:mod:`leanspike.hardware.reference.sparsity`).

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
