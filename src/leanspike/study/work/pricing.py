"""Pricing a measured network on every accelerator and reading a study asks for."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.model.cost import WorkloadCost
from leanspike.hardware.price import Job, price_all
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.workload import Workload
from leanspike.study.file.study_file import HardwareSection, StatisticName
from leanspike.study.records import Cost, LayerPrice, PriceResult


@dataclass(frozen=True)
class Reading:
    """One way to price a workload.

    Attributes
    ----------
    architecture
        Name of a preset or path of an architecture file.
    format
        Compressed format of weights and inputs, ``"none"`` for uncompressed.
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


def price_point(workload: Workload, section: HardwareSection, *, quantized: bool) -> PriceResult:
    """Price one measured network on every reading.

    Parameters
    ----------
    quantized
        Whether the workload's weight bits are the network's own; otherwise weights are priced
        at the section's ``unquantized_bits``.

    Raises
    ------
    InputError
        When a layer has no legal mapping.
    """
    if not quantized:
        workload = workload.with_weight_bits(section.unquantized_bits)
    asked = readings(section)
    jobs = [job_of(workload, reading, section) for reading in asked]
    priced = price_all(jobs, section.objective)
    return PriceResult(
        tuple(_cost(reading, one.cost) for reading, one in zip(asked, priced, strict=True))
    )


def job_of(workload: Workload, reading: Reading, section: HardwareSection) -> Job:
    """Return what prices a workload in one reading."""
    rules = Semantics.preset(section.semantics)
    if reading.flipped is not None:
        rules = rules.flipped(reading.flipped)
    # The hardware room calls the uncompressed format U.
    innermost = "U" if reading.format == "none" else reading.format
    chip = Architecture.load(reading.architecture)
    return Job(workload, chip, rules, innermost, reading.statistic)


def _cost(reading: Reading, cost: WorkloadCost) -> Cost:
    return Cost(
        **asdict(reading),
        energy_pj=cost.energy_pj,
        cycles=cost.cycles,
        latency_s=cost.latency_s,
        edp_js=cost.edp_js,
        layers=tuple(
            LayerPrice(
                layer.name,
                layer.energy_pj,
                layer.cycles,
                layer.computes["actual"],
                layer.energy_by("component"),
                tuple(layer.mapping.to_text()),
                tuple(layer.notes),
            )
            for layer in cost.layers
        ),
    )
