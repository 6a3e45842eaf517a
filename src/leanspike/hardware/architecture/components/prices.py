"""What a described component costs for every action the counts know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leanspike.hardware.architecture.components.component import logic_component, storage_component
from leanspike.hardware.architecture.components.figure import Figure, node_of, nothing

# The published study's energy table charges this for packing or unpacking one value.
_CODEC = Figure(0.0241, "pJ", "energy table of the study's Timeloop inputs, 45 nm", "at any node")
_IDLE = nothing("pJ", "held or passed over: nothing toggles (clock power is not modelled)")


@dataclass(frozen=True)
class Prices:
    """Energy per action (pJ), area (um2) and leakage (uW) of one instance, with sources."""

    energy: dict[str, Figure]
    area: Figure
    leakage: Figure


def storage_prices(
    described: Mapping[str, Any],
    *,
    technology: str,
    width: int,
    depth: int | None,
    metadata: tuple[int, int | None] | None = None,
) -> Prices:
    """Price a storage level.

    Parameters
    ----------
    described
        The component as a file gives it: ``class`` (sram, registers, dram, wire) and its keys.
    technology
        Such as ``"45nm"``.
    width, depth
        Bits of a row, and rows (None: as many as needed).
    metadata
        Width and depth of the rows metadata has of its own; None: it shares the data's.

    Returns
    -------
    Prices
        Read, write and update (a write; its read is counted as a read) of a data row; the same
        of a metadata row; gated and skipped ones at nothing; compression of one value.

    Examples
    --------
    >>> spad = storage_prices({"class": "sram"}, technology="45nm", width=8, depth=224)
    >>> spad.energy["read"].value, spad.energy["gated_read"].value
    (0.572, 0.0)
    """
    component, node = storage_component(described), node_of(technology)
    energy: dict[str, Figure] = {}
    rows = {"": (width, depth), "metadata_": metadata or (width, depth)}
    for prefix, (row, rows_of) in rows.items():
        read = component.access(node, rows_of, row, write=False)
        write = component.access(node, rows_of, row, write=True)
        for action, figure in (("read", read), ("write", write), ("update", write)):
            energy[f"{prefix}{action}"] = figure
            energy[f"gated_{prefix}{action}"] = _IDLE
            energy[f"skipped_{prefix}{action}"] = _IDLE
    energy["compression"] = energy["decompression"] = _CODEC
    area, leakage = component.area(node, depth, width), component.leakage(node, depth, width)
    if metadata:
        beside = component.area(node, metadata[1], metadata[0])
        area = _plus(area, beside)
        leakage = _plus(leakage, component.leakage(node, metadata[1], metadata[0]))
    return Prices(energy, area, leakage)


def logic_prices(described: Mapping[str, Any], *, technology: str, bits: int) -> Prices:
    """Price a compute or neuron unit that works on ``bits`` bits unless it names its own.

    >>> unit = logic_prices({"class": "logic", "operations": {"add": 1}}, technology="45nm", bits=8)
    >>> unit.energy["compute"].value
    0.0604
    """
    component, node = logic_component(described), node_of(technology)
    energy = {
        "compute": component.energy(node, bits),
        "gated_compute": _IDLE,
        "skipped_compute": _IDLE,
    }
    return Prices(energy, component.area(node, bits), component.leakage(bits))


def _plus(first: Figure, second: Figure) -> Figure:
    how = f"{first.how}, and {second.how} of metadata"
    return Figure(first.value + second.value, first.unit, first.source, how)
