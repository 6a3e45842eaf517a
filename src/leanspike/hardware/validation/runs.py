"""Runs the model on what the published figures are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import NamedTuple

from leanspike.hardware.architecture import Architecture, Condition, Format, Rank
from leanspike.hardware.case import Case
from leanspike.hardware.cost import WorkloadCost
from leanspike.hardware.layer import Bits, Densities, Density, Layer, Statistic
from leanspike.hardware.price import price
from leanspike.hardware.reference.sparsity import published_setting
from leanspike.hardware.search import search_cases
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.validation.agreement import line_through
from leanspike.hardware.validation.paper import Setting
from leanspike.hardware.validation.silicon import SNE, sne_network, vgg_quantized, vgg_spiking

#: The claim's two settings: ternary weights, and 80 % pruned at 8 bits.
TERNARY: Setting = ("RLE", "mean", 0.0, 2)
PRUNED: Setting = ("RLE", "mean", 0.8, 8)


class Run(NamedTuple):
    """A setting under some assumptions; ``activity`` None is the published workload's own."""

    setting: Setting
    semantics: Semantics
    activity: float | None = None


def paper_architecture(*, as_text: bool) -> Architecture:
    """Return the published study's accelerator, in one of two readings.

    Its files (as shared with this project, and the preset ``eyeriss_snn``) access every partial
    sum and store outputs with their zeros. Its text says that ineffectual accesses are skipped:
    with ``as_text`` partial sums are left alone when an operand is zero, and outputs are
    compressed in DRAM like inputs.
    """
    chip = Architecture.load("eyeriss_snn")
    if not as_text:
        return chip
    skip = Condition(target="Outputs", when_empty=("Inputs", "Weights"))
    levels = []
    for level in chip.levels:
        changed: dict[str, object] = {}
        if level.name == "psum_spad":
            changed = {"skips": (skip,)}
        if level.name == "DRAM":
            outputs = Format(ranks=(Rank(format="UOP"), Rank(format="RLE")))
            changed = {"formats": {**level.formats, "Outputs": outputs}}
        levels.append(level.model_copy(update=changed))
    return chip.model_copy(update={"levels": tuple(levels)})


def paper_energies(
    settings: Iterable[Setting],
    *,
    architecture: Architecture,
    semantics: Semantics,
    activity: float | None = None,
) -> dict[Setting, float]:
    """Price settings of the published study, each layer under its mapping of lowest EDP.

    Parameters
    ----------
    settings
        (format, statistic, prune fraction, weight bits).
    architecture
        Such as :func:`paper_architecture`'s.
    semantics
        What the model assumes.
    activity
        Density of every layer's inputs and outputs; the published workload's when left out.

    Returns
    -------
    dict
        Energy of one inference in uJ, by setting.
    """
    runs = [Run(setting, semantics, activity) for setting in settings]
    return {run.setting: uj for run, uj in paper_runs(runs, architecture=architecture).items()}


def paper_runs(runs: Iterable[Run], *, architecture: Architecture) -> dict[Run, float]:
    """Price runs of the published study together: what they share is worked out once.

    Returns
    -------
    dict
        Energy of one inference in uJ, by run.
    """
    total = dict.fromkeys(runs, 0.0)
    cases, owners = [], []
    for run in total:
        name, statistic, fraction, bits = run.setting
        described = architecture.with_formats(name)
        for layer in published_setting(fraction, bits).layers:
            case = Case.of(
                _at_activity(layer, run.activity), described, run.semantics,
                statistic=_statistic(statistic),
            )  # fmt: skip
            cases.append(case)
            owners.append(run)
    for run, found in zip(owners, search_cases(cases, "edp"), strict=True):
        total[run] += float(found.energy_pj) / 1e6
    return total


def claim(
    architecture: Architecture, semantics: Semantics, *, activity: float | None = None
) -> float:
    """Return the energy of 80 % pruning over that of ternary weights (RLE, mean density)."""
    return claims_of(architecture, {"": (semantics, activity)})[""]


def claims_of(
    architecture: Architecture, assumed: Mapping[str, tuple[Semantics, float | None]]
) -> dict[str, float]:
    """Return the claim under each of some named pairs of semantics and activity."""
    runs = {
        name: [Run(setting, *given) for setting in (TERNARY, PRUNED)]
        for name, given in assumed.items()
    }
    found = paper_runs([run for both in runs.values() for run in both], architecture=architecture)
    return {name: found[pruned] / found[ternary] for name, (ternary, pruned) in runs.items()}


def claim_by_switch(architecture: Architecture, semantics: Semantics) -> dict[str, float]:
    """Return the claim with each switch flipped alone; ``"none"`` is with none."""
    flips = {switch.name: semantics.flipped(switch.name) for switch in fields(semantics)}
    assumed = {"none": semantics, **flips}
    return claims_of(architecture, {name: (rules, None) for name, rules in assumed.items()})


