"""``leanspike extract``: a setting's trained network out of a study."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def extract(
    study: Annotated[Path, typer.Argument(help="Study's folder.")],
    setting: Annotated[str, typer.Argument(help='As the report names it: "quantize 2b".')],
    out: Annotated[Path, typer.Option(help="Folder to make for the network.")],
    seed: Annotated[int | None, typer.Option(help="Which seed's; else the first.")] = None,
    storage: Annotated[
        str | None, typer.Option(help="postgresql://..., where the study was run with it.")
    ] = None,
) -> None:
    """Copy the network you chose out of its study: weights, how to build it, and a model card.

    Other commands take the folder: profile, compress.

    Example: leanspike extract runs/study "quantize 2b" --out runs/shipped
    """
    from leanspike.study.results.extract import extract_network

    extract_network(study, setting, out=out, seed=seed, storage=storage)
    typer.echo(f"network: {out}")
