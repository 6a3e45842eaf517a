"""One point's results: its weights, its activity, and what it costs in every reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leanspike.hardware.workload import Workload, left_out_lines
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
    mapping
        How the layer runs, a line per level of the architecture, outermost first
        (``leanspike.hardware.mapping.Mapping.from_text`` reads it); empty where an older
        leanspike priced it.
    notes
        What is peculiar about the layer (``leanspike.hardware.cost.LayerCost.notes``).
    """

    name: str
    energy_pj: float
    cycles: float
    computes: float
    components: Mapping[str, float]
    mapping: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


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
    def left_out(self) -> list[str]:
        """What of the network is not priced, in lines; none for nothing."""
        if "workload" not in self.record:
            return []
        workload = Workload(**self.record["workload"])
        return left_out_lines(workload.left_out, workload.left_out_share)

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


def point_result(
    recipe: Mapping[str, Any],
    measured: Mapping[str, Any],
    prices: Mapping[str, Any] | None,
    *,
    unquantized_bits: int,
) -> PointResult:
    """Put together what the database holds on a point.

    Parameters
    ----------
    recipe
        The point as plain data.
    measured
        The result of its measurement.
    prices
        The result of its pricing, None while there is none.
    unquantized_bits
        The width at which weights that are not quantized are priced.
    """
    right = measured["right"]
    point = Point.of(recipe)
    return PointResult(
        point=point,
        right=tuple(mark == "1" for mark in right),
        validation_accuracy=measured["validation_accuracy"],
        layers=tuple(
            LayerWeights(
                each["name"],
                each["weights"],
                each["bits"] if point.quantized else unquantized_bits,
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
    layers = tuple(
        LayerCost(
            **{
                **layer,
                "mapping": tuple(layer.get("mapping", ())),
                "notes": tuple(layer.get("notes", ())),
            }
        )
        for layer in plain["layers"]
    )
    return Cost(**{**plain, "layers": layers})
