"""What a layer and a workload cost: energy by component, tensor and action, cycles, area."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from leanspike.hardware.mapping.mapping import Mapping
from leanspike.hardware.model.evaluate import Evaluation
from leanspike.hardware.workload.workload import LeftOut

Key = Literal["component", "tensor", "action"]


@dataclass(frozen=True)
class EnergyItem:
    """One share of the energy, in pJ: ``count`` actions of a component on a tensor."""

    component: str
    tensor: str
    action: str
    count: float
    pj: float


@dataclass(frozen=True)
class LayerCost:
    """Cost of one layer under one mapping.

    Attributes
    ----------
    name, mapping
        The layer and how it runs, one line per level (:meth:`Mapping.to_text`).
    energy
        Shares of the energy; :meth:`energy_by` adds them up.
    cycles, compute_cycles, level_cycles
        Cycles in total, those the compute units need, and those each level's bandwidth needs.
    latency_s
        Seconds.
    computes
        Accumulates, all units together: dense, actual, gated and skipped.
    neuron_updates
        Membrane updates.
    storage_bits
        Bits each level's fullest instance holds, at most.
    evaluation
        All counts.
    notes
        What is peculiar about the layer, a sentence each.
    """

    name: str
    mapping: Mapping
    energy: tuple[EnergyItem, ...]
    cycles: float
    compute_cycles: float
    level_cycles: dict[str, float]
    latency_s: float
    computes: dict[str, float]
    neuron_updates: float
    storage_bits: dict[str, float]
    evaluation: Evaluation
    notes: tuple[str, ...] = ()

    @property
    def energy_pj(self) -> float:
        """Energy in pJ."""
        return float(sum(item.pj for item in self.energy))

    @property
    def edp(self) -> float:
        """Energy-delay product in J x cycles."""
        return self.energy_pj * 1e-12 * self.cycles

    @property
    def edp_js(self) -> float:
        """Energy-delay product in J x s."""
        return self.energy_pj * 1e-12 * self.latency_s

    def energy_by(self, key: Key) -> dict[str, float]:
        """Return pJ by component, tensor or action."""
        return _add_up(self.energy, key)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "name": self.name,
            "mapping": self.mapping.to_text(),
            "energy_pj": self.energy_pj,
            "cycles": self.cycles,
            "latency_s": self.latency_s,
            "edp_j_cycles": self.edp,
            "edp_j_s": self.edp_js,
            "compute_cycles": self.compute_cycles,
            "level_cycles": self.level_cycles,
            "computes": self.computes,
            "neuron_updates": self.neuron_updates,
            "storage_bits": self.storage_bits,
            "notes": list(self.notes),
            "energy": [
                {
                    "component": item.component,
                    "tensor": item.tensor,
                    "action": item.action,
                    "count": item.count,
                    "pj": item.pj,
                }
                for item in self.energy
            ],
        }


@dataclass(frozen=True)
class WorkloadCost:
    """Cost of a workload: its layers run one after the other.

    Attributes
    ----------
    workload, architecture, semantics, formats, statistic
        What was priced, by name.
    layers
        Cost of each layer.
    area_um2, leakage_uw
        By component.
    left_out
        What the network computes besides, which is not in the cost.
    left_out_share
        Its share of all multiply-accumulates.
    """

    workload: str
    architecture: str
    semantics: str
    formats: str | None
    statistic: str
    layers: tuple[LayerCost, ...]
    area_um2: dict[str, float]
    leakage_uw: dict[str, float]
    left_out: tuple[LeftOut, ...] = ()
    left_out_share: float = 0.0

    @property
    def energy_pj(self) -> float:
        """Energy of one inference in pJ."""
        return sum(layer.energy_pj for layer in self.layers)

    @property
    def cycles(self) -> float:
        """Cycles of one inference."""
        return sum(layer.cycles for layer in self.layers)

    @property
    def latency_s(self) -> float:
        """Seconds of one inference."""
        return sum(layer.latency_s for layer in self.layers)

    @property
    def edp(self) -> float:
        """Energy-delay product in J x cycles, of the sums."""
        return self.energy_pj * 1e-12 * self.cycles

    @property
    def edp_js(self) -> float:
        """Energy-delay product in J x s, of the sums."""
        return self.energy_pj * 1e-12 * self.latency_s

    @property
    def area(self) -> float:
        """Area in um2."""
        return sum(self.area_um2.values())

    @property
    def memory_bits(self) -> float:
        """Bits the outermost level holds for the largest layer, at most."""
        return max(
            (next(iter(layer.storage_bits.values()), 0.0) for layer in self.layers), default=0.0
        )

    def energy_by(self, key: Key) -> dict[str, float]:
        """Return pJ by component, tensor or action."""
        return _add_up((item for layer in self.layers for item in layer.energy), key)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data for JSON."""
        return {
            "workload": self.workload,
            "architecture": self.architecture,
            "semantics": self.semantics,
            "formats": self.formats,
            "statistic": self.statistic,
            "energy_pj": self.energy_pj,
            "cycles": self.cycles,
            "latency_s": self.latency_s,
            "edp_j_cycles": self.edp,
            "edp_j_s": self.edp_js,
            "area_um2": self.area_um2,
            "leakage_uw": self.leakage_uw,
            "memory_bits": self.memory_bits,
            "left_out": [one.model_dump(mode="json") for one in self.left_out],
            "left_out_share": self.left_out_share,
            "energy_by_component": self.energy_by("component"),
            "energy_by_tensor": self.energy_by("tensor"),
            "layers": [layer.to_dict() for layer in self.layers],
        }


def _add_up(items: Iterable[EnergyItem], key: Key) -> dict[str, float]:
    total: dict[str, float] = {}
    for item in items:
        name: str = getattr(item, key)
        total[name] = total.get(name, 0.0) + item.pj
    return total
