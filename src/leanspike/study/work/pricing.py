"""Pricing a measured network on every accelerator and reading a study asks for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.model.cost import WorkloadCost
from leanspike.hardware.price import Job, Priced, price_many
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Bits
from leanspike.hardware.workload.workload import Workload
from leanspike.study.file.study_file import HardwareSection, StatisticName
from leanspike.study.records import (
    NARROW_MEMBRANE_BITS,
    Cost,
    LayerPrice,
    PriceResult,
    Refused,
)


@dataclass(frozen=True)
class Reading:
    """One way to price a workload.

    Attributes
    ----------
    architecture
        Name of a preset or path of an architecture file.
    format
        Compressed format of weights and inputs, ``"none"`` for uncompressed, ``"own"`` for
        those that the architecture's file names.
    flipped
        The one modelling assumption that is switched, None for the base semantics.
    """

    architecture: str
    format: str
    statistic: StatisticName
    flipped: str | None = None


def readings(section: HardwareSection) -> tuple[Reading, ...]:
    """Return every reading of a hardware section, the main one first.

    Where ``own`` is among the formats, architectures after the first are read in it alone, at the
    first statistic. Assumptions are switched on the first architecture, format and statistic.

    >>> len(readings(HardwareSection(assumptions=False)))
    13
    """
    first = section.architectures[0]
    every = []
    for architecture in section.architectures:
        briefly = "own" in section.formats and architecture != first
        every += [
            Reading(architecture, format_, statistic)
            for format_ in (("own",) if briefly else section.formats)
            for statistic in (section.statistics[:1] if briefly else section.statistics)
        ]
    if section.assumptions:
        main = every[0]
        every += [
            Reading(main.architecture, main.format, main.statistic, switch.name)
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


def price_points(
    workloads: Sequence[tuple[Workload, bool]], section: HardwareSection
) -> list[PriceResult | InputError]:
    """Price measured networks on every reading; what they share, such as walks, is done once.

    A reading under which a layer has no legal mapping is kept with the reason. Where it is the
    main one, the first, that error stands in the network's place.

    Parameters
    ----------
    workloads
        Each with whether its weight bits are the network's own; otherwise weights are priced at
        the section's ``unquantized_bits``.

    Raises
    ------
    InputError
        When an architecture cannot be used at all.
    """
    asked = readings(section)
    shapes = [
        work if quantized else work.with_weight_bits(section.unquantized_bits)
        for work, quantized in workloads
    ]
    narrow = [_narrowed(work) for work in shapes]
    jobs = [job_of(work, each, section) for work in shapes for each in asked]
    jobs += [job_of(work, asked[0], section) for work in narrow if work is not None]
    found = price_many(jobs, section.objective)
    priced, last = iter(found), iter(found[len(asked) * len(workloads) :])
    return [_result(asked, priced, last if work is not None else None) for work in narrow]


def _narrowed(work: Workload) -> Workload | None:
    """Return a workload with narrow membranes, None where none is wider."""
    most = NARROW_MEMBRANE_BITS
    if all(layer.bits.state <= most for layer in work.layers):
        return None
    layers = (
        layer.replace(bits=Bits(**{**dict(layer.bits), "state": min(most, layer.bits.state)}))
        for layer in work.layers
    )
    return work.replace(layers=tuple(layers))


def _result(
    asked: Sequence[Reading],
    priced: Iterator[Priced | InputError],
    narrow: Iterator[Priced | InputError] | None,
) -> PriceResult | InputError:
    """Take one network's share of what was priced."""
    mine = [next(priced) for _ in asked]
    less = next(narrow) if narrow is not None else None
    if isinstance(mine[0], InputError):
        return mine[0]
    costs = [
        _cost(reading, one.cost)
        for reading, one in zip(asked, mine, strict=True)
        if isinstance(one, Priced)
    ]
    refused = [
        Refused(**asdict(reading), why=str(one))
        for reading, one in zip(asked, mine, strict=True)
        if isinstance(one, InputError)
    ]
    narrow_pj = less.cost.energy_pj if isinstance(less, Priced) else None
    return PriceResult(tuple(costs), tuple(refused), narrow_pj)


def job_of(workload: Workload, reading: Reading, section: HardwareSection) -> Job:
    """Return what prices a workload in one reading."""
    rules = Semantics.preset(section.semantics)
    if reading.flipped is not None:
        rules = rules.flipped(reading.flipped)
    # The hardware room calls the uncompressed format U.
    innermost = {"none": "U", "own": None}.get(reading.format, reading.format)
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
                layer.energy_by("tensor"),
            )
            for layer in cost.layers
        ),
    )
