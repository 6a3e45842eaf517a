"""What a workload costs on an architecture, every layer under its best mapping."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from leanspike.hardware.architecture import Architecture
from leanspike.hardware.case import network_cases
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
    return price_under(
        [semantics], workload, architecture, objective=objective, formats=formats,
        statistic=statistic, weight_bits=weight_bits,
    )[0]  # fmt: skip


def price_under(
    assumed: Sequence[Semantics | str],
    workload: Workload | str | Path,
    architecture: Architecture | str | Path,
    *,
    objective: Objective = "edp",
    formats: str | None = None,
    statistic: Statistic = "mean",
    weight_bits: int | None = None,
) -> list[WorkloadCost]:
    """Price a workload once under each semantics; what they share is worked out once.

    The other parameters are those of :func:`price`.
    """
    work = workload if isinstance(workload, Workload) else Workload.load(workload)
    chip = (
        architecture if isinstance(architecture, Architecture) else Architecture.load(architecture)
    )
    chip = chip.with_formats(formats)
    rules = [one if isinstance(one, Semantics) else Semantics.preset(one) for one in assumed]
    layers = [_with_bits(layer, weight_bits) for layer in work.layers]
    with named(architecture):
        cases = [
            case for one in rules for case in network_cases(layers, chip, one, statistic=statistic)
        ]
        found = iter(search_cases(cases, objective))
    costs = []
    for place, one in enumerate(rules):
        pricing = cases[place * len(layers)].pricing
        name = assumed[place]
        costs.append(
            WorkloadCost(
                workload=work.name,
                architecture=chip.name,
                semantics=name if isinstance(name, str) else semantics_name(one),
                formats=formats,
                statistic=statistic,
                layers=tuple(next(found).cost for _ in layers),
                area_um2=pricing.area,
                leakage_uw=pricing.leakage_uw,
                left_out=work.left_out,
                left_out_share=work.left_out_share,
            )
        )
    return costs


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
