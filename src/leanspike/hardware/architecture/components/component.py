"""Components an architecture file can name, each a class whose prices carry their source."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from leanspike.errors import InputError
from leanspike.hardware.architecture.components.figure import Figure, nothing, table
from leanspike.hardware.architecture.components.logic import (
    Operation,
    logic_area,
    logic_energy,
    logic_leakage,
)
from leanspike.hardware.architecture.components.sram import sram_access, sram_area, sram_leakage
from leanspike.spec import Spec, key_path

Count = Annotated[int, Field(ge=1)]
# On-chip wire: 1.627 fF/um, activity 0.2, 1 V.
_WIRE = Figure(1.627 * 0.2, "pJ", "1.627 fF/um at 1 V, activity 0.2: per bit and mm")


class Storage(Spec):
    """Rows of ``width`` bits; ``depth`` of them, None for as many as needed."""

    @abstractmethod
    def access(self, node: int, depth: int | None, width: int, *, write: bool) -> Figure:
        """Energy of one row in pJ."""

    @abstractmethod
    def area(self, node: int, depth: int | None, width: int) -> Figure:
        """Area in um2."""

    @abstractmethod
    def leakage(self, node: int, depth: int | None, width: int) -> Figure:
        """Leakage in uW."""


class Sram(Storage):
    """Static memory in ``banks`` of equal depth; an access pays for one bank, not for routing."""

    kind: Literal["sram"] = "sram"
    banks: Count = 1

    def access(self, node: int, depth: int | None, width: int, *, write: bool) -> Figure:
        """Energy of one row of one bank in pJ."""
        return sram_access(node, -(-_finite(depth) // self.banks), width, write=write)

    def area(self, node: int, depth: int | None, width: int) -> Figure:
        """Area of all banks in um2."""
        return sram_area(node, _finite(depth) * width)

    def leakage(self, node: int, depth: int | None, width: int) -> Figure:
        """Leakage of all banks in uW."""
        return sram_leakage(node, _finite(depth) * width)


class Registers(Storage):
    """Flip-flops: an access toggles one row's registers; no decoder or multiplexer is counted."""

    kind: Literal["registers"] = "registers"

    def access(self, node: int, depth: int | None, width: int, *, write: bool) -> Figure:
        """Energy of one row in pJ."""
        return logic_energy(node, "register", width)

    def area(self, node: int, depth: int | None, width: int) -> Figure:
        """Area of all rows in um2."""
        return logic_area(node, "register", _finite(depth) * width)

    def leakage(self, node: int, depth: int | None, width: int) -> Figure:
        """No figure: zero."""
        return nothing("uW", "no figure for a register's leakage")


class Dram(Storage):
    """Off-chip memory by its kind; a row is one burst of ``width`` bits."""

    kind: Literal["dram"] = "dram"
    type: str = "LPDDR4"

    def access(self, node: int, depth: int | None, width: int, *, write: bool) -> Figure:
        """Energy of one burst in pJ, at the same price for reads and writes."""
        known = {row["kind"]: row for row in table("dram")}
        if self.type not in known:
            raise InputError(
                f"no figure for {self.type!r}", where="component.type",
                remedy=f"Known: {', '.join(known)}",
            )  # fmt: skip
        row = known[self.type]
        per_bit = Figure(float(row["pJ_per_bit"]), "pJ", row["source"])
        return per_bit.times(width, f"{width} bits")

    def area(self, node: int, depth: int | None, width: int) -> Figure:
        """Off chip: zero."""
        return nothing("um2", "off chip")

    def leakage(self, node: int, depth: int | None, width: int) -> Figure:
        """Refresh and standby have no figure: zero."""
        return nothing("uW", "no figure for standby and refresh")