def sne_run(*, steps: int = 1000) -> dict[str, float]:
    """Price SNE's kind of network at its two printed activities on ``event_clusters``.

    Returns
    -------
    dict
        ``pj_per_operation_low`` and ``_high``, at the two activities, of the clusters (without
        the system's memory); ``floor_share``, the share of the energy at the lower activity that
        the line through both has at no activity; ``published_floor_share``.
    """
    energies, prices = [], []
    for activity in SNE.activities:
        cost = price(sne_network(activity, steps=steps), "event_clusters")
        inside = cost.energy_pj - cost.energy_by("component").get("memory", 0.0)
        energies.append(float(inside))
        prices.append(float(inside) / sum(layer.computes["actual"] for layer in cost.layers))
    _, floor = line_through(SNE.activities, (energies[0], energies[1]))
    _, published = line_through(SNE.activities, SNE.energies_uj)
    return {
        "pj_per_operation_low": prices[0],
        "pj_per_operation_high": prices[1],
        "floor_share": floor / energies[0],
        "published_floor_share": published / SNE.energies_uj[0],
    }


def seneca_run(*, activity: float = 0.05, steps: int = 200) -> dict[str, float]:
    """Price a synaptic operation on ``event_driven``, with 16-bit weights, sums and states.

    The network is :func:`sne_network`'s.

    Returns
    -------
    dict
        pJ per operation: ``core``, what it switches in the core (memory, addition, the leak
        sweep's share); ``leakage``; ``network``, spikes in and out and weights in, once.
    """
    bits = Bits(weights=16, partial_sums=16, state=16)
    network = sne_network(activity, steps=steps)
    network = network.replace(layers=tuple(layer.replace(bits=bits) for layer in network.layers))
    cost = price(network, "event_driven")
    found = {"core": 0.0, "leakage": 0.0, "network": 0.0}
    for layer in cost.layers:
        for item in layer.energy:
            part = "network" if item.component == "network" else "core"
            found["leakage" if item.action == "leakage" else part] += float(item.pj)
    operations = sum(layer.computes["actual"] for layer in cost.layers)
    return {part: energy / operations for part, energy in found.items()}


def spinalflow_run(
    *, spiking: float = 0.1, ticks: int = 16, density: float = 0.1
) -> dict[str, float]:
    """Price VGG-16's convolutions as spikes on ``tick_batching`` and as numbers on Eyeriss.

    Both are in 28 nm at 200 MHz with the same DRAM; Eyeriss gates zero inputs and computes with 4
    or 8 bits.

    Parameters
    ----------
    spiking
        Fraction of neurons that spike in all ticks together; the paper's 90 % sparsity.
    ticks
        Time steps: 16 for values of 4 bits.
    density
        Non-zero inputs of the network that does not spike, which the abstract does not say.

    Returns
    -------
    dict
        Eyeriss over SpinalFlow, in energy on the chip (``chip_4``, ``chip_8``), in energy with
        DRAM (``energy_4``, ``energy_8``) and in time (``time_4``, ``time_8``).
    """
    flow = price(vgg_spiking(ticks=ticks, spiking=spiking), "tick_batching")
    found = {}
    for bits in (4, 8):
        cost = price(vgg_quantized(bits=bits, density=density), _eyeriss(bits))
        found[f"chip_{bits}"] = _on_chip(cost) / _on_chip(flow)
        found[f"energy_{bits}"] = cost.energy_pj / flow.energy_pj
        found[f"time_{bits}"] = cost.latency_s / flow.latency_s
    return {name: float(value) for name, value in found.items()}


def _on_chip(cost: WorkloadCost) -> float:
    return cost.energy_pj - cost.energy_by("component").get("DRAM", 0.0)


def _eyeriss(bits: int) -> Architecture:
    """Return Eyeriss in 28 nm with LPDDR4 and with multipliers of the values' width."""
    chip = Architecture.load("eyeriss_168")
    dram = chip.levels[0].model_copy(update={"component": {"class": "dram", "type": "LPDDR4"}})
    unit = chip.compute.model_copy(
        update={"component": {**(chip.compute.component or {}), "bits": bits}}
    )
    return chip.model_copy(
        update={"technology": "28nm", "compute": unit, "levels": (dram, *chip.levels[1:])}
    )


def _at_activity(layer: Layer, activity: float | None) -> Layer:
    if activity is None:
        return layer
    both = Density(mean=activity, max=activity)
    weights = layer.density.weights
    return layer.replace(density=Densities(weights=weights, inputs=both, outputs=both))


def _statistic(name: str) -> Statistic:
    return "max" if name == "max" else "mean"
