"""A study's results as flat rows for spreadsheets and data frames: by reading, or by layer."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from leanspike.errors import InputError
from leanspike.files import replacing
from leanspike.study.point_result import PointResult
from leanspike.study.records import Cost, LayerPrice
from leanspike.study.results import Results

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
    return [by_name[layer.name] for layer in result.layers]


def _point(results: Results, result: PointResult) -> FlatRow:
    return {
        "study": results.name,
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
