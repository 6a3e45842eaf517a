"""A study's results as a short table of plain text.

A study's results as flat rows for spreadsheets and data frames: by reading, or by layer.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leanspike.errors import InputError
from leanspike.files import replacing
from leanspike.hardware.pareto import on_front
from leanspike.study.records import Cost, LayerPrice
from leanspike.study.results.point_result import PointResult
from leanspike.study.results.results import Results
from leanspike.study.results.settings import Setting, Spread, settings


def digits(value: float, count: int = 3) -> str:
    """Write a number to so many digits; a large one is written out.

    >>> digits(0.12345), digits(84.04), digits(1197.3), digits(12345678.0)
    ('0.123', '84', '1,200', '12,300,000')
    """
    rounded = float(f"{value:.{count}g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 10 ** (count - 1) else f"{rounded:g}"


@dataclass(frozen=True)
class MainReading:
    """The reading a study shows first: its first architecture, format and statistic."""

    architecture: str
    format: str
    statistic: str

    @classmethod
    def of(cls, results: Results) -> MainReading:
        """Return the main reading of a study."""
        hardware = results.file.hardware
        return cls(hardware.architectures[0], hardware.formats[0], hardware.statistics[0])

    def cost(self, result: PointResult) -> Cost:
        """Return a priced point's cost in this reading."""
        cost = result.cost(self.architecture, self.format, self.statistic)
        if cost is None:
            raise KeyError(f"{result.point.name} is not priced on {self}")
        return cost


@dataclass(frozen=True)
class Row:
    """One setting of the table.

    Attributes
    ----------
    energy_pj, edp_js, latency_s
        In the main reading, over seeds.
    stored_bits, sparsity
        Of the weights, over seeds.
    best
        Whether no other setting is as accurate for less energy; broken ones do not count
        (:attr:`leanspike.study.Setting.broken`).
    """

    setting: Setting
    accuracy: Spread
    energy_pj: Spread
    edp_js: Spread
    latency_s: Spread
    stored_bits: Spread
    sparsity: Spread
    best: bool


def setting_rows(results: Results) -> tuple[Row, ...]:
    """Return a row for each setting that is priced, the least energy first."""
    main = MainReading.of(results)
    groups = settings(results.priced)
    energies = [group.over_seeds(lambda r: main.cost(r).energy_pj) for group in groups]
    sound = [i for i, group in enumerate(groups) if group.broken is None]
    kept = on_front([(groups[i].accuracy.mean, -energies[i].mean) for i in sound]) if sound else ()
    front = {i for i, best in zip(sound, kept, strict=True) if best}
    made = [
        Row(
            setting=group,
            accuracy=group.accuracy,
            energy_pj=energy,
            edp_js=group.over_seeds(lambda r: main.cost(r).edp_js),
            latency_s=group.over_seeds(lambda r: main.cost(r).latency_s),
            stored_bits=group.over_seeds(lambda r: r.stored_bits),
            sparsity=group.over_seeds(lambda r: r.sparsity),
            best=i in front,
        )
        for i, (group, energy) in enumerate(zip(groups, energies, strict=True))
    ]
    return tuple(sorted(made, key=lambda row: row.energy_pj.mean))


def short_table(results: Results) -> str:
    """Show every priced setting as aligned text.

    ``*`` marks the accuracy-energy front, ``!`` networks that do not work, with why below.
    """
    rows = setting_rows(results)
    head = ["", "setting", "accuracy %", "energy uJ", "EDP J s", "weights kB", "zeros %"]
    body = [
        [
            "!" if row.setting.broken else "*" if row.best else "",
            row.setting.name,
            _spread(row.accuracy, scale=100, digits=2),
            _spread(row.energy_pj, scale=1e-6, digits=3),
            f"{row.edp_js.mean:.3g}",
            f"{row.stored_bits.mean / 8000:.2f}",
            f"{100 * row.sparsity.mean:.1f}",
        ]
        for row in rows
    ]
    broken = [f"! {row.setting.name}: {row.setting.broken}" for row in rows if row.setting.broken]
    left_out = results.priced[0].left_out if results.priced else []
    return "\n".join([aligned([head, *body], left=2), *broken, *left_out])


def _spread(value: Spread, *, scale: float, digits: int) -> str:
    mean = f"{value.mean * scale:.{digits}f}"
    return mean if value.count == 1 else f"{mean} ± {value.deviation * scale:.{digits}f}"


