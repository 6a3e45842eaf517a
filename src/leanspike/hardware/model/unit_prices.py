"""What one instance of an architecture's level or unit costs, from the component it names."""

from __future__ import annotations

from leanspike.errors import InputError
from leanspike.hardware.architecture.architecture import Architecture, Level
from leanspike.hardware.architecture.components import logic_prices, storage_prices
from leanspike.hardware.architecture.components.prices import Prices


def level_prices(chip: Architecture, level: Level, width: int) -> Prices | None:
    """Price a level whose rows have ``width`` bits; None without a component.

    Raises
    ------
    InputError
        When the component is not known or cannot be priced as described.
    """
    if level.component is None:
        return None
    rows = level.metadata_rows
    metadata = (rows.width, rows.depth) if rows else None
    try:
        return storage_prices(
            level.component, technology=chip.technology, width=width, depth=level.depth,
            metadata=metadata,
        )  # fmt: skip
    except InputError as error:
        where = f"{chip.name}, level {level.name}" + (f".{error.where}" if error.where else "")
        raise InputError(error.what, where=where, remedy=error.remedy) from None


def unit_prices(
    chip: Architecture, component: dict[str, object] | None, bits: int
) -> Prices | None:
    """Price a compute or neuron unit that works on ``bits`` bits; None without a component."""
    if component is None:
        return None
    return logic_prices(component, technology=chip.technology, bits=bits)
