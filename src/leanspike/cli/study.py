"""``leanspike study``: a whole grid, from data to report."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from leanspike.study import Results, StudyFile


def study(
    file: Annotated[Path | None, typer.Argument(help="Study file; the default study.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for results.")] = Path("runs/study"),
    data: Annotated[
        str | None, typer.Option(help="Data set's name, npz archive or folder; over the file's.")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="Your network: nets.py:make_net, package.module:make_net, or a .nir file."
        ),
    ] = None,
    weights: Annotated[
        Path | None, typer.Option(help="Its trained weights (safetensors): not trained in float.")
    ] = None,
    code: Annotated[
        list[str] | None,
        typer.Option(
            help="A function the file's training names, such as mine.py:loss; repeatable."
        ),
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A study that comes with the package: paper.")
    ] = None,
    quick: Annotated[bool, typer.Option("--quick", help="A study of about a minute.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="List points and time, run none.")
    ] = False,
    storage: Annotated[
        str | None,
        typer.Option(
            help="postgresql://... instead of a file in the folder.",
            envvar="LEANSPIKE_STORAGE",
            show_envvar=True,
        ),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes that share the work; one per core, to 4.")
    ] = None,
    retries: Annotated[int, typer.Option(min=0, help="Tries again of a task that fails.")] = 1,
    ray: Annotated[
        str | None, typer.Option(help="Work on this Ray cluster: auto, host:port, ray://...")
    ] = None,
    ray_cpus: Annotated[float, typer.Option(help="Cores of one worker on Ray.")] = 1.0,
    ray_gpus: Annotated[
        float, typer.Option(help="GPUs of one worker on Ray; a fraction shares one.")
    ] = 0.0,
    slurm: Annotated[
        bool, typer.Option("--slurm", help="Print a Slurm array script instead of running.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
) -> None:
    """Train, compress, measure and price a grid, and write the report.

    What is done is kept: the same command goes on after an interruption, and prices anew where
    only the file's hardware changed.

    A network of your own is Python that runs because you name it here: --network nets.py:make_net,
    a function without arguments that returns any torch module. How it takes its time steps is
    found out by trial calls and shown.

    Example: leanspike study my.yaml --out runs/mine
    """
    chosen = _chosen(file, data=data, preset=preset, quick=quick)
    chosen = _with_network(chosen, network=network, weights=weights)
    if slurm:
        line = _begin(file, out=out, data=data, preset=preset, quick=quick)
        line += [*(["--network", network] if network else [])]
        line += [part for name in code or () for part in ("--code", name)]
        line += [*(["--weights", str(weights)] if weights else [])]
        _slurm(chosen.name, line, out=out, storage=storage, retries=retries, jobs=jobs)
        return
    if dry_run:
        _dry_run(chosen, out, storage=storage, network=network, as_json=as_json)
        return
    from leanspike.report import build_report, report_text
    from leanspike.study import run_study
    from leanspike.study.work.ray_workers import RayCluster

    cluster = RayCluster(ray, cpus=ray_cpus, gpus=ray_gpus, workers=jobs) if ray else None
    results = run_study(
        chosen,
        out=out,
        storage=storage,
        jobs=jobs,
        retries=retries,
        ray=cluster,
        network=network,
        code=code or (),
    )
    page = build_report(results, out)
    if as_json:
        typer.echo(json.dumps(_as_plain(results, page), indent=2))
    else:
        typer.echo(report_text(results))
        for label, error in results.failures:
            typer.echo(f"failed: {label}: {error}", err=True)
        typer.echo(f"report: {page}")
    if len(results.priced) < results.planned:
        typer.echo(
            f"{results.planned - len(results.priced)} of {results.planned} points are missing; "
            "the same command tries them again",
            err=True,
        )
    if len(results.priced) < results.planned or results.failures:
        raise typer.Exit(1)


def _chosen(file: Path | None, *, data: str | None, preset: str | None, quick: bool) -> StudyFile:
    from leanspike.errors import InputError
    from leanspike.study import StudyFile
    from leanspike.study.file.preset import study_preset

    if sum((quick, file is not None, preset is not None)) > 1:
        raise InputError("a study file, --preset and --quick exclude each other")
    if preset is not None:
        chosen = study_preset(preset)
    else:
        chosen = StudyFile.quick() if quick else StudyFile.load(file) if file else StudyFile()
    if data is None:
        return chosen
    section = chosen.data.model_copy(update={"source": data})
    return chosen.model_copy(update={"data": section})


def _with_network(study: StudyFile, *, network: str | None, weights: Path | None) -> StudyFile:
    from leanspike.errors import InputError
    from leanspike.study.file.study_file import NetworkSection, OwnNetwork

    if network is None:
        if weights is not None:
            raise InputError("needs --network, whose weights they are", where="--weights")
        return study
    found = study.network
    if isinstance(found, OwnNetwork):
        changes = {"source": network, "weights": weights or found.weights}
        return study.model_copy(update={"network": found.model_copy(update=changes)})
    if found != NetworkSection():
        raise InputError(
            "the study file describes a network too",
            where="--network",
            remedy="Take its network section out of the file",
        )
    own = OwnNetwork(source=network, weights=weights)
    return study.model_copy(update={"network": own})


def _begin(
    file: Path | None, *, out: Path, data: str | None, preset: str | None, quick: bool
) -> list[str]:
    """Return the command line that begins this study."""
    line = ["leanspike", "study", *([str(file)] if file else []), "--out", str(out)]
    line += [*(["--data", data] if data else []), *(["--preset", preset] if preset else [])]
    return [*line, "--quick"] if quick else line


def _slurm(
    name: str, line: list[str], *, out: Path, storage: str | None, retries: int, jobs: int | None
) -> None:
    from leanspike.study.work.database import without_password
    from leanspike.study.work.slurm import slurm_script

    public = without_password(storage) if storage else None
    line = [*line, "--retries", str(retries), *(["--storage", public] if public else [])]
    typer.echo(slurm_script(name, line, out=out, storage=storage, jobs=jobs or 8), nl=False)


def _dry_run(
    study: StudyFile, out: Path, *, storage: str | None, network: str | None, as_json: bool
) -> None:
    from leanspike.study import grid
    from leanspike.study.estimate import estimate
    from leanspike.study.results.live import clock
    from leanspike.study.work.own_network import own_code

    points = grid(study)
    code = own_code(network) if network else None
    found = estimate(study, out=out, storage=storage, code=code)
    if as_json:
        names = [point.name for point in points]
        typer.echo(json.dumps({"names": names, **asdict(found)}, indent=2))
        return
    for point in points:
        typer.echo(point.name)
    kinds = ", ".join(
        f"{found.left.get(kind, 0)} of {count} to {kind}" for kind, count in found.tasks.items()
    )
    typer.echo(f"{found.points} points; {kinds}; {found.epochs} epochs left")
    if study.search is not None:
        typer.echo(f"and up to {study.search.trainings} points that the search chooses")
    typer.echo(
        f"about {clock(found.seconds)} in one process and {found.disk_bytes / 1e6:.1f} MB of disk"
    )
    if found.timed_on < study.training.batch_size:
        part = f"{found.timed_on} of {study.training.batch_size} recordings of a batch"
        typer.echo(f"(from a training step on {part})")


def _as_plain(results: Results, page: Path) -> dict[str, Any]:
    from leanspike.report import actions, on_every_hardware, shipping
    from leanspike.report.findings.finding import Reader
    from leanspike.study.results.tables import setting_rows
    from leanspike.study.work.database import shown

    answer = shipping(results)
    return {
        "report": str(page),
        "database": shown(results.where),
        "settings": [
            {
                "setting": row.setting.name,
                "seeds": row.accuracy.count,
                "accuracy": row.accuracy.mean,
                "accuracy_deviation": row.accuracy.deviation,
                "energy_pj": row.energy_pj.mean,
                "edp_js": row.edp_js.mean,
                "latency_s": row.latency_s.mean,
                "stored_bits": row.stored_bits.mean,
                "weight_sparsity": row.sparsity.mean,
                "on_front": row.best,
            }
            for row in setting_rows(results)
        ],
        "ship": answer.setting if answer is not None else None,
        "actions": [asdict(action) for action in actions(results)],
        "hardware": [
            {
                "architecture": one.architecture,
                "format": one.format,
                "float_energy_pj": one.baseline_pj,
                "pruning": one.pruning,
                "quantization": one.quantization,
                "together": one.together,
                "best": one.best.name if one.best is not None else None,
                "energy_pj": one.energy_pj,
                "edp_js": one.edp_js,
                "shares": dict(one.shares),
            }
            for one in on_every_hardware(Reader(results))
        ],
        "failures": [{"task": label, "error": error} for label, error in results.failures],
    }
