"""Energies, areas and leakage of an architecture for one layer: what a count is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from leanspike.arrays import Reals
from leanspike.hardware.architecture.architecture import (
    COMPUTE_ACTIONS,
    STORAGE_ACTIONS,
    Architecture,
    Level,
)
from leanspike.hardware.architecture.components import logic_prices
from leanspike.hardware.architecture.components.prices import Prices
from leanspike.hardware.model.footprint import Footprint, UnitBits
from leanspike.hardware.model.plan import Plan, values_per_row
from leanspike.hardware.model.unit_prices import level_prices, unit_prices
from leanspike.hardware.semantics import Semantics

_COMPARE = {"class": "logic", "operations": {"compare": 1}}


@dataclass(frozen=True)
class Pricing:
    """Prices per action.

    Attributes
    ----------
    storage
        pJ per access of each level, tensor and storage action, [L, X, 21].
    compute
        pJ per actual, gated and skipped compute, [3].
    neuron
        pJ per neuron and step, beyond its state's accesses.
    state
        pJ of reading and of writing one membrane value at each level, [L, 2].
    area
        um2 by component, all instances.
    leakage_uw
        uW by component, all instances.
    """

    storage: Reals
    compute: Reals
    neuron: float
    state: Reals
    area: dict[str, float]
    leakage_uw: dict[str, float]

    @classmethod
    def of(
        cls,
        plan: Plan,
        semantics: Semantics,
        *,
        built_for: UnitBits | None = None,
    ) -> Pricing:
        """Price an architecture for a layer.

        Parameters
        ----------
        built_for
            Widths the units are built for, which area and leakage follow; the layer's own by
            default.

        Raises
        ------
        InputError
            When a component is not known or cannot be priced as described.
        """
        chip, partial_bits = plan.architecture, plan.bits.partial_sums
        levels, tensors = plan.keep.shape
        storage, state = np.zeros((levels, tensors, len(STORAGE_ACTIONS))), np.zeros((levels, 2))
        for i, level in enumerate(chip.levels):
            for x in range(tensors):
                prices = level_prices(
                    chip, level, level.width or int(max(plan.value_bits[i, x], 1))
                )
                storage[i, x] = [_energy(level, prices, action) for action in STORAGE_ACTIONS]
            held = plan.state_bits[i]
            prices = level_prices(chip, level, level.width or int(held))
            accesses = 1 / values_per_row(level.width, held)
            wire = _energy(level, prices, "wire")
            state[i] = [
                accesses * _energy(level, prices, action) + wire for action in ("read", "write")
            ]
        unit = chip.compute
        prices = unit_prices(chip, unit.component, partial_bits)
        compute = np.array(
            [unit.energy.get(a, prices.energy[a].value if prices else 0.0) for a in COMPUTE_ACTIONS]
        )
        neuron = 0.0
        if chip.neuron is not None:
            prices = unit_prices(chip, chip.neuron.component, plan.bits.state)
            neuron = prices.energy["compute"].value if prices else 0.0
            if chip.neuron.energy is not None:
                neuron = chip.neuron.energy
            if not semantics.compare_per_step:
                compare = _compare(chip, partial_bits)
                neuron = max(0.0, neuron - compare)
                compute[0] += compare
        footprint = Footprint.of(chip, built_for or UnitBits(partial_bits, plan.bits.state))
        return cls(storage, compute, neuron, state, footprint.area, footprint.leakage_uw)


def _compare(chip: Architecture, bits: int) -> float:
    """Return the energy of one threshold comparison."""
    if chip.neuron is not None and chip.neuron.compare_energy is not None:
        return chip.neuron.compare_energy
    return logic_prices(_COMPARE, technology=chip.technology, bits=bits).energy["compute"].value


def _energy(level: Level, prices: Prices | None, action: str) -> float:
    if action in level.energy:
        return level.energy[action]
    # No component comes with wires: where it stands and how far they reach is the chip's.
    return prices.energy[action].value if prices and action != "wire" else 0.0
