"""From a study to its results: `run_study`, and `join_study` for further workers."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from leanspike.errors import InputError
from leanspike.events import FrameData, keep_frames
from leanspike.files import write_whole
from leanspike.stopping import stopping_on_sigterm
from leanspike.study.file.study_file import NetworkSection, OwnNetwork, StudyFile
from leanspike.study.plan.tasks import plan
from leanspike.study.records import StudyData
from leanspike.study.results.dashboard import show_in_optuna, shown_meanwhile
from leanspike.study.results.live import progress as default_progress
from leanspike.study.results.results import Results
from leanspike.study.work.bench import Workbench
from leanspike.study.work.database import shown
from leanspike.study.work.networks import load_study_data
from leanspike.study.work.own_network import (
    OwnCode,
    OwnFunction,
    check_code,
    check_functions,
    own_code,
    own_function,
    settled,
)
from leanspike.study.work.pricing import check_hardware
from leanspike.study.work.processes import further_workers, usual_jobs, worker_line
from leanspike.study.work.progress import PlainProgress, StudyProgress
from leanspike.study.work.provenance import provenance
from leanspike.study.work.ray_workers import RayCluster, ray_workers
from leanspike.study.work.ray_workers import watch as watch_workers
from leanspike.study.work.store import Store
from leanspike.study.work.worker import Outcome, work
from leanspike.training.fit import on_threads


def run_study(
    study: StudyFile,
    *,
    out: Path,
    storage: str | None = None,
    jobs: int | None = None,
    retries: int = 1,
    ray: RayCluster | None = None,
    progress: StudyProgress | None = None,
    network: Any = None,
    data: Any = None,
    code: Sequence[str | Callable[..., Any]] = (),
) -> Results:
    """Run a study, or go on with one that was interrupted.

    Results are kept in ``out/study.db`` as they come, trainings in ``out/trainings``. What is
    done is never done again; other hardware in the file is priced on the activity kept.

    Parameters
    ----------
    out
        The study's folder; made when absent.
    storage
        Address of a PostgreSQL database to keep the results in instead of ``out/study.db``, for
        workers on several machines; `out` is then a folder that all of them see.
    jobs
        Processes that share the work and the cores; chosen by the machine when omitted
        (:func:`leanspike.study.work.processes.usual_jobs`).
    retries
        How often a task that fails is tried again before it is reported as failed.
    ray
        A Ray cluster that does the work instead of processes on this machine.
    progress
        Who watches; a live view on a terminal and plain lines elsewhere when omitted.
    network
        Code of a network of your own: a function that returns a torch module, a module, or the
        name of one (``"nets.py:make_net"``). How it runs is found out by trial calls.
    data
        Frames (:class:`leanspike.events.FrameData`) in the stead of the file's data; they are kept
        in ``out/data``, where other workers find them.
    code
        Functions that the study's training names (loss, optimizer, augmentation), or their names.

    Raises
    ------
    InputError
        When the data, the study, the network or the folder cannot be used.
    OSError
        When the disk is full or not writable; what is done stays readable.
    KeyboardInterrupt
        When interrupted; the same call goes on from there.

    >>> results = run_study(StudyFile.quick(), out=Path("runs/quick"))  # doctest: +SKIP
    """
    watch = progress or default_progress()
    out.mkdir(parents=True, exist_ok=True)
    watch.say(f"study {study.name!r} in {out}")
    frames, study = _frames(study, data, out)
    _check_classes(frames)
    own = own_code(network) if network is not None else None
    study = _with_network(study, own, frames, watch)
    functions = _functions(code)
    check_functions(study, functions)
    hashes = {name: functions[name].sha256 for name in study.training.functions.values()}
    training = study.training.model_copy(update={"code": hashes})
    study = study.model_copy(update={"training": training})
    tasks = plan(study, fingerprint=frames.fingerprint)
    check_hardware(study.hardware)
    bench = Workbench(study, frames, out, own, functions)
    where = storage or out / "study.db"
    store = Store(where, create=True)
    try:
        store.begin(study, tasks, data=_described(frames), provenance=provenance())
        text = yaml.safe_dump(study.plain(), sort_keys=False, width=100)
        write_whole(out / "study.yaml", text)
        check_folder(store, out)
        watch.follow(where)
        if ray is not None:
            named = _importable(own, functions, "--ray")
            on_ray = ray_workers(ray, _work_on_ray, out.resolve(), storage, retries, *named)
            with watch, shown_meanwhile(where), on_ray as workers:
                watch_workers(store, workers, watch)
        else:
            count = jobs or usual_jobs()
            here = [
                each.name for each in (own, *functions.values()) if each and not each.importable
            ]
            if here and count > 1:
                watch.say(f"{here[0]} cannot be imported elsewhere: one process does all")
                count = 1
            threads = study.training.threads
            line = worker_line(
                out,
                retries=retries,
                network=own.name if own is not None else None,
                code=tuple(functions),
            )
            others = further_workers(
                count - 1, line, threads=threads, storage=storage, logs=out / "logs"
            )
            stop = stopping_on_sigterm()
            with stop, watch, shown_meanwhile(where), others, on_threads(threads):
                work(store, bench, progress=watch, retries=retries)
    finally:
        store.close()
    results = Results.load(where)
    show_in_optuna(results)
    return results


def join_study(
    out: Path,
    *,
    storage: str | None = None,
    retries: int = 1,
    wait: float = 0.0,
    progress: StudyProgress | None = None,
    network: Any = None,
    code: Sequence[str | Callable[..., Any]] = (),
) -> Outcome:
    """Work on a study that was begun elsewhere, beside any number of others, until it is done.

    Parameters
    ----------
    out, storage, retries, progress, network, code
        As in :func:`run_study`; the code must be the study's.
    wait
        For how many seconds a study is waited for that was not begun yet.

    Raises
    ------
    InputError
        When there is no study, or this machine's data is not the study's.
    OSError
        When the disk is full or the database cannot be used.
    KeyboardInterrupt
        When interrupted; the task at hand is given back.
    """
    watch = progress or default_progress()
    where = storage or out / "study.db"
    known = _begun(where, wait)
    study = known.file
    own = own_code(network) if network is not None else None
    if isinstance(study.network, OwnNetwork):
        check_code(study.network, own)
    functions = _functions(code)
    check_functions(study, functions)
    data = load_study_data(study.data)
    if data.fingerprint != known.data.fingerprint:
        raise InputError(
            f"fingerprint {data.fingerprint[:12]}, the study's data has "
            f"{known.data.fingerprint[:12]}",
            where=f"data {study.data.source}",
            remedy="Every worker needs the same recordings",
        )
    watch.say(f"working on {study.name!r} in {shown(where)}")
    store = Store(where)
    try:
        check_folder(store, out)
        watch.follow(where)
        with stopping_on_sigterm(), watch, on_threads(study.training.threads):
            return work(
                store,
                Workbench(study, data, out, own, functions),
                progress=watch,
                retries=retries,
            )
    finally:
        store.close()


def _work_on_ray(
    out: Path, storage: str | None, retries: int, network: str | None, code: tuple[str, ...]
) -> dict[str, int]:
    """Be a worker: runs on the cluster."""
    quiet = PlainProgress(io.StringIO())
    done = join_study(
        out, storage=storage, retries=retries, progress=quiet, network=network, code=code
    )
    return done.counts


def _frames(study: StudyFile, given: FrameData | None, out: Path) -> tuple[FrameData, StudyFile]:
    """Return the study's data; what is handed over is kept in its folder and named in its file."""
    if given is None:
        return load_study_data(study.data), study
    kept = keep_frames(given, out / "data")
    section = study.data.model_copy(update={"source": str(kept), "T": given.T, "limit": None})
    return load_study_data(section), study.model_copy(update={"data": section})


