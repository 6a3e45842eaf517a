"""``leanspike presets``: everything that comes with the package and has a name."""

from __future__ import annotations

import json
from textwrap import shorten
from typing import Annotated

import typer


def presets(
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the architectures, workloads, studies and semantics that can be given by name.

    Example: leanspike presets
    """
    from typing import get_args

    from leanspike.hardware.architecture.architecture import Architecture, preset_names
    from leanspike.hardware.semantics import Preset
    from leanspike.hardware.workload.workload import Workload, workload_names
    from leanspike.study import grid
    from leanspike.study.file.preset import study_preset, study_presets

    chips = {name: Architecture.load(name) for name in preset_names()}
    room = 76 - max(map(len, chips))
    works = {name: Workload.load(name) for name in workload_names()}
    studies = {name: study_preset(name) for name in study_presets()}
    listed = {
        "architectures": {
            name: shorten(chip.about.split(". ")[0], room, placeholder="...")
            for name, chip in chips.items()
        },
        "workloads": {name: f"{len(work.layers)} layers" for name, work in works.items()},
        "studies": {
            name: f"{study.data.source}, {len(grid(study))} points"
            for name, study in studies.items()
        },
        "semantics": {name: "" for name in get_args(Preset)},
    }
    if as_json:
        typer.echo(json.dumps(listed, indent=1))
        return
    use = {
        "architectures": "leanspike cost -a NAME",
        "workloads": "leanspike cost NAME",
        "studies": "leanspike study --preset NAME",
        "semantics": "leanspike cost --semantics NAME",
    }
    for kind, names in listed.items():
        typer.echo(f"{kind} ({use[kind]})")
        width = max(map(len, names))
        for name, about in names.items():
            typer.echo(f"  {name:<{width}}  {about}".rstrip())
