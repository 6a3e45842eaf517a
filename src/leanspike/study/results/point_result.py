"""One point's results: its weights, its activity, and what it costs in every reading."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

from leanspike.hardware.workload.workload import left_out_lines
from leanspike.study.plan.points import Point
from leanspike.study.records import Cost, LayerWeights, MeasureResult, Refused

#: As often right as this share of guessing networks is at chance.
CHANCE = 0.05


def at_least(right: int, samples: int, probability: float) -> float:
    """Probability of at least so many right of so many samples, each right with a probability.

    The upper tail of the binomial distribution, summed term by term.

    >>> round(at_least(2, 3, 0.5), 6)
    0.5
    """
    if right <= 0:
        return 1.0
    if right <= probability * samples:  # the other tail is the short one
        return 1.0 - at_least(samples - right + 1, samples, 1 - probability)
    log_odds = math.log(probability) - math.log1p(-probability)
    first = (
        math.lgamma(samples + 1) - math.lgamma(right + 1) - math.lgamma(samples - right + 1)
        + right * math.log(probability) + (samples - right) * math.log1p(-probability)
    )  # fmt: skip
    total, term = 0.0, math.exp(first)
    for count in range(right, samples + 1):
        total += term
        if count > probability * samples and term < 1e-12 * total:
            break
        term *= (samples - count) / (count + 1) * math.exp(log_odds)
    return min(1.0, total)


@dataclass(frozen=True)
class PointResult:
    """A point that is done.

    Attributes
    ----------
    unquantized_bits
        The width at which weights that are not quantized are priced.
    classes
        Number of classes of the data.
    costs
        One per reading that has one; empty while the point is not priced.
    refused
        The readings without a cost, with the reason.
    narrow_pj
        As in :class:`leanspike.study.records.PriceResult`.
    """

    key: str
    point: Point
    measured: MeasureResult
    unquantized_bits: int
    costs: tuple[Cost, ...] = ()
    refused: tuple[Refused, ...] = ()
    narrow_pj: float | None = None
    seconds: float = 0.0
    classes: int | None = None

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
        return self._right / self.samples

    @cached_property
    def broken(self) -> str | None:
        """Why this is no network to recommend, however little it costs; None where it may be one.

        All its weights are zero, no neuron fires, it gives one class for everything, or it is at
        chance: guessing, with the probability of the largest class, is right as often once in
        twenty times.
        """
        if all(layer.sparsity == 1 for layer in self.measured.layers):
            return "all weights are zero"
        outputs = [each.outputs.mean for each in self.measured.activity.values() if each.outputs]
        if outputs and not any(outputs):
            return "no neuron fires"
        if self.measured.answers == 1 and self.classes != 1:
            return "gives one class for every recording"
        guess = max(self.measured.chance or 0, 1 / self.classes if self.classes else 0)
        if guess and guess < 1 and at_least(self._right, self.samples, guess) > CHANCE:
            return f"at chance ({100 * self.accuracy:.1f} % right, guessing {100 * guess:.1f} %)"
        return None

    @property
    def samples(self) -> int:
        """Number of test recordings."""
        return len(self.measured.right)

    @property
    def _right(self) -> int:
        return self.measured.right.count("1")

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
        return self._by_reading.get((architecture, format_, statistic, flipped))

    @cached_property
    def _by_reading(self) -> dict[tuple[str, str, str, str | None], Cost]:
        return {
            (cost.architecture, cost.format, cost.statistic, cost.flipped): cost
            for cost in reversed(self.costs)
        }
