"""A number with its source: what every component's price is."""

from __future__ import annotations

import csv
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from typing import Literal

Unit = Literal["pJ", "um2", "uW"]


@dataclass(frozen=True)
class Figure:
    """A price and where it comes from.

    ``source`` is who measured or published it, ``how`` what was done to it since (empty: nothing).

    >>> Figure(2.0, "pJ", "a table").times(3, "three of them")
    Figure(value=6.0, unit='pJ', source='a table', how='three of them')
    """

    value: float
    unit: Unit
    source: str
    how: str = ""

    def times(self, factor: float, how: str) -> Figure:
        """Return the figure scaled, with what was done added to ``how``."""
        return replace(
            self, value=self.value * factor, how="; ".join(s for s in (self.how, how) if s)
        )


@cache
def table(name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a bundled table of figures."""
    file = resources.files("leanspike.hardware.components") / "figures" / f"{name}.csv"
    return tuple(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def nothing(unit: Unit, why: str) -> Figure:
    """Return a zero that says why it is one."""
    return Figure(0.0, unit, "none", why)
