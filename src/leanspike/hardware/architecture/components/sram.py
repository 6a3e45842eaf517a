"""On-chip SRAM: energy per access of a row, area and leakage.

A tabulated array is taken as it is. Any other is interpolated from CACTI's 64-bit rows: a power
law in depth between the points, times ``0.93 width/64 + 0.07`` at equal depth. That rule meets
every other tabulated read within 17 %.
"""

from __future__ import annotations

from functools import cache

from leanspike.hardware.architecture.components.figure import (
    Figure,
    between_nodes,
    power_law,
    table,
)

_CACTI = "CACTI 7, itrs-lstp, 300 K, one read-write port"
# Share of a 64-bit access that grows with the width, fitted to the 45 nm arrays of other widths.
_WIDTH_SHARE = 0.93
# Write over read at 45 nm: 1.53 at 224 rows (and below), 0.826 at 12800 (and above).
_WRITE_RATIO = {224: 0.878 / 0.572, 12800: 23.41 / 28.33}
# 100 KB: mm2 and uW by node (CACTI 7).
_AREA = {45: 0.349, 32: 0.176, 22: 0.083}
_LEAKAGE = {45: 2.6, 32: 4.5, 22: 14.9}
_REFERENCE_BITS = 100 * 1024 * 8


def sram_access(node: int, depth: int, width: int, *, write: bool = False) -> Figure:
    """Energy of reading or writing one row, in pJ.

    >>> sram_access(45, 12800, 64).value
    28.33
    >>> round(sram_access(45, 2048, 64).value, 2)
    10.22
    """
    for row in table("sram"):
        if (int(row["node_nm"]), int(row["depth"]), int(row["width"])) != (node, depth, width):
            continue
        if not write:
            return Figure(float(row["read_pJ"]), "pJ", row["source"])
        if row["write_pJ"]:
            return Figure(float(row["write_pJ"]), "pJ", row["source"])
        return Figure(float(row["read_pJ"]), "pJ", row["source"]).times(*_write_ratio(depth))
    by_node = {float(n): power_law(points, depth) for n, points in _depth_curves().items()}
    value, how = between_nodes(by_node, node)
    figure = Figure(value, "pJ", _CACTI, f"64-bit rows interpolated to {depth} rows")
    figure = figure.times(_WIDTH_SHARE * width / 64 + 1 - _WIDTH_SHARE, f"scaled to {width} bits")
    if how:
        figure = figure.times(1, how)
    return figure.times(*_write_ratio(depth)) if write else figure


def sram_area(node: int, bits: int) -> Figure:
    """Area in um2, linear in the bits (as hwcomponents scales it)."""
    value, how = between_nodes({float(n): area for n, area in _AREA.items()}, node)
    figure = Figure(value * 1e6, "um2", f"{_CACTI}, 100 KB", how)
    return figure.times(bits / _REFERENCE_BITS, f"linear to {bits} bits")


def sram_leakage(node: int, bits: int) -> Figure:
    """Leakage in uW, linear in the bits (as hwcomponents scales it)."""
    value, how = between_nodes({float(n): power for n, power in _LEAKAGE.items()}, node)
    figure = Figure(value, "uW", f"{_CACTI}, 100 KB", how)
    return figure.times(bits / _REFERENCE_BITS, f"linear to {bits} bits")


@cache
def _depth_curves() -> dict[int, dict[float, float]]:
    """Read energy of 64-bit rows over depth, by node."""
    curves: dict[int, dict[float, float]] = {}
    for row in table("sram"):
        if row["width"] == "64":
            curves.setdefault(int(row["node_nm"]), {})[float(row["depth"])] = float(row["read_pJ"])
    return curves


def _write_ratio(depth: int) -> tuple[float, str]:
    low, high = min(_WRITE_RATIO), max(_WRITE_RATIO)
    ratio = power_law({float(d): r for d, r in _WRITE_RATIO.items()}, min(max(depth, low), high))
    return ratio, f"a write is {ratio:.2f} of a read (45 nm arrays of 224 and 12800 rows)"