def aligned(table: Sequence[Sequence[str]], *, left: int = 1) -> str:
    """Lay out rows of cells as text, the first `left` columns to the left, the rest to the right.

    >>> print(aligned([["a", "1"], ["bb", "10"]]))
    a    1
    bb  10
    """
    widths = [max(len(row[i]) for row in table) for i in range(len(table[0]))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i < left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    )


#: Column to value.
FlatRow = dict[str, str | int | float | None]


def flat_rows(results: Results) -> list[FlatRow]:
    """Return a row per priced point and reading; energies in pJ, times in s, sizes in bits."""
    return [
        {
            **_point(results, result),
            "accuracy": result.accuracy,
            "validation_accuracy": result.validation_accuracy,
            "samples": result.samples,
            "weight_zeros": result.sparsity,
            "stored_bits": result.stored_bits,
            "broken": result.broken,
            **_reading(cost),
            "assumption": cost.flipped,
            "energy_pj": cost.energy_pj,
            "cycles": cost.cycles,
            "latency_s": cost.latency_s,
            "edp_js": cost.edp_js,
            "checkpoint_sha256": result.measured.sha256,
        }
        for result in results.priced
        for cost in result.costs
    ]


def layer_rows(results: Results) -> list[FlatRow]:
    """Return a row per priced point, reading and layer; switched assumptions are left out.

    Activity is the fraction of values that are not zero, its mean and its maximum over test
    recordings and time steps. Energies in pJ.
    """
    return [
        {
            **_point(results, result),
            "layer": layer.name,
            "weights": layer.weights,
            "bits": layer.bits,
            "weight_zeros": layer.sparsity,
            **{
                f"{tensor}_{statistic}": getattr(getattr(activity[layer.name], tensor), statistic)
                for tensor in ("inputs", "outputs")
                for statistic in ("mean", "max")
            },
            **_reading(cost),
            "energy_pj": priced.energy_pj,
            "cycles": priced.cycles,
            "computes": priced.computes,
        }
        for result in results.priced
        for activity in (result.measured.activity,)
        for cost in result.costs
        if cost.flipped is None
        for layer, priced in zip(result.layers, _in_order(result, cost), strict=True)
    ]


def _in_order(result: PointResult, cost: Cost) -> list[LayerPrice]:
    """Give the layers' costs in the order of the layers' weights."""
    by_name = {layer.name: layer for layer in cost.layers}
    activity = result.measured.activity
    for layer in result.layers:
        if layer.name not in by_name or layer.name not in activity:
            raise InputError(
                f"layer {layer.name!r} has weights, but no cost or no activity",
                where=f"point {result.point.name}",
                remedy="The study's database was changed or damaged",
            )
    return [by_name[layer.name] for layer in result.layers]


def _point(results: Results, result: PointResult) -> FlatRow:
    return {
        "study": results.name,
        "setting": result.point.setting,
        "strategy": result.point.strategy,
        "weight_bits": result.point.weight_bits,
        "sparsity": result.point.sparsity,
        "seed": result.point.seed,
    }


def _reading(cost: Cost) -> FlatRow:
    return {
        "architecture": cost.architecture,
        "format": cost.format,
        "statistic": cost.statistic,
    }


def write_rows(rows: Sequence[FlatRow], path: Path) -> None:
    """Write rows as CSV or Parquet, by the file's name.

    Raises
    ------
    InputError
        When there are no rows or the name ends in neither ``.csv`` nor ``.parquet``.
    ModuleNotFoundError
        For Parquet without pyarrow.
    WriteError
        When the file cannot be written.
    """
    if not rows:
        raise InputError("no point is priced yet: nothing to write", where=str(path))
    if path.suffix not in (".csv", ".parquet"):
        raise InputError("expected a name ending in .csv or .parquet", where=str(path))
    with replacing(path) as unfinished:
        if path.suffix == ".csv":
            with unfinished.open("w", newline="", encoding="utf-8") as file:
                writer = csv.DictWriter(file, fieldnames=list(rows[0]))
                writer.writeheader()
                writer.writerows(rows)
        else:
            import pyarrow
            from pyarrow import parquet

            parquet.write_table(pyarrow.Table.from_pylist(list(rows)), unfinished)
