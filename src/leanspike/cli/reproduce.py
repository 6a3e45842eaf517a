"""``leanspike reproduce``: the published study's claims and figures beside ours."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def reproduce(
    out: Annotated[Path, typer.Option(help="Folder for claims and figures.")] = Path(
        "runs/reproduce"
    ),
    study: Annotated[
        Path | None, typer.Option(help="Own study's folder, to stand beside the published one.")
    ] = None,
    semantics: Annotated[str, typer.Option(help="physical or sparseloop.")] = "physical",
    quick: Annotated[
        bool, typer.Option("--quick", help="Price what the claims need, not every setting.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the claims as JSON.")] = False,
) -> None:
    """Judge the claims of Schaefer et al. (2023) by this model and by an own study.

    Example: leanspike reproduce --study runs/study --quick
    """
    from leanspike.report.reproduce import as_text
    from leanspike.report.reproduce import reproduce as write
    from leanspike.study import Results

    own = Results.load(study) if study is not None else None
    judged = write(out, study=own, semantics=semantics, quick=quick)
    if as_json:
        typer.echo(json.dumps([asdict(claim) for claim in judged], indent=2))
        return
    typer.echo(as_text(judged))
    typer.echo(f"figures: {out / 'figures'}")
