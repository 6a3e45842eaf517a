"""A number with its source: what every component's price is.

Between technology nodes: power laws from one tabulated node to the next.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from math import exp, log
from typing import Literal

from leanspike.errors import InputError

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
    file = resources.files("leanspike.hardware.architecture.components") / "figures" / f"{name}.csv"
    return tuple(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))


def nothing(unit: Unit, why: str) -> Figure:
    """Return a zero that says why it is one."""
    return Figure(0.0, unit, "none", why)


#: How far beyond the tabulated nodes the end's power law is trusted.
REACH = 1.5


def power_law(points: Mapping[float, float], at: float) -> float:
    """Interpolate y over x linearly in their logarithms; beyond the ends, go on as there.

    >>> power_law({10: 1.0, 40: 4.0}, 20)
    2.0
    >>> power_law({10: 1.0, 40: 4.0}, 40)
    4.0
    """
    if at in points:
        return points[at]
    xs = sorted(points)
    upper = next((i for i, x in enumerate(xs) if x > at), len(xs) - 1)
    upper = min(max(upper, 1), len(xs) - 1)
    low, high = xs[upper - 1], xs[upper]
    share = log(at / low) / log(high / low)
    return round(exp((1 - share) * log(points[low]) + share * log(points[high])), 12)


def node_of(technology: str) -> int:
    """Read ``"45nm"`` as 45.

    Raises
    ------
    InputError
        When it is not a number of nanometres.
    """
    digits = technology.removesuffix("nm")
    if not digits.isdigit() or int(digits) == 0:
        raise InputError(f"found {technology!r}, expected such as '45nm'", where="technology")
    return int(digits)


def between_nodes(points: Mapping[float, float], node: int) -> tuple[float, str]:
    """Interpolate over nodes; return the value and how it was found.

    Raises
    ------
    InputError
        When the node lies more than half again beyond the tabulated ones.
    """
    if node in points:
        return points[node], ""
    low, high = min(points), max(points)
    if not low / REACH <= node <= high * REACH:
        raise InputError(
            f"no figures for {node} nm; they reach from {low:g} to {high:g} nm", where="technology",
            remedy="Give the level's energy in pJ instead",
        )  # fmt: skip
    word = "interpolated" if low < node < high else "extrapolated"
    return power_law(points, node), f"{word} to {node} nm from {low:g} to {high:g} nm"
