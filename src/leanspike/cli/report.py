"""``leanspike report``: the page of a study, from its stored results alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def report(
    study: Annotated[Path, typer.Argument(help="Study's folder or database.")],
    out: Annotated[Path | None, typer.Option(help="Folder for the report; the study's.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the report's data.")] = False,
) -> None:
    """Build the HTML report and the figures; a study that still runs has one too.

    Example: leanspike report runs/study
    """
    from leanspike.report import build_report, findings, shipping, view
    from leanspike.study import Results, short_table

    results = Results.load(study)
    if as_json:
        answer = shipping(results)
        shown = {
            "answer": asdict(answer) if answer is not None else None,
            "findings": [asdict(finding) for finding in findings(results)],
        }
        typer.echo(json.dumps({**shown, **view(results)}))
        return
    page = build_report(results, out or (study if study.is_dir() else study.parent))
    typer.echo(short_table(results))
    typer.echo(f"report: {page}")
