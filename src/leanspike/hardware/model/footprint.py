"""Area and leakage of a chip: the same for every layer that runs on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from leanspike.hardware.architecture.architecture import Architecture, Compute, Level, Neuron
from leanspike.hardware.architecture.components.prices import Prices
from leanspike.hardware.model.unit_prices import level_prices, unit_prices
from leanspike.hardware.workload.layer import Layer


@dataclass(frozen=True)
class UnitBits:
    """Bits that compute units (partial sums) and neuron units (state) are built for."""

    partial_sums: int
    state: int

    @classmethod
    def widest(cls, layers: Iterable[Layer]) -> UnitBits:
        """Return what units need that compute all of some layers."""
        every = [layer.bits for layer in layers]
        return cls(max(b.partial_sums for b in every), max(b.state for b in every))


@dataclass(frozen=True)
class Footprint:
    """Area (um2) and leakage (uW) by component, all instances together."""

    area: dict[str, float]
    leakage_uw: dict[str, float]

    @classmethod
    def of(cls, chip: Architecture, bits: UnitBits) -> Footprint:
        """Add up a chip's instances: levels, compute units and neuron units.

        Raises
        ------
        InputError
            When a component is not known or cannot be priced as described.
        """
        parts: list[tuple[Level | Compute | Neuron, Prices | None, int]] = [
            # A level of limited depth has a width or word_bits; others have no area.
            (level, level_prices(chip, level, level.row_bits or 1), chip.instances(i))
            for i, level in enumerate(chip.levels)
        ]
        unit = chip.compute
        prices = unit_prices(chip, unit.component, bits.partial_sums)
        parts.append((unit, prices, chip.instances(len(chip.levels))))
        if chip.neuron is not None:
            prices = unit_prices(chip, chip.neuron.component, bits.state)
            parts.append((chip.neuron, prices, chip.neuron_units))
        area, leakage = {}, {}
        for part, prices, count in parts:
            found = (prices.area.value, prices.leakage.value) if prices else (0.0, 0.0)
            area[part.name] = count * (found[0] if part.area is None else part.area)
            leakage[part.name] = count * (found[1] if part.leakage_uw is None else part.leakage_uw)
        return cls(area, leakage)
