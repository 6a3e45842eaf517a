"""``leanspike results`` and ``leanspike diff``: stored results as tables."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def results(
    study: Annotated[Path, typer.Argument(help="Study's folder or database.")],
    out: Annotated[
        Path | None, typer.Option(help="Write a row per point and reading: .csv or .parquet.")
    ] = None,
    layers: Annotated[
        bool, typer.Option("--layers", help="Rows by layer: weights, activity, cost.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the rows as JSON.")] = False,
) -> None:
    """Show a study's results, or write them for a spreadsheet or a data frame.

    Example: leanspike results runs/study --out points.csv
    """
    from leanspike.errors import InputError
    from leanspike.study import Results, short_table
    from leanspike.study.results.tables import flat_rows, layer_rows, write_rows

    loaded = Results.load(study)
    if layers and out is None and not as_json:
        raise InputError("it needs --out or --json", where="--layers")
    rows = layer_rows(loaded) if layers else flat_rows(loaded)
    if out is not None:
        write_rows(rows, out)
    if as_json:
        typer.echo(json.dumps(rows))
    elif out is not None:
        typer.echo(f"{len(rows)} rows: {out}")
    else:
        typer.echo(short_table(loaded))


def diff(
    first: Annotated[Path, typer.Argument(help="Study's folder or database.")],
    second: Annotated[Path, typer.Argument(help="The one to compare with it.")],
    out: Annotated[Path | None, typer.Option(help="Write a page here: .html.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Compare two studies: what was asked differently, and what came out differently.

    Example: leanspike diff runs/before runs/after --out diff.html
    """
    from leanspike.study import Results
    from leanspike.study.results.difference import difference

    before, after = Results.load(first), Results.load(second)
    found = difference(before, after)
    typer.echo(json.dumps(asdict(found)) if as_json else found.table())
    if out is not None:
        from leanspike.report.comparison import build_comparison

        typer.echo(f"page: {build_comparison(before, after, out)}", err=as_json)
