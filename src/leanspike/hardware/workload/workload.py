"""The study's workload file: one CSV row per layer.

Columns ``name,weights,inputs,outputs,T,C,M,P,Q,R,S,HS,WS``: three densities, the loop bounds and
the strides (Schaefer et al., IEEE TCAS-II 2023, arXiv 2302.04174, public workload file). As in
its Timeloop problem, WS strides P and R, HS strides Q and S.

What else a layer has stands in the columns of `OPTIONAL`, which are there only where a layer is
not at the default; an empty cell is the default.


A network as hardware sees it: its weight layers, read from and written to files.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, field_validator

from leanspike.errors import InputError
from leanspike.files import write_whole
from leanspike.hardware.workload.layer import Bits, Layer
from leanspike.hardware.workload.layer import Densities as Densities
from leanspike.hardware.workload.layer import Density as Density
from leanspike.hardware.workload.layer import Statistic as Statistic
from leanspike.spec import Spec, parse_spec, read_spec, write_yaml

DENSITIES = ("weights", "inputs", "outputs")
COUNTS = ("T", "C", "M", "P", "Q", "R", "S", "HS", "WS")
COLUMNS = ("name", *DENSITIES, *COUNTS)
_PAIRS = {
    "dilation": "dilation",
    "padding": "padding",
    "input": "input_size",
    "upsampling": "upsampling",
    "neuron": "neuron_size",
}
#: Column by name: where its value stands in a layer.
OPTIONAL: dict[str, tuple[str | int, ...]] = {
    **{name: (name,) for name in ("N", "groups", "neurons", "operand")},
    **{
        f"{name}_{side}": (field, place)
        for name, field in _PAIRS.items()
        for place, side in enumerate(("rows", "columns"))
    },
    **{f"{name}_bits": ("bits", name) for name in Bits.model_fields},
    **{f"{name}_max": ("density", name, "max") for name in DENSITIES},
}


def read_rows(path: Path) -> list[Layer]:
    """Read every layer of a file.

    Raises
    ------
    InputError
        Naming file, row (the header is row 1) and column.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return _read(file, path)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=str(path)) from None
    except UnicodeDecodeError:
        raise InputError("not a text file in UTF-8", where=str(path)) from None


