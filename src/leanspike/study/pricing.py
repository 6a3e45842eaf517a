"""Pricing a measured network on every accelerator and reading a study asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from leanspike.hardware.architecture import Architecture
from leanspike.hardware.case import Case, network_cases
from leanspike.hardware.cost import LayerCost
from leanspike.hardware.search import search_cases
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload import Workload
from leanspike.study.file import HardwareSection, StatisticName


@dataclass(frozen=True)
class Reading:
    """One way to price a workload.

    Attributes
    ----------
    architecture
        Name of a preset or path of an architecture file.
    format
        Compressed format of weights and inputs, ``"none"`` for uncompressed.
    statistic
        Which density of the activity counts.
    flipped
        The one modelling assumption that is switched, None for the base semantics.
    """

    architecture: str
    format: str
    statistic: StatisticName
    flipped: str | None = None


def readings(section: HardwareSection) -> tuple[Reading, ...]:
    """Return every reading of a hardware section, the main one first.

    Assumptions are switched on the first architecture, format and statistic.

    >>> len(readings(HardwareSection(assumptions=False)))
    8
    """
    every = [
        Reading(architecture, format_, statistic)
        for architecture in section.architectures
        for format_ in section.formats
        for statistic in section.statistics
    ]
    if section.assumptions:
        first = every[0]
        every += [
            Reading(first.architecture, first.format, first.statistic, switch.name)
            for switch in fields(Semantics)
        ]
    return tuple(every)


def check_hardware(section: HardwareSection) -> None:
    """Read every architecture and semantics that a section names.

    Raises
    ------
    InputError
        When one is not there or not right.
    """
    Semantics.preset(section.semantics)
    for architecture in section.architectures:
        Architecture.load(architecture)


def price_point(workload: Workload, section: HardwareSection, *, quantized: bool) -> dict[str, Any]:
    """Price one measured network on every reading.

    Parameters
    ----------
    workload
        Shapes, bits and densities.
    section
        The accelerators and readings.
    quantized
        Whether the workload's weight bits are the network's own; otherwise weights are priced
        at the section's ``unquantized_bits``.

    Returns
    -------
    dict
        Plain data: per reading, energy in pJ, cycles, latency in seconds, EDP in J*s, and per
        layer energy by component and the mapping.
    """
    if not quantized:
        workload = workload.with_weight_bits(section.unquantized_bits)
    asked = readings(section)
    cases = [case for reading in asked for case in cases_of(workload, reading, section)]
    # One search for all: what cases share, such as the walk over mappings, is done once.
    found = iter(search_cases(cases, section.objective))
    return {
        "costs": [
            {**asdict(reading), **_summary([next(found).cost for _ in workload.layers])}
            for reading in asked
        ]
    }


def main_reading(section: HardwareSection) -> Reading:
    """Return the reading that fronts show first and a search minimizes."""
    return readings(section)[0]


def cases_of(workload: Workload, reading: Reading, section: HardwareSection) -> list[Case]:
    """Return what the mapping search takes, for every layer of a workload in one reading."""
    rules = Semantics.preset(section.semantics)
    if reading.flipped is not None:
        rules = rules.flipped(reading.flipped)
    # The hardware room calls the uncompressed format U.
    innermost = "U" if reading.format == "none" else reading.format
    chip = Architecture.load(reading.architecture).with_formats(innermost)
    return network_cases(workload.layers, chip, rules, statistic=reading.statistic)


def _summary(layers: Sequence[LayerCost]) -> dict[str, Any]:
    energy = sum(layer.energy_pj for layer in layers)
    latency = sum(layer.latency_s for layer in layers)
    return {
        "energy_pj": energy,
        "cycles": sum(layer.cycles for layer in layers),
        "latency_s": latency,
        "edp_js": energy * 1e-12 * latency,
        "layers": [
            {
                "name": layer.name,
                "energy_pj": layer.energy_pj,
                "cycles": layer.cycles,
                "computes": layer.computes["actual"],
                "components": layer.energy_by("component"),
                "mapping": layer.mapping.to_text(),
                **({"notes": list(layer.notes)} if layer.notes else {}),
            }
            for layer in layers
        ],
    }
