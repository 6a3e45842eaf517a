"""Energies, areas and leakage of an architecture for one layer: what a count is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leanspike.errors import InputError
from leanspike.hardware.architecture import COMPUTE_ACTIONS, STORAGE_ACTIONS, Architecture, Level
from leanspike.hardware.components import logic_prices, storage_prices
from leanspike.hardware.components.prices import Prices
from leanspike.hardware.counts.plan import Plan
from leanspike.hardware.semantics import Semantics

Reals = NDArray[np.float64]

_COMPARE = {"class": "logic", "operations": {"compare": 1}}


@dataclass(frozen=True)
class Pricing:
    """Prices per action.

    Attributes
    ----------
    storage
        pJ per access of each level, tensor and storage action, [L, X, 20].
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
    def of(cls, plan: Plan, *, state_bits: int, partial_bits: int, semantics: Semantics) -> Pricing:
        """Price an architecture.

        Raises
        ------
        InputError
            When a component is not known or cannot be priced as described.
        """
        chip = plan.architecture
        levels, tensors = plan.keep.shape
        storage, state = np.zeros((levels, tensors, len(STORAGE_ACTIONS))), np.zeros((levels, 2))
        area: dict[str, float] = {}
        leakage: dict[str, float] = {}
        for i, level in enumerate(chip.levels):
            for x in range(tensors):
                width = level.width or int(max(plan.value_bits[i, x], 1))
                prices = _storage(chip, level, width)
                storage[i, x] = [_energy(level, prices, action) for action in STORAGE_ACTIONS]
            width = level.width or state_bits
            prices = _storage(chip, level, width)
            accesses = -(-state_bits // width) if width < state_bits else 1 / (width // state_bits)
            state[i] = [accesses * _energy(level, prices, action) for action in ("read", "write")]
            area[level.name] = _area(level.area, prices) * chip.instances(i)
            leakage[level.name] = _leakage(level.leakage_uw, prices) * chip.instances(i)
        unit = chip.compute
        prices = _logic(chip, unit.component, partial_bits)
        compute = np.array(
            [unit.energy.get(a, prices.energy[a].value if prices else 0.0) for a in COMPUTE_ACTIONS]
        )
        area[unit.name] = _area(unit.area, prices) * chip.instances(levels)
        leakage[unit.name] = _leakage(unit.leakage_uw, prices) * chip.instances(levels)
        compare = _compare(chip, partial_bits)
        neuron = 0.0
        if chip.neuron is not None:
            prices = _logic(chip, chip.neuron.component, state_bits)
            neuron = chip.neuron.energy or (prices.energy["compute"].value if prices else 0.0)
            area[chip.neuron.name] = _area(chip.neuron.area, prices)
            leakage[chip.neuron.name] = _leakage(chip.neuron.leakage_uw, prices)
            if not semantics.compare_per_step:
                neuron = max(0.0, neuron - compare)
                compute[0] += compare
        return cls(storage, compute, neuron, state, area, leakage)


def _storage(chip: Architecture, level: Level, width: int) -> Prices | None:
    if level.component is None:
        return None
    metadata = (level.metadata.width, level.metadata.depth) if level.metadata else None
    try:
        return storage_prices(
            level.component, technology=chip.technology, width=width, depth=level.depth,
            metadata=metadata,
        )  # fmt: skip
    except InputError as error:
        where = f"{chip.name}, level {level.name}" + (f".{error.where}" if error.where else "")
        raise InputError(error.what, where=where, remedy=error.remedy) from None


def _logic(chip: Architecture, component: dict[str, object] | None, bits: int) -> Prices | None:
    if component is None:
        return None
    return logic_prices(component, technology=chip.technology, bits=bits)


def _compare(chip: Architecture, bits: int) -> float:
    """Return the energy of one threshold comparison."""
    if chip.neuron is not None and chip.neuron.compare_energy is not None:
        return chip.neuron.compare_energy
    return logic_prices(_COMPARE, technology=chip.technology, bits=bits).energy["compute"].value


def _energy(level: Level, prices: Prices | None, action: str) -> float:
    if action in level.energy:
        return level.energy[action]
    return prices.energy[action].value if prices else 0.0


def _area(given: float | None, prices: Prices | None) -> float:
    return given if given is not None else prices.area.value if prices else 0.0


def _leakage(given: float | None, prices: Prices | None) -> float:
    return given if given is not None else prices.leakage.value if prices else 0.0