def _with_network(
    study: StudyFile, code: OwnCode | None, data: FrameData, watch: StudyProgress
) -> StudyFile:
    """Find out how a network of the user's own runs, say it, and keep it in the study."""
    section = study.network
    if code is not None and not isinstance(section, OwnNetwork):
        if section != NetworkSection():
            raise InputError(
                f"the study file describes a network, and {code.name} is given too",
                where="network",
                remedy="Take the section out of the file",
            )
        section = OwnNetwork(source=code.name)
    if not isinstance(section, OwnNetwork):
        return study
    section = settled(section, check_code(section, code), data)
    watch.say(f"network {section.source}: {section.runs}")
    return study.model_copy(update={"network": section})


def _functions(code: Sequence[str | Callable[..., Any]]) -> dict[str, OwnFunction]:
    found = [own_function(each) for each in code]
    return {each.name: each for each in found}


def _importable(
    own: OwnCode | None, functions: Mapping[str, OwnFunction], where: str
) -> tuple[str | None, tuple[str, ...]]:
    """Return the names by which other processes find the user's code."""
    for each in (own, *functions.values()):
        if each is not None and not each.importable:
            raise InputError(
                f"{each.name} cannot be imported by other processes",
                where=where,
                remedy="Name it as a file and a function, such as nets.py:make_net",
            )
    return own.name if own is not None else None, tuple(functions)


def check_folder(store: Store, out: Path) -> None:
    """Refuse a folder that lacks the trainings a database has: it belongs to another folder.

    Raises
    ------
    InputError
        Naming the first that is missing.
    """
    counts = store.counts()
    if counts.get("waiting", 0) + counts.get("running", 0) == 0:
        return
    missing = [path for path in store.checkpoints() if not (out / path).is_file()]
    if missing:
        raise InputError(
            f"has not the checkpoint {missing[0]} (and {len(missing) - 1} more) that "
            f"{shown(store.where)} speaks of: the study in it was begun with another folder",
            where=str(out),
            remedy="Give the --out it was begun with, or another database",
        )


def _begun(where: str | Path, wait: float) -> Results:
    """Load a study, waiting until it is begun."""
    until = time.monotonic() + wait
    while True:
        try:
            return Results.load(where)
        except (InputError, OSError):
            if time.monotonic() > until:
                raise
            time.sleep(min(2.0, wait))


def _check_classes(data: FrameData) -> None:
    """Refuse data that every network gets right, or that nothing can be measured on."""
    classes = np.unique(data.train.labels)
    if len(classes) < 2:
        named = f"class {classes[0]}" if len(classes) else "no class"
        raise InputError(
            f"all training recordings are of {named}: there is nothing to tell apart",
            where=f"data {data.name}",
            remedy="Give recordings of at least two classes",
        )
    if not len(data.test):
        raise InputError("the test split is empty", where=f"data {data.name}")


def _described(data: FrameData) -> StudyData:
    sizes = (len(data.train), len(data.validation), len(data.test))
    return StudyData(data.name, data.fingerprint, data.classes, data.shape, data.T, sizes)
