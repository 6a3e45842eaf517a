"""A study's results, read from its database alone: no training room and no torch needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from leanspike.errors import InputError
from leanspike.study.database import (
    open_database,
    saying_what_is_wrong,
    shown,
    study_table,
    task_table,
)
from leanspike.study.points import Point


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs in one reading.

    Attributes
    ----------
    name
        The layer.
    energy_pj
        Energy of one inference in pJ.
    cycles
        Cycles of one inference.
    computes
        Accumulates that are done, skipped ones not counted.
    components
        Energy in pJ by hardware component.
    """

    name: str
    energy_pj: float
    cycles: float
    computes: float
    components: Mapping[str, float]


@dataclass(frozen=True)
class Cost:
    """What one network costs in one reading (architecture, format, statistic, assumption).

    Attributes
    ----------
    architecture, format, statistic, flipped
        The reading; see :class:`leanspike.study.pricing.Reading`.
    energy_pj
        Energy of one inference in pJ.
    cycles
        Cycles of one inference.
    latency_s
        Seconds of one inference.
    edp_js
        Energy-delay product in J*s.
    layers
        In call order.
    """

    architecture: str
    format: str
    statistic: str
    flipped: str | None
    energy_pj: float
    cycles: float
    latency_s: float
    edp_js: float
    layers: tuple[LayerCost, ...]

    @property
    def components(self) -> dict[str, float]:
        """Energy in pJ by component, over all layers."""
        total: dict[str, float] = {}
        for layer in self.layers:
            for component, energy in layer.components.items():
                total[component] = total.get(component, 0.0) + energy
        return total

    @property
    def computes(self) -> float:
        """Accumulates that are done, over all layers."""
        return sum(layer.computes for layer in self.layers)


@dataclass(frozen=True)
class LayerWeights:
    """A layer's weights after compression.

    Attributes
    ----------
    name
        The layer.
    weights
        How many there are.
    bits
        Bits of each; where they are not quantized, the width that the study prices them at.
    sparsity
        Fraction that is zero, by mask or by quantizer.
    """

    name: str
    weights: int
    bits: int
    sparsity: float

    @property
    def stored_bits(self) -> float:
        """Bits to store the weights: plain, or bitmask and non-zeros, whichever is less.

        >>> LayerWeights("conv1", weights=100, bits=8, sparsity=0.9).stored_bits
        180.0
        """
        kept = self.weights * (1 - self.sparsity)
        return float(min(self.weights * self.bits, self.weights + round(kept) * self.bits))


@dataclass(frozen=True)
class PointResult:
    """A point that is done.

    Attributes
    ----------
    point
        Which one.
    right
        For each test recording whether the network, from the checkpoint that validated best,
        gave its class.
    validation_accuracy
        The checkpoint's accuracy on validation.
    layers
        The weights, layer by layer.
    activity
        Per layer name, mean and maximum density of inputs and outputs.
    costs
        One per reading; empty while the point is not priced.
    record
        Everything else the database holds on it, as plain data.
    """

    point: Point
    right: tuple[bool, ...]
    validation_accuracy: float
    layers: tuple[LayerWeights, ...]
    activity: Mapping[str, Any]
    costs: tuple[Cost, ...]
    record: Mapping[str, Any]

    @property
    def accuracy(self) -> float:
        """Fraction of the test recordings that are right."""
        return sum(self.right) / len(self.right)

    @property
    def samples(self) -> int:
        """Number of test recordings."""
        return len(self.right)

    @property
    def sparsity(self) -> float:
        """Fraction of all weights that is zero."""
        zeros = sum(layer.weights * layer.sparsity for layer in self.layers)
        return zeros / sum(layer.weights for layer in self.layers)

    @property
    def stored_bits(self) -> float:
        """Bits to store all weights; see :attr:`LayerWeights.stored_bits`."""
        return sum(layer.stored_bits for layer in self.layers)

    def cost(
        self, architecture: str, format_: str, statistic: str, flipped: str | None = None
    ) -> Cost | None:
        """Return the cost in one reading, None where there is none."""
        for cost in self.costs:
            if (cost.architecture, cost.format, cost.statistic, cost.flipped) == (
                architecture, format_, statistic, flipped,
            ):  # fmt: skip
                return cost
        return None


@dataclass(frozen=True)
class Results:
    """A study and what is done of it.

    Attributes
    ----------
    where
        Its database.
    file
        The study file as plain data.
    data
        Name, fingerprint and sizes of the data.
    provenance
        Versions, source revision, machine.
    points
        Those that are measured, in the plan's order.
    planned
        How many points the study has.
    failures
        Label and error of each task that failed for good.
    """

    where: str
    file: Mapping[str, Any]
    data: Mapping[str, Any]
    provenance: Mapping[str, Any]
    points: tuple[PointResult, ...]
    planned: int
    failures: tuple[tuple[str, str], ...]

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.file["name"])

    @cached_property
    def priced(self) -> tuple[PointResult, ...]:
        """The points that have costs."""
        return tuple(point for point in self.points if point.costs)

    @classmethod
    def load(cls, where: str | Path) -> Results:
        """Read a study's results; what is not done yet is simply absent.

        Parameters
        ----------
        where
            The study's folder or database file, or a PostgreSQL address.

        Raises
        ------
        InputError
            When there is no study there, or a newer leanspike wrote it.
        OSError
            When it cannot be read.
        """
        if "://" not in str(where) and Path(where).is_dir():
            where = Path(where) / "study.db"
        engine = open_database(where)
        tasks = sa.select(task_table).where(task_table.c.position.is_not(None))
        try:
            with saying_what_is_wrong(where), engine.connect() as connection:
                study = connection.execute(sa.select(study_table)).first()
                rows = connection.execute(tasks.order_by(task_table.c.position)).all()
        finally:
            engine.dispose()
        if study is None:
            raise InputError("the study in it was never begun", where=shown(where))
        prices = {r.needs: r.result for r in rows if r.kind == "price" and r.state == "done"}
        measured = [r for r in rows if r.kind == "measure" and r.state == "done"]
        return cls(
            where=str(where),
            file=study.file,
            data=study.data,
            provenance=study.provenance,
            points=tuple(
                _point(
                    row.recipe,
                    {**row.result, "key": row.key, "seconds": row.seconds},
                    prices.get(row.key),
                    unquantized_bits=study.file["hardware"]["unquantized_bits"],
                )
                for row in measured
            ),
            planned=sum(row.kind == "measure" for row in rows),
            failures=tuple(
                (f"{row.kind} {row.label}", str(row.error)) for row in rows if row.state == "failed"
            ),
        )  # fmt: skip


def _point(
    recipe: Mapping[str, Any],
    measured: Mapping[str, Any],
    prices: Mapping[str, Any] | None,
    *,
    unquantized_bits: int,
) -> PointResult:
    right = measured["right"]
    quantized = measured["weight_bits"] is not None
    return PointResult(
        point=Point(**recipe),
        right=tuple(mark == "1" for mark in right),
        validation_accuracy=measured["validation_accuracy"],
        layers=tuple(
            LayerWeights(
                each["name"],
                each["weights"],
                each["bits"] if quantized else unquantized_bits,
                each["sparsity"],
            )
            for each in measured["layers"]
        ),
        activity={
            layer["name"]: layer["density"] for layer in measured["workload"]["layers"]
        },
        costs=tuple(_cost(each) for each in prices["costs"]) if prices else (),
        record=measured,
    )  # fmt: skip


def _cost(plain: Mapping[str, Any]) -> Cost:
    layers = tuple(LayerCost(**layer) for layer in plain["layers"])
    return Cost(**{**plain, "layers": layers})
