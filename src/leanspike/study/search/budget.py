"""Budgets as people write them: ``energy <= 5 mJ``, ``size <= 200 kB``, ``latency <= 1 ms``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from leanspike.errors import InputError

Quantity = Literal["energy", "latency", "size"]

#: Per quantity, what one of each unit is in pJ, seconds and bits. SI prefixes; Ki and Mi are 2^10
#: and 2^20.
UNITS: dict[Quantity, dict[str, float]] = {
    "energy": {"pJ": 1.0, "nJ": 1e3, "uJ": 1e6, "µJ": 1e6, "μJ": 1e6, "mJ": 1e9, "J": 1e12},
    "latency": {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "μs": 1e-6, "ms": 1e-3, "s": 1.0},
    "size": {
        "bit": 1.0, "B": 8.0, "kB": 8e3, "MB": 8e6, "KiB": 8.0 * 2**10, "MiB": 8.0 * 2**20,
    },
}  # fmt: skip
_FORM = re.compile(
    r"\s*([A-Za-z]+)\s*(?:<=|≤|<)\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([^\d\s.]\S*)\s*"
)


@dataclass(frozen=True)
class Budget:
    """The most that one inference, or the weights, may take.

    Attributes
    ----------
    most
        In pJ, seconds or bits.
    """

    quantity: Quantity
    most: float
    text: str


def parse_budget(text: str) -> Budget:
    """Read a budget.

    Raises
    ------
    InputError
        Saying what was found and what was expected.

    >>> parse_budget("energy <= 5 mJ").most
    5000000000.0
    >>> parse_budget("size <= 200 kB").most
    1600000.0
    """
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(
            f"found {text!r}, expected a quantity, <=, a number and a unit",
            remedy="Such as: energy <= 5 mJ, size <= 200 kB, latency <= 1 ms",
        )
    name, number, unit = found.groups()
    quantity = next((known for known in UNITS if known == name), None)
    if quantity is None:
        raise InputError(f"found {name!r} in {text!r}, expected one of {', '.join(UNITS)}")
    if unit not in UNITS[quantity]:
        raise InputError(
            f"found the unit {unit!r} in {text!r}, expected one of {', '.join(UNITS[quantity])}"
        )
    most = float(number) * UNITS[quantity][unit]
    if not most > 0:
        raise InputError(f"found {text!r}, expected more than 0")
    return Budget(quantity, most, text.strip())
