"""``leanspike profile``: a trained network's activity, as a workload for the hardware side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from leanspike.cli.hardware import one_of


def profile(
    model: Annotated[Path, typer.Argument(help="Folder of a trained network.")],
    out: Annotated[
        Path | None, typer.Option(help="Workload to write: .yaml keeps all, .csv the densities.")
    ] = None,
    data: Annotated[str | None, typer.Option(help="Other data than the model's own.")] = None,
    split: Annotated[str, typer.Option(help="train, validation or test.")] = "test",
    statistic: Annotated[str, typer.Option(help="For .csv: mean or max.")] = "mean",
    network: Annotated[
        str | None, typer.Option(help="Code of a network of your own: nets.py:make_net.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the workload as JSON.")] = False,
) -> None:
    """Measure densities of weights, inputs and outputs, layer by layer.

    Example: leanspike profile runs/ternary --out ternary.yaml && leanspike cost ternary.yaml
    """
    from leanspike.errors import InputError
    from leanspike.hardware.workload.workload import left_out_lines
    from leanspike.study.results.tables import aligned
    from leanspike.study.work.model_folder import Model
    from leanspike.study.work.networks import run_once

    one_of("split", split, ("train", "validation", "test"))
    densities = one_of("statistic", statistic, ("mean", "max"))
    if out is not None and out.suffix not in (".yaml", ".yml", ".csv"):
        raise InputError("expected a name ending in .yaml or .csv", where=f"--out {out}")
    loaded = Model.load(model, network=network)
    frames = getattr(loaded.load_data(data), split)
    on = "cpu" if loaded.file.training.accelerator == "cpu" else "auto"  # it may come from a GPU
    workload, _ = run_once(loaded.net, frames, accelerator=on, name=model.resolve().name)
    if out is not None and out.suffix == ".csv":
        workload.to_csv(out, statistic=densities)
    elif out is not None:
        workload.save(out)
    if as_json:
        typer.echo(json.dumps(workload.model_dump(mode="json")))
        return
    head = ["layer", "weights", "inputs mean", "inputs max", "outputs mean", "outputs max"]
    rows = [
        [
            layer.name,
            f"{layer.density.weights.mean:.4f}",
            f"{layer.density.inputs.mean:.4f}",
            f"{layer.density.inputs.max:.4f}",
            f"{layer.density.outputs.mean:.4f}",
            f"{layer.density.outputs.max:.4f}",
        ]
        for layer in workload.layers
    ]
    typer.echo("densities (fraction of non-zeros)")
    typer.echo(aligned([head, *rows]))
    for line in left_out_lines(workload.left_out, workload.left_out_share):
        typer.echo(line)
    if out is not None:
        typer.echo(f"workload: {out}")
