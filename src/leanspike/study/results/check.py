"""Checking a study against requirements, for scripts: does any network in it meet them all?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leanspike.errors import InputError
from leanspike.study.file.study_file import UNITS
from leanspike.study.results.results import Results
from leanspike.study.results.tables import Row, setting_rows

_FORM = re.compile(r"\s*(<=|≤|>=|≥)\s*([0-9]*\.?[0-9]+(?:[eE][+-]?[0-9]+)?)\s*([^\d\s.]\S*)\s*")


@dataclass(frozen=True)
class Requirement:
    """A bound on a quantity.

    Attributes
    ----------
    quantity
        ``accuracy``, ``energy``, ``latency`` or ``size``.
    most, least
        The bound, in pJ, seconds, bits or, of the accuracy, a fraction; one of the two is None.
    unit
        What one of the text's unit is.
    text
        As given.
    """

    quantity: str
    most: float | None
    least: float | None
    unit: tuple[str, float]
    text: str

    def of(self, row: Row) -> float:
        """Return a setting's value, the mean over its seeds."""
        found = {
            "accuracy": row.accuracy,
            "energy": row.energy_pj,
            "latency": row.latency_s,
            "size": row.stored_bits,
        }
        return found[self.quantity].mean

    def met(self, row: Row) -> bool:
        """Whether a setting meets the bound."""
        value = self.of(row)
        return value <= self.most if self.most is not None else value >= (self.least or 0.0)

    def missed_by(self, row: Row) -> float:
        """By which fraction of the bound a setting misses it; 0 where it is met."""
        if self.met(row):
            return 0.0
        bound = self.most if self.most is not None else self.least
        assert bound is not None
        return abs(self.of(row) / bound - 1) if bound else float("inf")

    def shown(self, row: Row) -> str:
        """Write a setting's value in the requirement's unit."""
        name, one = self.unit
        return f"{self.quantity} {self.of(row) / one:.4g} {name}"


def parse_requirement(quantity: str, text: str) -> Requirement:
    """Read a requirement such as ``<= 50 uJ`` or ``>= 95 %``.

    Raises
    ------
    InputError
        Naming what was found and what was expected.

    >>> parse_requirement("accuracy", ">= 95 %").least
    0.95
    >>> parse_requirement("energy", "<= 50 uJ").most
    50000000.0
    """
    such = ">= 95 %" if quantity == "accuracy" else f"<= 50 {list(UNITS[quantity])[2]}"  # type: ignore[index]
    found = _FORM.fullmatch(text)
    if found is None:
        raise InputError(
            f"found {text!r}, expected <= or >=, a number and a unit", where=quantity,
            remedy=f"Such as: {such!r}",
        )  # fmt: skip
    sign, number, unit = found.groups()
    units: Mapping[str, float] = {"%": 0.01} if quantity == "accuracy" else UNITS[quantity]  # type: ignore[index]
    if unit not in units:
        raise InputError(
            f"found the unit {unit!r}, expected one of {', '.join(units)}", where=quantity
        )
    # 95 / 100 is 0.95; 95 * 0.01 is not.
    bound = float(number) / 100 if unit == "%" else float(number) * units[unit]
    upper = sign in ("<=", "≤")
    return Requirement(
        quantity, bound if upper else None, None if upper else bound, (unit, units[unit]), text
    )


@dataclass(frozen=True)
class Check:
    """What came of a check.

    Attributes
    ----------
    passed
        The setting of least energy that meets everything; None where none does.
    nearest
        Of those that do not, the one that misses by the least; None where one passed or where there
        is none.
    """

    requirements: tuple[Requirement, ...]
    passed: Row | None
    nearest: Row | None

    def __str__(self) -> str:
        """Write it as one line."""
        asked = ", ".join(f"{each.quantity} {each.text.strip()}" for each in self.requirements)
        row = self.passed or self.nearest
        if row is None:
            return f"failed: no network that works is priced; asked for {asked}"
        values = ", ".join(each.shown(row) for each in self.requirements)
        if self.passed is not None:
            return f"passed: {row.setting.name} ({values}) meets {asked}"
        missed = ", ".join(each.quantity for each in self.requirements if not each.met(row))
        return f"failed: none meets {asked}; nearest is {row.setting.name} ({values}): {missed}"


def check(
    results: Results, requirements: Sequence[Requirement], *, setting: str | None = None
) -> Check:
    """Check a study in its main reading; networks that do not work never pass.

    Parameters
    ----------
    setting
        The one that must meet the requirements; any may when left out.

    Raises
    ------
    InputError
        When there are no requirements, or no such setting.
    """
    if not requirements:
        raise InputError(
            "nothing to check", remedy="Give --accuracy, --energy, --latency or --size"
        )
    rows = setting_rows(results)
    if setting is not None:
        named = [row for row in rows if row.setting.name == setting]
        if not named:
            names = ", ".join(row.setting.name for row in rows)
            raise InputError(f"no setting {setting!r} is priced", remedy=f"Priced: {names}")
        rows = tuple(named)
    works = [row for row in rows if not row.setting.broken]
    passed = [row for row in works if all(each.met(row) for each in requirements)]
    if passed:
        best = min(passed, key=lambda row: row.energy_pj.mean)
        return Check(tuple(requirements), best, None)
    nearest = min(
        works, key=lambda row: max(each.missed_by(row) for each in requirements), default=None
    )
    return Check(tuple(requirements), None, nearest)
