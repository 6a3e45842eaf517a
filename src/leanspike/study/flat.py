"""A study's results as flat rows: one per point and reading, for spreadsheets and data frames."""

from __future__ import annotations

import csv
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leanspike.errors import InputError
from leanspike.study.results import Results


def flat_rows(results: Results) -> list[dict[str, Any]]:
    """Return a row per priced point and reading; energies in pJ, times in s, sizes in bits."""
    return [
        {
            "study": results.name,
            "strategy": result.point.strategy,
            "weight_bits": result.point.weight_bits,
            "sparsity": result.point.sparsity,
            "seed": result.point.seed,
            "accuracy": result.accuracy,
            "validation_accuracy": result.validation_accuracy,
            "samples": result.samples,
            "weight_zeros": result.sparsity,
            "stored_bits": result.stored_bits,
            "architecture": cost.architecture,
            "format": cost.format,
            "statistic": cost.statistic,
            "assumption": cost.flipped,
            "energy_pj": cost.energy_pj,
            "cycles": cost.cycles,
            "latency_s": cost.latency_s,
            "edp_js": cost.edp_js,
            "checkpoint_sha256": result.record["sha256"],
        }
        for result in results.priced
        for cost in result.costs
    ]


def write_rows(rows: Sequence[dict[str, Any]], path: Path) -> None:
    """Write rows as CSV or Parquet, by the file's name.

    Raises
    ------
    InputError
        When there are no rows or the name ends in neither ``.csv`` nor ``.parquet``.
    ModuleNotFoundError
        For Parquet without pyarrow.
    OSError
        When the file cannot be written.
    """
    if not rows:
        raise InputError("no point is priced yet: nothing to write", where=str(path))
    beside = path.with_name(path.name + ".part")
    if path.suffix == ".csv":
        with beside.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, fieldnames=list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        import pyarrow
        from pyarrow import parquet

        parquet.write_table(pyarrow.Table.from_pylist(list(rows)), beside)
    else:
        raise InputError("expected a name ending in .csv or .parquet", where=str(path))
    os.replace(beside, path)
