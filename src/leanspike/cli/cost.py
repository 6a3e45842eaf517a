"""``leanspike cost``: price a workload, or a Timeloop input, on an accelerator."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from leanspike.cli.hardware import (
    ArchitectureName,
    Changes,
    Flips,
    TimeLimit,
    changed,
    flipped,
    following,
    one_of,
)
from leanspike.errors import InputError

if TYPE_CHECKING:
    from leanspike.hardware.explain import Flip
    from leanspike.hardware.model.cost import WorkloadCost


def cost(
    workload: Annotated[
        str, typer.Argument(help="Workload: a bundled name, a YAML file or a CSV file.")
    ] = "published",
    architecture: ArchitectureName = "eyeriss_snn",
    changes: Changes = None,
    semantics: Annotated[
        str | None,
        typer.Option(
            help="What the model assumes: physical, sparseloop (for --timeloop) or timeloop2022."
        ),
    ] = None,
    flips: Flips = None,
    objective: Annotated[
        str, typer.Option(help="What mappings minimize: edp, energy or latency.")
    ] = "edp",
    formats: Annotated[
        str | None, typer.Option(help="Compressed format: UOP, UBM, CP, RLE, or U for none.")
    ] = None,
    statistic: Annotated[str, typer.Option(help="Densities to price: mean or max.")] = "mean",
    weight_bits: Annotated[int | None, typer.Option(help="Bits of a weight, all layers.")] = None,
    mapping_from: Annotated[
        str | None,
        typer.Option(
            "--mapping",
            "--mapping-from",
            metavar="FILE_OR_SETTING",
            help="Price these mappings, without a search: YAML, what cost --json printed, or "
            "settings to search them at, such as weight_bits=8,formats=RLE.",
        ),
    ] = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Also price with each assumption the other way.")
    ] = False,
    time_limit: TimeLimit = None,
    timeloop: Annotated[
        Path | None, typer.Option(help="Price this Timeloop 0.3 input with its own mapping.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Price a workload on an accelerator, every layer under its best mapping.

    Example: leanspike cost published -a eyeriss_snn --formats RLE
    """
    if timeloop is not None:
        _timeloop_cost(timeloop, semantics or "sparseloop", as_json=as_json)
        return
    from leanspike.hardware.explain import explain_switches
    from leanspike.hardware.price import mappings_from, price
    from leanspike.hardware.workload.workload import left_out_lines
    from leanspike.spec import named

    chip, rules = changed(architecture, changes), flipped(semantics or "physical", flips)
    arguments: dict[str, Any] = {
        "semantics": rules,
        "objective": one_of("objective", objective, ("edp", "energy", "latency")),
        "formats": formats,
        "statistic": one_of("statistic", statistic, ("mean", "max")),
        "weight_bits": weight_bits,
    }
    if mapping_from is not None and explain:
        raise InputError("it searches anew for every assumption", where="--explain with --mapping")
    with named(architecture), following(time_limit) as watch:
        given = None
        if mapping_from is not None:
            given = mappings_from(mapping_from, workload, chip, **arguments)
        found = price(workload, chip, watch=watch, mappings=given, **arguments)
    with named(architecture):
        switches = explain_switches(workload, chip, **arguments) if explain else ()
    if as_json:
        data = found.to_dict()
        data["complete"] = not watch.stopped
        if explain:
            data["explain"] = [flip.to_dict() for flip in switches]
        typer.echo(json.dumps(data, indent=1))
        return
    console = Console()
    console.print(_layers(found))
    console.print(_components(found))
    notes: dict[str, list[str]] = {}
    for layer in found.layers:
        for note in layer.notes:
            notes.setdefault(note, []).append(layer.name)
    for note, names in notes.items():
        console.print(f"{', '.join(names)}: {note}", markup=False, highlight=False)
    for line in left_out_lines(found.left_out, found.left_out_share):
        console.print(line, markup=False, highlight=False)
    if explain:
        console.print(_flips(found, switches))


def _timeloop_cost(path: Path, semantics: str, *, as_json: bool) -> None:
    from leanspike.hardware.timeloop.report import timeloop_report

    report = timeloop_report(path, semantics=semantics)
    if as_json:
        typer.echo(json.dumps(report, indent=1))
        return
    typer.echo(f"cycles {report['cycles']}, energy {report['energy_total_pJ'] / 1e6:.3f} uJ")
    for component, energy in report["energy_per_component_pJ"].items():
        typer.echo(f"  {component:<20} {energy / 1e6:12.3f} uJ")


def _layers(found: WorkloadCost) -> Table:
    table = Table(title=f"{found.workload} on {found.architecture} ({found.semantics})")
    table.add_column("layer", overflow="fold")
    for heading in ("energy uJ", "cycles", "EDP J s", "computes", "pJ each"):
        table.add_column(heading, justify="right")
    for layer in found.layers:
        computes = layer.computes["actual"]
        table.add_row(
            layer.name,
            f"{layer.energy_pj / 1e6:,.2f}",
            f"{layer.cycles:,.0f}",
            f"{layer.edp_js:.3g}",
            f"{computes:,.0f}",
            f"{layer.energy_pj / max(computes, 1):.2f}",
        )
    table.add_section()
    table.add_row(
        "all",
        f"{found.energy_pj / 1e6:,.2f}",
        f"{found.cycles:,.0f}",
        f"{found.edp_js:.3g}",
        "",
        "",
    )
    return table


def _components(found: WorkloadCost) -> Table:
    table = Table(title="Energy by component and tensor, uJ")
    tensors = list(found.energy_by("tensor"))
    for heading in ("component", *tensors):
        table.add_column(heading, justify="left" if heading == "component" else "right")
    for component in found.energy_by("component"):
        row = [component]
        for tensor in tensors:
            pj = sum(
                item.pj
                for layer in found.layers
                for item in layer.energy
                if item.component == component and item.tensor == tensor
            )
            row.append(f"{pj / 1e6:,.2f}" if pj else "")
        table.add_row(*row)
    return table


def _flips(found: WorkloadCost, flips: tuple[Flip, ...]) -> Table:
    table = Table(title="With one assumption the other way")
    table.add_column("assumption")
    for heading in ("now", "energy uJ", "change", "cycles"):
        table.add_column(heading, justify="right", no_wrap=True)
    for flip in flips:
        table.add_row(
            flip.switch,
            "on" if flip.now else "off",
            f"{flip.energy_pj / 1e6:,.2f}",
            f"{100 * (flip.energy_pj / found.energy_pj - 1):+.1f} %",
            f"{flip.cycles:,.0f}",
        )
    table.caption = "What each assumption says: --explain --json, or docs/semantics.md"
    return table