def _read(lines: Iterable[str], path: Path) -> list[Layer]:
    reader = csv.reader(lines, strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise InputError(f"not valid CSV: {error}", where=str(path)) from None
    if len(rows) < 2:
        raise InputError("has no layer", where=str(path), remedy=f"Header: {','.join(COLUMNS)}")
    header = [cell.strip() for cell in rows[0][1]]
    _check_header(header, path)
    return [_layer(header, row, f"{path}, row {line}") for line, row in rows[1:]]


def _check_header(header: list[str], path: Path) -> None:
    where = f"{path}, row 1"
    remedy = f"Columns: {','.join(COLUMNS)}; besides: {','.join(OPTIONAL)}"
    for column in COLUMNS:
        if column not in header:
            raise InputError(f"the column {column!r} is missing", where=where, remedy=remedy)
    for place, column in enumerate(header):
        if column not in COLUMNS and column not in OPTIONAL:
            raise InputError(f"unknown column {column!r}", where=where, remedy=remedy)
        if column in header[:place]:
            raise InputError(f"the column {column!r} twice", where=where)


def _layer(header: list[str], row: list[str], where: str) -> Layer:
    if len(row) != len(header):
        raise InputError(f"{len(row)} cells, expected {len(header)}", where=where)
    cells = dict(zip(header, map(str.strip, row), strict=True))
    if not cells["name"]:
        raise InputError("a layer needs a name", where=f"{where}, name")
    data: dict[str, Any] = {"name": cells["name"]}
    for column in COUNTS:
        data[column] = _count(cells[column], f"{where}, {column}", least=1)
    data["stride"] = (data.pop("WS"), data.pop("HS"))
    data["density"] = {}
    for column in DENSITIES:
        mean = _density(cells[column], f"{where}, {column}")
        most = cells.get(f"{column}_max")
        data["density"][column] = {
            "mean": mean,
            "max": _density(most, f"{where}, {column}_max") if most else mean,
        }
    for column, path in OPTIONAL.items():
        if cells.get(column) and path[0] != "density":
            _put(data, path, _value(column, cells[column], f"{where}, {column}"))
    for name, field in _PAIRS.items():
        if field in data and None in data[field]:
            raise InputError(f"give both {name}_rows and {name}_columns, or neither", where=where)
    return parse_spec(Layer, data, where=where)


def _put(data: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    if len(path) == 1:
        data[str(path[0])] = value
    elif isinstance(path[1], int):
        data.setdefault(str(path[0]), [None, None])[path[1]] = value
    else:
        data.setdefault(str(path[0]), {})[path[1]] = value


def _value(column: str, cell: str, where: str) -> Any:
    if column == "operand":
        return cell
    if column == "neurons":
        if cell.lower() not in ("true", "false"):
            raise InputError(f"found {cell!r}, expected true or false", where=where)
        return cell.lower() == "true"
    return _count(cell, where, least=0 if column.startswith("padding") else 1)


def _density(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        raise InputError(f"found {cell!r}, expected a density", where=where) from None
    if not 0 <= value <= 1:  # catches NaN too
        raise InputError(f"density {cell} is not between 0 and 1", where=where)
    return value


def _count(cell: str, where: str, *, least: int) -> int:
    try:
        value = int(cell)
    except ValueError:
        raise InputError(f"found {cell!r}, expected a whole number", where=where) from None
    if value < least:
        raise InputError(f"found {value}, expected {least} or more", where=where)
    return value


def write_rows(layers: Sequence[Layer], path: Path) -> None:
    """Write one row per layer, and read it back to see that nothing is lost.

    Raises
    ------
    InputError
        When the file cannot be written, or a layer has something that has no column.
    """
    plain = Layer(name="plain", C=1, M=1)
    named = {
        place if place[0] in ("bits", "density") else place[0]  # a pair has both its columns
        for place in OPTIONAL.values()
        if any(_cell(layer, place) != _default(layer, plain, place) for layer in layers)
    }
    used = [column for column, place in OPTIONAL.items() if {place, place[0]} & named]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([*COLUMNS, *used])
    for layer in layers:
        densities = [_cell(layer, ("density", name, "mean")) for name in DENSITIES]
        bounds = [_cell(layer, (letter,)) for letter in COUNTS[:-2]]
        strides = [str(stride) for stride in reversed(layer.stride)]
        extra = [_cell(layer, OPTIONAL[column]) for column in used]
        writer.writerow([layer.name, *densities, *bounds, *strides, *extra])
    for layer, back in zip(layers, _read(io.StringIO(text.getvalue()), path), strict=True):
        lost = [
            field for field in Layer.model_fields if getattr(layer, field) != getattr(back, field)
        ]
        if lost:
            raise InputError(
                f"{', '.join(lost)} of layer {layer.name!r} cannot be written as CSV",
                where=str(path),
                remedy="Save it as YAML",
            )
    write_whole(path, text.getvalue())


def _cell(layer: Layer, place: tuple[str | int, ...]) -> str:
    value: Any = layer
    for step in place:
        if value is None:
            return ""
        value = value[step] if isinstance(step, int) else getattr(value, step)
    return str(value).lower() if isinstance(value, bool) else str(value)


def _default(layer: Layer, plain: Layer, place: tuple[str | int, ...]) -> str:
    """Give what an empty cell stands for: a density's maximum is its mean."""
    if place[0] == "density":
        return _cell(layer, (*place[:-1], "mean"))
    return _cell(plain, place)


class LeftOut(Spec):
    """Work of a network that no layer states: its multiply-accumulates per sample, and why.

    ``operations`` is 0 where it is not known how many.
    """

    name: Annotated[str, Field(min_length=1)]
    operations: Annotated[float, Field(ge=0)]
    reason: str

    def __str__(self) -> str:
        work = f"{self.operations:,.0f}" if self.operations else "an unknown number of"
        return f"{self.name}: {work} operations ({self.reason})"


class Workload(Spec):
    """The weight layers of a network in call order, with where their figures come from.

    ``left_out`` names what the network computes besides, which is not priced.

    Raises
    ------
    InputError
        When there is no layer or two have one name.

    >>> published = Workload.load("published")
    >>> len(published.layers), published.layers[3].name
    (11, 'Conv4')
    """

    name: str = "workload"
    source: str = ""
    layers: Annotated[tuple[Layer, ...], Field(min_length=1)]
    left_out: tuple[LeftOut, ...] = ()

    @field_validator("layers", mode="after")
    @classmethod
    def _distinct(cls, layers: tuple[Layer, ...]) -> tuple[Layer, ...]:
        seen: set[str] = set()
        for layer in layers:
            if layer.name in seen:
                raise InputError(f"two layers are called {layer.name!r}")
            seen.add(layer.name)
        return layers

    @property
    def left_out_share(self) -> float:
        """Share of all multiply-accumulates that is left out, zeros counted everywhere."""
        left = sum(one.operations for one in self.left_out)
        return left / (left + sum(layer.accumulates for layer in self.layers))

    def at(self, statistic: Statistic) -> Workload:
        """Return the workload with one number per density: its mean or its maximum."""
        return self.replace(layers=tuple(layer.at(statistic) for layer in self.layers))

    def with_weight_bits(self, bits: int) -> Workload:
        """Return the workload with every layer's weights ``bits`` wide."""
        layers = (
            layer.replace(bits=Bits(**{**dict(layer.bits), "weights": bits}))
            for layer in self.layers
        )
        return self.replace(layers=tuple(layers))

    def replace(self, **changes: Any) -> Workload:
        """Return a checked copy with the given fields changed."""
        return Workload(**{**dict(self), **changes})

    @classmethod
    def load(cls, source: str | Path) -> Workload:
        """Read a workload: our YAML, the study's CSV (``*.csv``), or a bundled one by name.

        Raises
        ------
        InputError
            When the file cannot be read or does not fit; it names file, place and value.
        """
        path = Path(source)
        if str(source) in workload_names():
            bundled = resources.files("leanspike.hardware.workload") / "presets" / f"{source}.yaml"
            with resources.as_file(bundled) as file:
                return read_spec(cls, file)
        if path.suffix.lower() == ".csv":
            return cls.from_csv(path)
        if not path.suffix and not path.exists():
            names = ", ".join(workload_names())
            raise InputError("no such workload", where=str(source), remedy=f"Bundled: {names}")
        return read_spec(cls, path)

    def save(self, path: str | Path) -> None:
        """Write our YAML, which keeps everything; fields at their defaults are left out."""
        data = self.model_dump(mode="json", exclude_defaults=True)
        for layer, dumped in zip(self.layers, data["layers"], strict=True):
            for tensor, density in dumped.get("density", {}).items():
                both: Density = getattr(layer.density, tensor)
                if both.mean == both.max:
                    dumped["density"][tensor] = density["mean"]
        write_yaml(data, Path(path))

    @classmethod
    def from_csv(cls, path: str | Path) -> Workload:
        """Read the study's CSV (see :mod:`leanspike.hardware.workload.workload`).

        Raises
        ------
        InputError
            Naming file, row and column.
        """
        layers = tuple(read_rows(Path(path)))
        return parse_spec(cls, {"name": Path(path).stem, "layers": layers}, where=str(path))

    def to_csv(self, path: str | Path, statistic: Statistic | None = None) -> None:
        """Write the study's CSV, with further columns where a layer has more to say.

        Parameters
        ----------
        path
            File to write.
        statistic
            Whether to write one number per density, its mean or its maximum; both by default.

        Raises
        ------
        InputError
            When the file cannot be written, or a layer has something without a column, or the
            workload leaves something out, which no row can say.
        """
        if self.left_out:
            raise InputError(
                f"{len(self.left_out)} parts of the network are left out, which CSV cannot say",
                where=str(path),
                remedy="Write YAML, which keeps everything",
            )
        write_rows((self if statistic is None else self.at(statistic)).layers, Path(path))


def left_out_lines(left_out: Sequence[LeftOut], share: float) -> list[str]:
    """Say in lines of text what is not priced and what share of the operations that is."""
    if not left_out:
        return []
    return [f"not priced: {share:.1%} of the operations", *(f"  {one}" for one in left_out)]


def workload_names() -> list[str]:
    """Names of the bundled workloads."""
    folder = resources.files("leanspike.hardware.workload") / "presets"
    return sorted(
        entry.name.removesuffix(".yaml")
        for entry in folder.iterdir()
        if entry.name.endswith(".yaml")
    )
