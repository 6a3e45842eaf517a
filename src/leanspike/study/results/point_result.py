"""One point's results: its weights, its activity, and what it costs in every reading."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from leanspike.hardware.workload.workload import left_out_lines
from leanspike.study.plan.points import Point
from leanspike.study.records import Cost, LayerWeights, MeasureResult


@dataclass(frozen=True)
class PointResult:
    """A point that is done.

    Attributes
    ----------
    unquantized_bits
        The width at which weights that are not quantized are priced.
    costs
        One per reading; empty while the point is not priced.
    """

    key: str
    point: Point
    measured: MeasureResult
    unquantized_bits: int
    costs: tuple[Cost, ...] = ()
    seconds: float = 0.0

    @cached_property
    def right(self) -> tuple[bool, ...]:
        """For each test recording whether the network gave its class."""
        return tuple(mark == "1" for mark in self.measured.right)

    @cached_property
    def layers(self) -> tuple[LayerWeights, ...]:
        """The weights, layer by layer, with the bits that they are priced at."""
        if self.point.quantized:
            return self.measured.layers
        return tuple(replace(each, bits=self.unquantized_bits) for each in self.measured.layers)

    @property
    def validation_accuracy(self) -> float:
        """The checkpoint's accuracy on validation."""
        return self.measured.validation_accuracy

    @property
    def left_out(self) -> list[str]:
        """What of the network is not priced, in lines; none for nothing."""
        workload = self.measured.workload
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
        wanted = (architecture, format_, statistic, flipped)
        for cost in self.costs:
            if (cost.architecture, cost.format, cost.statistic, cost.flipped) == wanted:
                return cost
        return None
