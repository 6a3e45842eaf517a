"""The published energy table by our model: all 600 rows, in several readings of what they assume.

Two readings model the study as it was done (semantics ``timeloop2022``): ``fitted`` with the preset
``eyeriss_tcas2023``, whose word widths are inferred and whose metadata, wires and activity are
fitted to the table, and ``unfitted`` with list prices. Both take each network's relative activity
from its published cycles (``data/inferred_activity.csv``); neither sees a published energy
otherwise.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from pathlib import Path

from leanspike.hardware.architecture.architecture import Architecture
from leanspike.hardware.mapping.mapping import MappingLines, read_mappings
from leanspike.hardware.model.cost import WorkloadCost
from leanspike.hardware.price import Job, price_all
from leanspike.hardware.semantics import Semantics
from leanspike.hardware.workload.layer import Densities, Density, Layer
from leanspike.hardware.workload.workload import Workload
from leanspike.paper.column import FORMATS
from leanspike.paper.published import PublishedEnergy, published_energy, published_setting

#: A row of the table: format, strategy, prune fraction, weight bits, statistic.
Row = tuple[str, str, float, int, str]
#: A network of the study: strategy, prune fraction, weight bits, and the statistic of its activity.
Network = tuple[str, float, int, str]
TERNARY: Network = ("joint", 0.0, 2, "mean")
PRUNED: Network = ("joint", 0.8, 8, "mean")
#: Activities are densities: no network is more active than this.
MOST_ACTIVE = 0.56


@dataclass(frozen=True)
class ModelReading:
    """One reading of what the published table assumes.

    Attributes
    ----------
    activity
        Density of every layer's inputs and outputs where the relative activity is 1.
    own_activity
        Whether each network has its own, as inferred from its cycles; off: the mean of those of
        the same statistic.
    mapping
        The mapping of each layer for all networks; None: each is searched for the lowest EDP.
    """

    name: str
    architecture: Architecture
    semantics: Semantics
    activity: float
    own_activity: bool = True
    mapping: MappingLines | None = field(default=None, repr=False)

    def job(self, format_: str, network: Network, *, without_zeros: bool = False) -> Job:
        """Return what prices one network in one format."""
        _, fraction, bits, statistic = network
        workload = published_setting(fraction, bits)
        if without_zeros:
            workload = all_weights_used(workload)
        relative = relative_activity()
        share = relative[network]
        if not self.own_activity:
            alike = [value for key, value in relative.items() if key[3] == statistic]
            share = sum(alike) / len(alike)
        active = min(self.activity * share, MOST_ACTIVE)
        layers = tuple(at_activity(layer, active) for layer in workload.layers)
        return Job(
            workload.replace(layers=layers), self.architecture, self.semantics, format_,
            mappings=self.mapping,
        )  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a row costs: energy of one inference in mJ, and millions of cycles."""

    energy: float
    megacycles: float


def fitted() -> ModelReading:
    """Return the reading whose metadata, wires and activity are fitted to the table."""
    return ModelReading(
        "fitted",
        Architecture.load("eyeriss_tcas2023"),
        Semantics.preset("timeloop2022").flipped("innermost_offsets"),
        activity=FITTED_ACTIVITY,
        mapping=inferred_mapping(),
    )


def unfitted() -> ModelReading:
    """Return the reading with list prices and the activity measured for the first layer."""
    return ModelReading(
        "unfitted",
        Architecture.load("eyeriss_tcas2023_unfitted"),
        Semantics.preset("timeloop2022"),
        activity=0.10,
    )


#: FITTED to the table, with the constants marked so in the preset ``eyeriss_tcas2023``.
FITTED_ACTIVITY = 0.13


def physical() -> ModelReading:
    """Return the same networks on hardware whose activations have their own widths."""
    return ModelReading(
        "physical", Architecture.load("eyeriss_snn"), Semantics.preset("physical"), activity=0.10
    )


