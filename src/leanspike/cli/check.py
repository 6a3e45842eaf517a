"""``leanspike check``: does a study hold a network that meets requirements?"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def check(
    study: Annotated[Path, typer.Argument(help="Study's folder or database.")],
    accuracy: Annotated[str | None, typer.Option(help='Such as ">= 95 %".')] = None,
    energy: Annotated[str | None, typer.Option(help='Such as "<= 50 uJ".')] = None,
    latency: Annotated[str | None, typer.Option(help='Such as "<= 1 ms".')] = None,
    size: Annotated[str | None, typer.Option(help='Of the weights, such as "<= 20 kB".')] = None,
    setting: Annotated[
        str | None, typer.Option(help="The one to check; any may pass when left out.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Exit with 0 if a network of the study meets every requirement, with 1 if none does.

    Example: leanspike check runs/mine --energy "<= 50 uJ" --accuracy ">= 95 %"
    """
    from leanspike.study import Results
    from leanspike.study.results.check import check as checked
    from leanspike.study.results.check import parse_requirement

    asked = {"accuracy": accuracy, "energy": energy, "latency": latency, "size": size}
    wanted = [parse_requirement(name, text) for name, text in asked.items() if text is not None]
    found = checked(Results.load(study), wanted, setting=setting)
    row = found.passed or found.nearest
    if as_json:
        record = {
            "passed": found.passed is not None,
            "setting": row.setting.name if row is not None else None,
            "values": {each.quantity: each.of(row) for each in wanted} if row is not None else {},
            "text": str(found),
        }
        typer.echo(json.dumps(record))
    else:
        typer.echo(str(found))
    if found.passed is None:
        raise typer.Exit(1)
