"""The study's workload file: one CSV row per layer.

Columns ``name,weights,inputs,outputs,T,C,M,P,Q,R,S,HS,WS``: three densities, the loop bounds and
the strides (Schaefer et al., IEEE TCAS-II 2023, arXiv 2302.04174, public workload file). As in
its Timeloop problem, WS strides P and R, HS strides Q and S.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from leanspike.errors import InputError
from leanspike.hardware.layer import Densities, Layer, Statistic

DENSITIES = ("weights", "inputs", "outputs")
COUNTS = ("T", "C", "M", "P", "Q", "R", "S", "HS", "WS")
COLUMNS = ("name", *DENSITIES, *COUNTS)


def read_rows(path: Path) -> list[Layer]:
    """Read every layer of a file.

    Raises
    ------
    InputError
        Naming file, row (the header is row 1) and column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = [(reader.line_num, row) for reader in [csv.reader(file, strict=True)]
                    for row in reader if any(cell.strip() for cell in row)]  # fmt: skip
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except UnicodeDecodeError:
        raise InputError("not a text file in UTF-8", where=str(path)) from None
    except csv.Error as error:
        raise InputError(f"not valid CSV: {error}", where=str(path)) from None
    if len(rows) < 2:
        raise InputError("has no layer", where=str(path), remedy=f"Header: {','.join(COLUMNS)}")
    header = [cell.strip() for cell in rows[0][1]]
    _check_header(header, path)
    return [_layer(dict(zip(header, row, strict=False)), row, path, line) for line, row in rows[1:]]


def _check_header(header: list[str], path: Path) -> None:
    where, remedy = f"{path}, row 1", f"Columns: {','.join(COLUMNS)}"
    for column in COLUMNS:
        if column not in header:
            raise InputError(f"the column {column!r} is missing", where=where, remedy=remedy)
    for place, column in enumerate(header):
        if column not in COLUMNS:
            raise InputError(f"unknown column {column!r}", where=where, remedy=remedy)
        if column in header[:place]:
            raise InputError(f"the column {column!r} twice", where=where)


def _layer(cells: dict[str, str], row: list[str], path: Path, line: int) -> Layer:
    where = f"{path}, row {line}"
    if len(row) != len(COLUMNS):
        raise InputError(f"{len(row)} cells, expected {len(COLUMNS)}", where=where)
    name = cells["name"].strip()
    if not name:
        raise InputError("a layer needs a name", where=f"{where}, name")
    density = {column: _density(cells[column], f"{where}, {column}") for column in DENSITIES}
    count = {column: _count(cells[column], f"{where}, {column}") for column in COUNTS}
    stride = (count.pop("WS"), count.pop("HS"))
    return Layer(name=name, **count, stride=stride, density=Densities(**density))


def _density(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise InputError(f"found {cell!r}, expected a density", where=where) from None
    if not 0 <= value <= 1:  # catches NaN too
        raise InputError(f"density {cell.strip()} is not between 0 and 1", where=where)
    return value


def _count(cell: str, where: str) -> int:
    try:
        value = int(cell)
    except ValueError:
        raise InputError(f"found {cell!r}, expected a whole number", where=where) from None
    if value < 1:
        raise InputError(f"found {value}, expected 1 or more", where=where)
    return value


def write_rows(layers: Sequence[Layer], path: Path, statistic: Statistic) -> None:
    """Write one row per layer with one statistic of its densities.

    Raises
    ------
    InputError
        When a layer has something that changes its counts and has no column.
    """
    for layer in layers:
        kept = {
            "N": layer.N == 1,
            "groups": layer.groups == 1,
            "dilation": max(layer.dilation) == 1,
        }
        lost = [field for field, same in kept.items() if not same]
        if lost:
            raise InputError(
                f"{', '.join(lost)} of layer {layer.name!r} cannot be written as CSV",
                where=str(path), remedy="Save it as YAML",
            )  # fmt: skip
    try:
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(COLUMNS)
            for layer in layers:
                densities = [getattr(layer.density, name).at(statistic) for name in DENSITIES]
                bounds = [getattr(layer, letter) for letter in COUNTS[:-2]]
                writer.writerow([layer.name, *densities, *bounds, *reversed(layer.stride)])
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(path)) from None
