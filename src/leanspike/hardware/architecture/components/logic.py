"""Arithmetic, comparators and registers.

Figures are at a cycle of 1 ns. Slower synthesis is smaller and cheaper: Accelergy's row for 5 ns
puts a 32-bit add at 40 nm at 0.086 pJ, against 0.21 here.
"""

from __future__ import annotations

from typing import Literal

from leanspike.hardware.architecture.components.figure import Figure, between_nodes, table

Operation = Literal["add", "compare", "multiply", "register"]

_SOURCE = "Aladdin 40 nm at 1 ns (hwcomponents-library 1.0.58)"
# 40 nm, 1 ns: um2 and uW of 32-bit units; the register's per bit. No figure for a comparator:
# taken as an adder.
_AREA_40 = {"add": 278.0, "compare": 278.0, "multiply": 6350.0, "register": 5.98 * 32}
_LEAKAGE_40 = {"add": 2.3, "compare": 2.3, "multiply": 80.0, "register": 0.0}


def logic_energy(node: int, operation: Operation, bits: int) -> Figure:
    """Energy of one operation in pJ; linear in the width, quadratic for a multiplication.

    >>> logic_energy(45, "add", 8).value
    0.0604
    >>> round(logic_energy(40, "multiply", 32).value, 2)
    12.69
    """
    points = {float(row["node_nm"]): float(row[operation]) for row in table("logic")}
    value, how = between_nodes(points, node)
    figure = Figure(value, "pJ", f"{_SOURCE}, 8 bits", how or _scaled(node))
    return figure if bits == 8 else figure.times(*_width(operation, bits, 8))


def logic_area(node: int, operation: Operation, bits: int) -> Figure:
    """Area in um2: the 32-bit unit at 40 nm, by width, and by the node's square."""
    figure = Figure(_AREA_40[operation], "um2", f"{_SOURCE}, 32 bits")
    figure = figure.times(*_width(operation, bits, 32))
    return figure.times((node / 40) ** 2, f"by the square of {node}/40") if node != 40 else figure


def logic_leakage(operation: Operation, bits: int) -> Figure:
    """Leakage in uW of the 40 nm unit, by width; no figure tells how it goes with the node."""
    figure = Figure(_LEAKAGE_40[operation], "uW", f"{_SOURCE}, 32 bits", "as at 40 nm")
    return figure.times(*_width(operation, bits, 32))


def _width(operation: Operation, bits: int, reference: int) -> tuple[float, str]:
    power = 2 if operation == "multiply" else 1
    word = "quadratic" if power == 2 else "linear"
    return (bits / reference) ** power, f"{word} to {bits} bits"


def _scaled(node: int) -> str:
    return "" if node == 40 else f"scaled to {node} nm after Stillmaker and Baas 2017"
