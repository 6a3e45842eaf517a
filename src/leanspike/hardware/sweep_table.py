"""The result of a sweep: one row per point and workload, and the front among them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from leanspike.errors import InputError
from leanspike.files import replacing
from leanspike.hardware.cost import WorkloadCost
from leanspike.hardware.pareto import pareto_front

Metric = Literal["energy_uj", "cycles", "latency_ms", "edp_js", "area_mm2"]
METRICS: tuple[Metric, ...] = ("energy_uj", "cycles", "latency_ms", "edp_js", "area_mm2")


@dataclass(frozen=True)
class SweepRow:
    """One point of a sweep for one workload: its cost, or why it has none."""

    point: Mapping[str, Any]
    workload: str
    cost: WorkloadCost | None
    error: str | None

    def metrics(self) -> dict[Metric, float]:
        """Return energy (uJ), cycles, latency (ms), EDP (J s) and area (mm2); {} without cost."""
        if self.cost is None:
            return {}
        return {
            "energy_uj": self.cost.energy_pj * 1e-6,
            "cycles": self.cost.cycles,
            "latency_ms": self.cost.latency_s * 1e3,
            "edp_js": self.cost.edp_js,
            "area_mm2": self.cost.area * 1e-6,
        }


@dataclass(frozen=True)
class SweepTable:
    """All rows of a sweep, in the order of its points; ``keys`` are what it varied."""

    keys: tuple[str, ...]
    rows: tuple[SweepRow, ...]

    def front(
        self, objectives: Sequence[Metric] = ("energy_uj", "latency_ms")
    ) -> tuple[SweepRow, ...]:
        """Return the rows that none of the same workload beats in every objective.

        Raises
        ------
        InputError
            When an objective is not one of :data:`METRICS`.
        """
        for name in objectives:
            if name not in METRICS:
                raise InputError(
                    f"found {name!r}, expected some of {', '.join(METRICS)}", where="objectives"
                )
        kept: list[SweepRow] = []
        for workload in dict.fromkeys(row.workload for row in self.rows):
            priced = [row for row in self.rows if row.workload == workload and row.cost]
            points = [[row.metrics()[name] for name in objectives] for row in priced]
            kept += [priced[i] for i in pareto_front(points)]
        return tuple(kept)

    def records(self) -> list[dict[str, Any]]:
        """Return one flat dictionary per row: workload, values, metrics, ``on_front``, error."""
        front = {id(row) for row in self.front()}
        return [
            {
                "workload": row.workload,
                **{key: row.point[key] for key in self.keys},
                **{name: row.metrics().get(name) for name in METRICS},
                "on_front": id(row) in front,
                "error": row.error,
            }
            for row in self.rows
        ]

    def to_csv(self, path: str | Path) -> None:
        """Write :meth:`records` as CSV; what is missing is left empty."""
        records = self.records()
        with replacing(path) as whole, whole.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, ["workload", *self.keys, *METRICS, "on_front", "error"])
            writer.writeheader()
            writer.writerows(records)
