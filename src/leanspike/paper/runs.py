"""Runs the model on what the published figures are about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import NamedTuple

from leanspike.hardware.architecture.architecture import Architecture, Condition, Format, Rank
from leanspike.hardware.price import Job, price_all
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Densities, Density, Layer
from leanspike.paper.comparison import Setting
from leanspike.paper.published import published_setting

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
    with ``as_text`` partial sums are not accessed when an operand is zero, and outputs are
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
    jobs = {run: _job(run, architecture) for run in runs}
    found = price_all(list(jobs.values()))
    return {
        run: sum(float(layer.energy_pj) / 1e6 for layer in priced.layers)
        for run, priced in zip(jobs, found, strict=True)
    }


def _job(run: Run, architecture: Architecture) -> Job:
    name, statistic, fraction, bits = run.setting
    network = published_setting(fraction, bits)
    if run.activity is not None:
        layers = tuple(_at_activity(layer, run.activity) for layer in network.layers)
        network = network.replace(layers=layers)
    return Job(network, architecture, run.semantics, name, "max" if statistic == "max" else "mean")


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


def _at_activity(layer: Layer, activity: float) -> Layer:
    both = Density(mean=activity, max=activity)
    weights = layer.density.weights
    return layer.replace(density=Densities(weights=weights, inputs=both, outputs=both))