class Wire(Storage):
    """A way to somewhere: keeps nothing, an access moves one row over ``length_mm``."""

    kind: Literal["wire"] = "wire"
    length_mm: Annotated[float, Field(ge=0)]

    def access(self, node: int, depth: int | None, width: int, *, write: bool) -> Figure:
        """Energy of moving one row in pJ."""
        return _WIRE.times(width * self.length_mm, f"{width} bits over {self.length_mm:g} mm")

    def area(self, node: int, depth: int | None, width: int) -> Figure:
        """Over the cells: zero."""
        return nothing("um2", "wires run over the cells")

    def leakage(self, node: int, depth: int | None, width: int) -> Figure:
        """Zero."""
        return nothing("uW", "wires do not leak")


class Logic(Spec):
    """Operations done together, such as an add and a compare.

    ``bits`` is their width; left out, the width of what they work on.
    """

    kind: Literal["logic"] = "logic"
    operations: Annotated[dict[Operation, Count], Field(min_length=1)]
    bits: Count | None = None

    def energy(self, node: int, bits: int) -> Figure:
        """Energy of doing all of them once, in pJ."""
        return self._sum([logic_energy(node, name, self.bits or bits) for name in self.operations])

    def area(self, node: int, bits: int) -> Figure:
        """Area of all units in um2."""
        return self._sum([logic_area(node, name, self.bits or bits) for name in self.operations])

    def leakage(self, bits: int) -> Figure:
        """Leakage of all units in uW."""
        return self._sum([logic_leakage(name, self.bits or bits) for name in self.operations])

    def _sum(self, figures: list[Figure]) -> Figure:
        counts = list(self.operations.items())
        value = sum(f.value * n for f, (_, n) in zip(figures, counts, strict=True))
        what = " + ".join(f"{n} {name}" for name, n in counts)
        return Figure(value, figures[0].unit, figures[0].source, f"{what}; {figures[0].how}")


AnyStorage = Annotated[Sram | Registers | Dram | Wire, Field(discriminator="kind")]
_STORAGE: TypeAdapter[AnyStorage] = TypeAdapter(AnyStorage)
_KINDS = "sram, registers, dram, wire"


def storage_component(described: Mapping[str, Any]) -> Storage:
    """Read a storage component as an architecture file describes it.

    Raises
    ------
    InputError
        When the class or a key is unknown, or a value does not fit.

    >>> storage_component({"class": "sram", "banks": 4})
    Sram(kind='sram', banks=4)
    """
    try:
        found: Storage = _STORAGE.validate_python(_with_kind(described, _KINDS))
    except ValidationError as error:
        raise _describe(error) from None
    return found


def logic_component(described: Mapping[str, Any]) -> Logic:
    """Read a compute component as an architecture file describes it."""
    data = _with_kind(described, "logic")
    if data["kind"] != "logic":
        raise InputError(f"found {data['kind']!r}, expected 'logic'", where="component.class")
    try:
        return Logic(**data)
    except InputError as error:
        raise InputError(
            error.what, where=f"component.{error.where}", remedy=error.remedy
        ) from None


def _with_kind(described: Mapping[str, Any], kinds: str) -> dict[str, Any]:
    if "class" not in described:
        raise InputError("missing", where="component.class", remedy=f"Classes: {kinds}")
    data = {key: value for key, value in described.items() if key != "class"}
    if "kind" in data:
        raise InputError("unknown key", where="component.kind")
    return {"kind": described["class"], **data}


def _describe(error: ValidationError) -> InputError:
    first = error.errors()[0]
    if first["type"] == "union_tag_invalid":
        found = first["ctx"]["tag"]
        return InputError(f"found {found!r}", where="component.class", remedy=f"Classes: {_KINDS}")
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, InputError):
        return InputError(cause.what, where=f"component.{cause.where}", remedy=cause.remedy)
    return InputError(first["msg"], where=f"component.{key_path(first['loc'][1:])}")


def _finite(depth: int | None) -> int:
    if depth is None:
        raise InputError("missing: this component has no size without it", where="depth")
    return depth
