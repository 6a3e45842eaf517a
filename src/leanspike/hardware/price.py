"""What workloads cost on architectures, every layer under its best mapping: the one door."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol, get_args

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import MappingLines, read_mappings
from leanspike.hardware.model.case import Case, network_cases
from leanspike.hardware.model.cost import WorkloadCost
from leanspike.hardware.search.exhaustive import (
    Objective,
    SearchResult,
    given_mapping,
    search_each,
)
from leanspike.hardware.search.watch import Watch
from leanspike.hardware.semantics import Preset, Semantics
from leanspike.hardware.workload.layer import Statistic
from leanspike.hardware.workload.workload import Workload
from leanspike.spec import named


class Measured(Protocol):
    """What has a workload, such as :class:`leanspike.activity.Activity`."""

    @property
    def workload(self) -> Workload:
        """The workload."""


@dataclass(frozen=True)
class Job:
    """One workload to price on one architecture; see :func:`price` for the settings.

    ``mappings`` are the layers' mappings, by name, in place of a search.

    Raises
    ------
    InputError
        When there is no such format or semantics, or a layer has no mapping among those given.
    """

    workload: Workload
    architecture: Architecture
    semantics: Semantics | str = "physical"
    formats: str | None = None
    statistic: Statistic = "mean"
    weight_bits: int | None = None
    mappings: MappingLines | None = None

    def __post_init__(self) -> None:
        self.architecture.with_formats(self.formats)
        self.rules  # noqa: B018
        if self.mappings is not None:
            missing = [x.name for x in self.workload.layers if x.name not in self.mappings]
            if missing:
                raise InputError(
                    f"no mapping for layer {missing[0]!r}", where="mappings",
                    remedy=f"Layers with one: {', '.join(self.mappings)}",
                )  # fmt: skip

    @classmethod
    def load(
        cls,
        workload: Workload | Measured | str | Path,
        architecture: Architecture | str | Path,
        *,
        semantics: Semantics | str = "physical",
        formats: str | None = None,
        statistic: Statistic = "mean",
        weight_bits: int | None = None,
        mappings: MappingLines | None = None,
    ) -> Job:
        """Return a job whose workload and architecture may be names or files.

        Raises
        ------
        InputError
            When they are neither, or cannot be read.
        """
        work = workload if isinstance(workload, str | Path | Workload) else _measured(workload)
        if not isinstance(work, Workload):
            work = Workload.load(work)
        if isinstance(architecture, str | Path):
            architecture = Architecture.load(architecture)
        elif not isinstance(architecture, Architecture):
            raise InputError(
                f"found a {type(architecture).__name__}, expected an Architecture, or the file or "
                "preset name of one",
                where="architecture",
            )
        return cls(work, architecture, semantics, formats, statistic, weight_bits, mappings)

    @cached_property
    def rules(self) -> Semantics:
        """The semantics' switches."""
        given = self.semantics
        return given if isinstance(given, Semantics) else Semantics.preset(given)

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """The layers, compiled for a chip whose units fit the widest of them.

        Raises
        ------
        InputError
            When the architecture's components cannot be used.
        """
        work, chip = self.workload, self.architecture.with_formats(self.formats)
        if self.weight_bits is not None:
            work = work.with_weight_bits(self.weight_bits)
        return tuple(network_cases(work.layers, chip, self.rules, statistic=self.statistic))


def _measured(found: object) -> Workload:
    workload = getattr(found, "workload", None)
    if not isinstance(workload, Workload):
        raise InputError(
            f"found a {type(found).__name__}, expected a Workload, an activity, or the file or "
            "name of a workload",
            where="workload",
            remedy="leanspike.activity.measure(network, loader) gives the workload of a network",
        )
    return workload


@dataclass(frozen=True)
class Priced:
    """A job and the best mapping of each of its layers."""

    job: Job
    layers: tuple[SearchResult, ...]

    @cached_property
    def cost(self) -> WorkloadCost:
        """The full breakdown."""
        job, pricing = self.job, self.job.cases[0].pricing
        given = job.semantics
        return WorkloadCost(
            workload=job.workload.name,
            architecture=job.architecture.name,
            semantics=given if isinstance(given, str) else semantics_name(given),
            formats=job.formats,
            statistic=job.statistic,
            layers=tuple(layer.cost for layer in self.layers),
            area_um2=pricing.area,
            leakage_uw=pricing.leakage_uw,
            left_out=job.workload.left_out,
            left_out_share=job.workload.left_out_share,
        )