def table(reading: ModelReading, rows: Iterable[Row] | None = None) -> dict[Row, Outcome]:
    """Price published rows, all 600 by default."""
    wanted = list(rows) if rows is not None else [row_of(one) for one in published_energy()]
    found = price_all([reading.job(row[0], row[1:]) for row in wanted])
    return {
        row: Outcome(
            sum(float(layer.energy_pj) for layer in one.layers) / 1e9,
            sum(float(layer.cycles) for layer in one.layers) / 1e6,
        )
        for row, one in zip(wanted, found, strict=True)
    }


@dataclass(frozen=True)
class Parts:
    """Energy of a row in mJ, by what was fitted.

    Attributes
    ----------
    wires, input_metadata, weight_metadata
        What grows with the price of wires and with the bits of DRAM's metadata.
    rest
        What no fitted constant but the activity moves.
    megacycles
        Millions of cycles.
    """

    wires: float
    input_metadata: float
    weight_metadata: float
    rest: float
    megacycles: float

    @property
    def energy(self) -> float:
        """Their sum."""
        return self.wires + self.input_metadata + self.weight_metadata + self.rest


def table_parts(reading: ModelReading) -> dict[Row, Parts]:
    """Return every published row's energy by what was fitted; the reading has a mapping."""
    found: dict[Row, Parts] = {}
    for format_ in FORMATS:  # one at a time: breakdowns of all rows would fill memory
        rows = [row for row in map(row_of, published_energy()) if row[0] == format_]
        every = price_all([reading.job(row[0], row[1:]) for row in rows])
        found |= {row: _parts(one.cost) for row, one in zip(rows, every, strict=True)}
    return found


def _parts(cost: WorkloadCost) -> Parts:
    parts = {"wires": 0.0, "Inputs": 0.0, "Weights": 0.0, "rest": 0.0}
    for layer in cost.layers:
        for item in layer.energy:
            metadata = item.component == "DRAM" and "metadata" in item.action
            part = item.tensor if metadata else "wires" if item.action == "wire" else "rest"
            parts[part] += item.pj / 1e9
    return Parts(
        parts["wires"], parts["Inputs"], parts["Weights"], parts["rest"], cost.cycles / 1e6
    )


def row_of(one: PublishedEnergy) -> Row:
    """Return the key of a published row."""
    return one.format, one.strategy, one.prune_fraction, one.weight_bits, one.statistic


@cache
def published_mj() -> dict[Row, float]:
    """Return the published energies in mJ."""
    return {row_of(one): one.energy_uj / 1e3 for one in published_energy()}


@cache
def anomalous() -> frozenset[Row]:
    """Return the rows at maximum activity that take less energy than at the mean.

    Quantization alone at 2, 4, 6 and 8 bits in every format: probably minimum and maximum were
    exchanged there. They are marked in figures and left out of scores.

    >>> len(anomalous())
    16
    """
    known = published_mj()
    return frozenset(
        row for row in known if row[4] == "max" and known[row] < known[(*row[:4], "mean")]
    )


@cache
def relative_activity() -> dict[Network, float]:
    """Return each network's activity relative to the study's usual one: INFERRED from cycles."""
    text = (_DATA / "inferred_activity.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {
        (
            row["strategy"],
            float(row["prune_fraction"]),
            int(row["weight_bits"]),
            row["density_statistic"],
        ): float(row["relative_activity"])
        for row in rows
    }


@cache
def inferred_mapping() -> MappingLines:
    """Return one mapping for each layer that fits the published cycles: INFERRED."""
    with resources.as_file(_DATA / "inferred_mapping.yaml") as path:
        return read_mappings(Path(path))


def at_activity(layer: Layer, activity: float) -> Layer:
    """Return a layer whose inputs and outputs have one density."""
    both = Density(mean=activity, max=activity)
    return layer.replace(
        density=Densities(weights=layer.density.weights, inputs=both, outputs=both)
    )


def all_weights_used(workload: Workload) -> Workload:
    """Return a workload whose weights are all taken to be non-zero."""
    full = Density(mean=1.0, max=1.0)
    return workload.replace(
        layers=tuple(
            layer.replace(density=layer.density.model_copy(update={"weights": full}))
            for layer in workload.layers
        )
    )


_DATA = resources.files("leanspike.paper") / "data"
