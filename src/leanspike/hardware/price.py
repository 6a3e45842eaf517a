"""What a workload costs on an architecture, every layer under its best mapping."""

from __future__ import annotations

from pathlib import Path

from leanspike.hardware.architecture import Architecture
from leanspike.hardware.case import Case
from leanspike.hardware.cost import WorkloadCost
from leanspike.hardware.layer import Layer, Statistic
from leanspike.hardware.search import Objective, search_cases
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.spec import named
from leanspike.hardware.workload import Workload


def price(
    workload: Workload | str | Path,
    architecture: Architecture | str | Path,
    *,
    semantics: Semantics | str = "physical",
    objective: Objective = "edp",
    formats: str | None = None,
    statistic: Statistic = "mean",
    weight_bits: int | None = None,
) -> WorkloadCost:
    """Price a workload on an architecture, every layer under the best of its mappings.

    Parameters
    ----------
    workload
        A workload, or the file or name of one.
    architecture
        An architecture, or the file or preset name of one.
    semantics
        What the model assumes: a preset's name or switches.
    objective
        What the mapping of each layer minimizes: energy, latency or their product.
    formats
        The innermost rank of every compressed tensor: UOP, UBM, CP, RLE, or U for none; the
        architecture's own when left out.
    statistic
        Which of the measured densities to price: their mean or their maximum.
    weight_bits
        Bits of a weight in every layer; the workload's own when left out.

    Raises
    ------
    InputError
        When something named is not there, or no mapping of a layer is legal.
    """
    work = workload if isinstance(workload, Workload) else Workload.load(workload)
    chip = (
        architecture if isinstance(architecture, Architecture) else Architecture.load(architecture)
    )
    chip = chip.with_formats(formats)
    rules = semantics if isinstance(semantics, Semantics) else Semantics.preset(semantics)
    layers = [_with_bits(layer, weight_bits) for layer in work.layers]
    with named(architecture):
        cases = [Case.of(layer, chip, rules, statistic=statistic) for layer in layers]
        costs = [found.cost for found in search_cases(cases, objective)]
    area, leakage = cases[0].pricing.area, cases[0].pricing.leakage_uw
    return WorkloadCost(
        workload=work.name,
        architecture=chip.name,
        semantics=semantics if isinstance(semantics, str) else semantics_name(rules),
        formats=formats,
        statistic=statistic,
        layers=tuple(costs),
        area_um2=area,
        leakage_uw=leakage,
    )


def semantics_name(rules: Semantics) -> str:
    """Return the preset's name, or the switches that differ from ``physical``."""
    for name in ("physical", "sparseloop"):
        if rules == Semantics.preset(name):
            return name
    base = Semantics()
    changed = [name for name in vars(rules) if getattr(rules, name) != getattr(base, name)]
    return "physical with " + ", ".join(f"{n}={getattr(rules, n)}" for n in changed)


def _with_bits(layer: Layer, weight_bits: int | None) -> Layer:
    if weight_bits is None:
        return layer
    return layer.replace(bits={**dict(layer.bits), "weights": weight_bits})
