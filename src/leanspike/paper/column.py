"""What one account of the published study shows: the paper's, our model's, or an own study's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from leanspike.study import Results

#: Quantization alone, pruning alone, then both in two ways.
Measure = Literal["quantize", "prune", "cumulative", "joint"]
MEASURES: tuple[Measure, ...] = ("quantize", "prune", "cumulative", "joint")


@dataclass(frozen=True)
class Mark:
    """One network of the overview.

    Attributes
    ----------
    bits
        Bits per weight, None where they are not quantized.
    accuracy
        Test accuracy, 0 to 1.
    edp
        Energy times cycles, in the column's unit.
    """

    measure: Measure
    bits: int | None
    fraction: float
    accuracy: float
    energy: float
    edp: float


@dataclass(frozen=True)
class Step:
    """One network on a line: how many of its weights are zero, and what it costs.

    Attributes
    ----------
    at
        Bits per weight on a line of quantization, the fraction pruned on one of pruning.
    zeros
        Fraction of all weights that is zero.
    energy, edp
        As in :class:`Mark`.
    """

    at: float
    zeros: float
    energy: float
    edp: float


#: Measure, format, statistic.
LineKey = tuple[Measure, str, str]


@dataclass(frozen=True)
class Column:
    """One account, with everything that the published figures draw; what is absent is empty.

    Attributes
    ----------
    marks
        The overview's networks, at one format and the mean density.
    zeros
        Fraction of zero weights by network, layer by layer.
    lines
        Quantization alone (by bits) and pruning alone (by fraction).
    dense
        Format to the energy by bits when no weight zero is used.
    breakdown
        Network (:data:`NETWORKS`) to component to pJ per accumulate that is done.
    """

    title: str
    energy_unit: str
    edp_unit: str
    marks: tuple[Mark, ...] = ()
    layers: tuple[str, ...] = ()
    zeros: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    lines: Mapping[LineKey, tuple[Step, ...]] = field(default_factory=dict)
    dense: Mapping[str, Mapping[int, float]] = field(default_factory=dict)
    breakdown: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def at(self, measure: Measure, format_: str, statistic: str, at: float) -> Step | None:
        """Return one network of a line, None where there is none."""
        steps = self.lines.get((measure, format_, statistic), ())
        return next((step for step in steps if step.at == at), None)

    def mark(self, measure: Measure, bits: int | None, fraction: float) -> Mark | None:
        """Return one network of the overview, None where there is none."""
        for mark in self.marks:
            if (mark.measure, mark.bits, mark.fraction) == (measure, bits, fraction):
                return mark
        return None


@dataclass(frozen=True)
class Evidence:
    """A column, and what its numbers come from where it is an own study's.

    Attributes
    ----------
    column
        The numbers, means over seeds.
    by_seed
        Those of each seed, for their spread.
    """

    column: Column
    by_seed: tuple[Column, ...] = ()
    results: Results | None = None


#: The three networks whose energy is taken apart.
NETWORKS = ("ternary", "8 bits, dense", "8 bits, 80 % pruned")
#: The four networks whose zeros are shown by layer.
TERNARY, PRUNED, CUMULATIVE, JOINT = (
    "ternary",
    "80 % pruned",
    "cumulative 3 b 80 %",
    "joint 3 b 80 %",
)
FORMATS = ("RLE", "CP", "UOP", "UBM")
BITS = (2, 3, 4, 6, 8)
FRACTIONS = (0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975)
