"""``leanspike search`` and ``leanspike sweep``: best mappings, and architectures compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress
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
    from leanspike.hardware.architecture import Architecture
    from leanspike.hardware.model.case import Case
    from leanspike.hardware.search.best import Objective
    from leanspike.hardware.search.exhaustive import SearchResult
    from leanspike.hardware.semantics import Semantics
    from leanspike.hardware.sweep import SweepTable


def search(
    workload: Annotated[
        str, typer.Argument(help="Workload: a bundled name, a YAML file or a CSV file.")
    ] = "published",
    layer: Annotated[str | None, typer.Option(help="Search this layer alone.")] = None,
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
        str, typer.Option(help="What to minimize: edp, energy, latency, or pareto for the front.")
    ] = "edp",
    formats: Annotated[
        str | None, typer.Option(help="Compressed format: UOP, UBM, CP, RLE, or U for none.")
    ] = None,
    statistic: Annotated[str, typer.Option(help="Densities to use: mean or max.")] = "mean",
    time_limit: TimeLimit = None,
    timeloop: Annotated[
        Path | None, typer.Option(help="Search the map space of this Timeloop 0.3 input.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Consider every mapping that the architecture's loop rules allow, and show the best.

    Example: leanspike search published --layer Conv4 -a eyeriss_snn
    """
    from leanspike.hardware.search.exhaustive import search_cases
    from leanspike.spec import named

    goal = one_of("objective", objective, ("edp", "energy", "latency", "pareto"))
    if timeloop is not None:
        results = [_search_timeloop(timeloop, semantics or "sparseloop", goal)]
    else:
        chip, rules = changed(architecture, changes), flipped(semantics or "physical", flips)
        with named(architecture):
            cases = _cases(workload, layer, chip, rules, formats, statistic)
            with following(time_limit) as watch:
                results = search_cases(cases, goal, watch)
    if as_json:
        shown = [_record(result) for result in results]
        one = timeloop is not None or layer is not None
        typer.echo(json.dumps(shown[0] if one else shown, indent=1))
        return
    console = Console()
    typer.echo("Loops of each level: in time | down y | along x")
    for result in results:
        typer.echo(_shown(result))
        if result.front:
            console.print(_front(result))


def _search_timeloop(path: Path, semantics: str, objective: Objective) -> SearchResult:
    from leanspike.hardware.semantics import Semantics
    from leanspike.hardware.timeloop.search import search_timeloop

    return search_timeloop(path, Semantics.preset(semantics), objective)


def _cases(
    workload: str,
    layer: str | None,
    architecture: Architecture,
    semantics: Semantics,
    formats: str | None,
    statistic: str,
) -> list[Case]:
    from leanspike.hardware.price import Job

    job = Job.load(
        workload, architecture, semantics=semantics, formats=formats,
        statistic=one_of("statistic", statistic, ("mean", "max")),
    )  # fmt: skip
    names = [one.name for one in job.workload.layers]
    if layer is not None and layer not in names:
        raise InputError(
            f"no layer {layer!r}", where="--layer", remedy=f"Layers: {', '.join(names)}"
        )
    # Of the whole network: what leaks is built for its widest layer.
    return [case for case in job.cases if layer in (None, case.name)]


def _record(result: SearchResult) -> dict[str, Any]:
    levels = result.case.plan.architecture.levels
    record: dict[str, Any] = {
        "name": result.case.name,
        "mapping": _text(result),
        "cycles": result.cycles,
        "energy_total_pJ": result.energy_pj,
        "edp": result.edp,
        "edp_j_s": result.edp_js,
        "keeps": {level.name: list(level.keeps) for level in levels},
        "mappings_total": result.mappings_total,
        "mappings_legal": result.mappings_legal,
        "complete": result.complete,
        "seconds": round(result.seconds, 6),
    }
    if result.front:
        record["front"] = [
            {"energy_total_pJ": energy, "cycles": cycles, "mapping": mapping.to_text()}
            for energy, cycles, mapping in result.front
        ]
    return record


def _text(result: SearchResult) -> dict[str, str]:
    names = [level.name for level in result.case.plan.architecture.levels]
    return dict(zip(names, result.mapping.to_text(), strict=True))


def _shown(result: SearchResult) -> str:
    """Describe a layer's best mapping: figures, then a line per level."""
    of = (
        f"of {result.mappings_legal:,} legal" if result.complete
        else f"so far, of {result.mappings_legal:,} legal ones seen"
    )  # fmt: skip
    lines = [
        f"{result.case.name}: {result.energy_pj / 1e6:,.2f} uJ, {result.cycles:,.0f} cycles, "
        f"{result.edp_js:.3g} J s",
        f"  the best {of} mappings ({result.mappings_total:,} declared), {result.seconds:.2f} s",
    ]
    mapping = _text(result)
    width = max(map(len, mapping))
    return "\n".join(
        [*lines, *(f"    {level:<{width}}  {text}" for level, text in mapping.items())]
    )


def _front(result: SearchResult) -> Table:
    table = Table(title=f"{result.case.name}: best trade-offs of energy and cycles")
    table.add_column("energy uJ", justify="right")
    table.add_column("cycles", justify="right")
    table.add_column("mapping")
    for energy, cycles, mapping in result.front:
        table.add_row(f"{energy / 1e6:,.2f}", f"{cycles:,.0f}", " / ".join(mapping.to_text()))
    return table


def sweep(
    file: Annotated[Path, typer.Argument(help="The sweep: a YAML file.")],
    out: Annotated[Path | None, typer.Option(help="Write the table here as CSV.")] = None,
    time_limit: TimeLimit = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON alone.")] = False,
) -> None:
    """Price workloads on variants of an architecture, and show the front of energy and latency.

    Example: leanspike sweep buffers.yaml --out buffers.csv
    """
    from leanspike.hardware.search import Watch
    from leanspike.hardware.sweep import Sweep, run_sweep

    planned = Sweep.load(file)
    watch = Watch(seconds=time_limit)
    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("points", total=None)

        def show(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, description=f"{done} of {total} points")

        table = run_sweep(planned, show, watch=watch)
    if out is not None:
        table.to_csv(out)
    if as_json:
        typer.echo(json.dumps(table.records(), indent=1))
    else:
        Console().print(_sweep_table(table))
    if watch.stopped:
        typer.echo(f"stopped early: {len(table.rows)} points are done", err=True)
        raise typer.Exit(130 if watch.interrupted else 1)


def _sweep_table(table: SweepTable) -> Table:
    shown = Table(title="* on the front of energy and latency")
    for heading in ("", "workload", *table.keys):
        shown.add_column(heading)
    for heading in ("energy uJ", "latency ms", "EDP J s", "area mm2"):
        shown.add_column(heading, justify="right")
    for record in table.records():
        values = ["*" if record["on_front"] else "", record["workload"]]
        values += [str(record[key]) for key in table.keys]
        if record["error"]:
            shown.add_row(*values, record["error"])
            continue
        shown.add_row(
            *values, f"{record['energy_uj']:,.2f}", f"{record['latency_ms']:,.3f}",
            f"{record['edp_js']:.4g}", f"{record['area_mm2']:.3f}",
        )  # fmt: skip
    return shown
