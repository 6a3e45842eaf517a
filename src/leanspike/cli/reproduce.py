"""``leanspike reproduce``: the published study's claims and figures beside ours."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer


def reproduce(
    out: Annotated[Path, typer.Option(help="Folder for page, claims and figures.")] = Path(
        "runs/reproduce"
    ),
    study: Annotated[
        list[Path] | None,
        typer.Option(help="Own study's folder, to stand beside the published one; or several."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print scores, ablation and claims as JSON.")
    ] = False,
) -> None:
    """Reproduce the energy table, figures and claims of Schaefer et al. (2023).

    Beside the published numbers stand the model as they used it (nothing fitted, and fitted to
    their table), hardware, and own studies. Takes a few minutes.

    Example: leanspike reproduce --study runs/study --study runs/nmnist
    """
    from leanspike.paper.claims import as_text
    from leanspike.paper.reproduce import finding
    from leanspike.paper.reproduce import reproduce as write
    from leanspike.study import Results

    own = [Results.load(folder) for folder in study or ()]
    found = write(out, studies=own, say=lambda text: typer.echo(text, err=True))
    if as_json:
        claims = [asdict(claim) for claim in found.claims]
        typer.echo(json.dumps({**found.summary, "claims": claims}, indent=2))
        return
    typer.echo(finding(found))
    typer.echo("")
    typer.echo(as_text(found.claims))
    typer.echo(f"page: {out / 'reproduce.html'}")
