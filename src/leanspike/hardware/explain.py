"""What each assumption is worth: the cost with one switch at a time the other way."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.price import Job, Measured, price_all
from leanspike.hardware.search.exhaustive import Objective
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Statistic
from leanspike.hardware.workload.workload import Workload
from leanspike.spec import named


@dataclass(frozen=True)
class Flip:
    """The cost with one switch the other way.

    ``now`` is the switch's value in the semantics asked about; ``energy_pj``, ``cycles`` and
    ``edp`` (J x cycles) hold for its opposite, each layer under its best mapping then.
    """

    switch: str
    now: bool
    energy_pj: float
    cycles: float
    edp: float
    says: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return asdict(self)


def explain_switches(
    workload: Workload | Measured | str | Path,
    architecture: Architecture | str | Path,
    *,
    semantics: Semantics | str = "physical",
    objective: Objective = "edp",
    formats: str | None = None,
    statistic: Statistic = "mean",
    weight_bits: int | None = None,
) -> tuple[Flip, ...]:
    """Price a workload once for every switch, with that switch flipped.

    Parameters are those of :func:`~leanspike.hardware.price.price`.
    """
    job = Job.load(
        workload, architecture, semantics=semantics, formats=formats, statistic=statistic,
        weight_bits=weight_bits,
    )  # fmt: skip
    base, switches = job.rules, fields(job.rules)
    flipped = [replace(job, semantics=base.flipped(switch.name)) for switch in switches]
    with named(architecture):
        costs = [priced.cost for priced in price_all(flipped, objective)]
    return tuple(
        Flip(
            switch=switch.name,
            now=getattr(base, switch.name),
            energy_pj=cost.energy_pj,
            cycles=cost.cycles,
            edp=cost.edp,
            says=str(switch.metadata["says"]),
        )
        for switch, cost in zip(switches, costs, strict=True)
    )