def price_many(
    jobs: Sequence[Job], objective: Objective = "edp", watch: Watch | None = None
) -> list[Priced | InputError]:
    """Price jobs in any mixture; what they share, such as the walk over mappings, is done once.

    With a `watch` the search is followed, and may end early with the best so far.

    Returns
    -------
    list
        In the order of the jobs. In the place of one with a layer that has no legal mapping
        stands the error that says why.

    Raises
    ------
    InputError
        When a job's architecture cannot be used at all.
    """
    searched = [case for job in jobs if job.mappings is None for case in job.cases]
    found = iter(search_each(searched, objective, watch) if searched else ())
    priced: list[Priced | InputError] = []
    for job in jobs:
        layers = (
            [next(found) for _ in job.cases] if job.mappings is None else _given(job, job.mappings)
        )
        legal = tuple(layer for layer in layers if isinstance(layer, SearchResult))
        refused = next((layer for layer in layers if isinstance(layer, InputError)), None)
        priced.append(Priced(job, legal) if refused is None else refused)
    return priced


def _given(job: Job, mappings: MappingLines) -> list[SearchResult | InputError]:
    found: list[SearchResult | InputError] = []
    for case in job.cases:
        try:
            found.append(given_mapping(case, mappings[case.name]))
        except InputError as error:
            found.append(error)
    return found


def price_all(
    jobs: Sequence[Job], objective: Objective = "edp", watch: Watch | None = None
) -> list[Priced]:
    """Price jobs that all have legal mappings.

    Raises
    ------
    InputError
        When a job has none; it names the layer and the constraint.
    """
    priced = []
    for one in price_many(jobs, objective, watch):
        if isinstance(one, InputError):
            raise one
        priced.append(one)
    return priced


def price(
    workload: Workload | Measured | str | Path,
    architecture: Architecture | str | Path,
    *,
    semantics: Semantics | str = "physical",
    objective: Objective = "edp",
    formats: str | None = None,
    statistic: Statistic = "mean",
    weight_bits: int | None = None,
    mappings: MappingLines | None = None,
    watch: Watch | None = None,
) -> WorkloadCost:
    """Price a workload on an architecture, every layer under the best of its mappings.

    Parameters
    ----------
    workload
        A workload, an activity (which has one), or the file or name of one.
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
    mappings
        The mapping of each layer, by name (see
        :func:`~leanspike.hardware.mapping.mapping.read_mappings`), in place of a search.
    watch
        Who follows the search, and may end it early with the best so far.

    Raises
    ------
    InputError
        When something named is not there, or no mapping of a layer is legal.
    """
    job = Job.load(
        workload, architecture, semantics=semantics, formats=formats, statistic=statistic,
        weight_bits=weight_bits, mappings=mappings,
    )  # fmt: skip
    with named(architecture):
        return price_all([job], objective, watch)[0].cost


def mappings_from(
    source: str | Path,
    workload: Workload | Measured | str | Path,
    architecture: Architecture | str | Path,
    *,
    semantics: Semantics | str = "physical",
    objective: Objective = "edp",
    formats: str | None = None,
    statistic: Statistic = "mean",
    weight_bits: int | None = None,
) -> MappingLines:
    """Return one mapping for each layer, for all that is to be priced under the same.

    Parameters
    ----------
    source
        A file (:func:`~leanspike.hardware.mapping.mapping.read_mappings`), or settings to search
        at, ``formats``, ``statistic`` and ``weight_bits``: ``"weight_bits=8,formats=RLE"``. What it
        leaves out is as the other arguments say.

    Raises
    ------
    InputError
        When the file is not one of mappings, or a setting is not one of these.
    """
    if "=" not in str(source) or Path(source).exists():
        return read_mappings(source)
    given = {"formats": formats, "statistic": statistic, "weight_bits": weight_bits}
    for part in str(source).split(","):
        key, _, value = (text.strip() for text in part.partition("="))
        whole = key != "weight_bits" or value.isdecimal()
        known = key != "statistic" or value in get_args(Statistic)
        if key not in given or not value or not whole or not known:
            raise InputError(
                f"found {part.strip()!r}", where="mapping_from",
                remedy="Give a file, or settings such as weight_bits=8,formats=RLE,statistic=mean",
            )  # fmt: skip
        given[key] = int(value) if key == "weight_bits" else value
    found = price(workload, architecture, semantics=semantics, objective=objective, **given)  # type: ignore[arg-type]
    return {layer.name: tuple(layer.mapping.to_text()) for layer in found.layers}


def semantics_name(rules: Semantics) -> str:
    """Return the preset's name, or the switches that differ from ``physical``."""
    for name in get_args(Preset):
        if rules == Semantics.preset(name):
            return name
    base = Semantics()
    changed = [name for name in vars(rules) if getattr(rules, name) != getattr(base, name)]
    return "physical with " + ", ".join(f"{n}={getattr(rules, n)}" for n in changed)
