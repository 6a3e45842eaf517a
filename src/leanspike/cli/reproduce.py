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
    as_json: Annotated[bool, typer.Option("--json", help="Print the claims as JSON.")] = False,
) -> None:
    """Show the figures of Schaefer et al. (2023) beside this model's and own studies'.

    Says of every claim whether it holds; takes about a minute.

    Example: leanspike reproduce --study runs/study --study runs/nmnist
    """
    from leanspike.paper import as_text
    from leanspike.paper import reproduce as write
    from leanspike.study import Results

    own = [Results.load(folder) for folder in study or ()]
    judged = write(out, studies=own, say=lambda text: typer.echo(text, err=True))
    if as_json:
        typer.echo(json.dumps([asdict(claim) for claim in judged], indent=2))
        return
    typer.echo(as_text(judged))
    typer.echo(f"page: {out / 'reproduce.html'}")
