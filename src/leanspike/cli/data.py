"""``leanspike data``: what a data set or an event archive holds, as frames."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from leanspike.cli.hardware import one_of


def data(
    source: Annotated[str, typer.Argument(help="Data set's name, npz archive or folder.")] = (
        "digits-dvs"
    ),
    steps: Annotated[int, typer.Option("--steps", "-T", help="Frames per recording.")] = 10,
    by: Annotated[str, typer.Option(help="Cut frames by 'count' or 'time'.")] = "count",
    root: Annotated[Path | None, typer.Option(help="Folder of tonic's data sets.")] = None,
    download: Annotated[bool, typer.Option("--download", help="Let tonic fetch data.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Make the frames of a data set (they are kept for training) and describe them.

    Example: leanspike data recordings.npz --steps 20 --by time
    """
    from leanspike.events import FrameConfig, load_data

    frames = load_data(
        source,
        frames=FrameConfig(T=steps, by=one_of("by", by, ("count", "time"))),
        root=root,
        download=download,
    )
    splits = {"train": frames.train, "validation": frames.validation, "test": frames.test}
    described = {
        "name": frames.name,
        "fingerprint": frames.fingerprint,
        "classes": frames.classes,
        "shape": list(frames.shape),
        "T": frames.T,
        "recordings": {name: len(split) for name, split in splits.items()},
        "density": {name: float((split.frames != 0).mean()) for name, split in splits.items()},
    }
    if as_json:
        typer.echo(json.dumps(described))
        return
    channels, height, width = frames.shape
    typer.echo(
        f"{frames.name}: {frames.classes} classes, {frames.T} frames of {channels}x{height}x{width}"
    )
    for name, split in splits.items():
        typer.echo(f"{name}: {len(split)} recordings, {float((split.frames != 0).mean()):.2%} set")
    typer.echo(f"fingerprint: {frames.fingerprint}")
