"""What the study machinery costs: throughput of four workers, and overhead of a point.

    python benchmarks/study_machinery.py --out FILE [--storage postgresql://...]

Throughput: four workers share made-up tasks, each a fixed amount of arithmetic on one core, with
the real store and the real worker's loop. The ideal is the same arithmetic in as many bare
processes as there are cores, measured just before and just after. Overhead: what claiming,
keeping and reporting one point's tasks takes when the tasks themselves take no time, and the
heartbeats of 60 s, against the 60 s; and one point of three 20 s tasks by the clock. The database
is a file, or the PostgreSQL server's that is named, which must hold no study.
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from leanspike.study.file.study_file import StudyFile
from leanspike.study.plan.tasks import Task, plan
from leanspike.study.records import StudyData, plain
from leanspike.study.work.database import shown, task_table
from leanspike.study.work.progress import PlainProgress
from leanspike.study.work.provenance import provenance
from leanspike.study.work.store import Store
from leanspike.study.work.worker import BEAT_SECONDS, work

DATA = StudyData("made up", "f" * 64, 10, (2, 34, 34), 10, (1200, 200, 400))
#: A training, a measurement and a price: what one point of a grid takes at least.
TASKS_PER_POINT = 3
POINT_SECONDS = 60.0


@dataclass(frozen=True)
class Filling:
    """A result of some size."""

    key: str
    filling: str


class Arithmetic:
    """Does every task by a fixed amount of arithmetic, and notes which it did."""

    def __init__(self, rounds: int, log: Path | None = None) -> None:
        self.rounds = rounds
        self.log = log

    def run(self, task: Task, *, result_of: Any, on_epoch: Any) -> Filling:
        """Do a task."""
        burn(self.rounds)
        if self.log is not None:
            with self.log.open("a") as file:
                file.write(f"{task.key}\n")
        # About as much as a measured point keeps.
        return Filling(task.key, "0123456789" * 2000)


class Sleeping:
    """Takes its time without using it."""

    def run(self, task: Task, *, result_of: Any, on_epoch: Any) -> Filling:
        """Do a task."""
        time.sleep(POINT_SECONDS / TASKS_PER_POINT)
        return Filling(task.key, "")


def burn(rounds: int) -> int:
    total = 0
    for i in range(rounds):
        total += i * i % 7
    return total


def rounds_for(seconds: float) -> int:
    burn(10**5)
    started = time.process_time()
    burn(10**6)
    return int(10**6 * seconds / (time.process_time() - started))


def main() -> None:
    options = parse()
    if options.role == "worker":
        with Path(os.devnull).open("w") as nowhere:
            bench = Arithmetic(options.rounds, options.log)
            work(Store(options.storage), bench, progress=PlainProgress(nowhere))
        return
    if options.role == "bare":
        for _ in range(options.tasks):
            burn(options.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        report = {
            "what": __doc__.splitlines()[0] if __doc__ else "",
            "database": "PostgreSQL" if options.storage else "SQLite file",
            "throughput": throughput(Path(folder), options),
            "overhead": overhead(Path(folder), direct=options.direct),
            "date": datetime.date.today().isoformat(),
            "provenance": plain(provenance()),
        }
    print(
        json.dumps({key: report[key] for key in ("database", "throughput", "overhead")}, indent=1)
    )
    if options.out is not None:
        options.out.write_text(json.dumps(report, indent=1) + "\n")


def begun(where: str | Path, points: int) -> tuple[Store, tuple[Task, ...]]:
    """Put a made-up plan of so many points, and a float network each, into a database."""
    study = StudyFile(
        compression={"strategies": ["quantize"], "bits": [8]}, seeds=list(range(points // 2))
    )
    tasks = plan(study, fingerprint=DATA.fingerprint)
    store = Store(where, create=True)
    store.begin(study, tasks, data=DATA, provenance=provenance())
    return store, tasks


def throughput(folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    where = options.storage or folder / "study.db"
    store, tasks = begun(where, options.points)
    rounds = rounds_for(options.task_seconds)
    cores = len(os.sched_getaffinity(0))
    before = bare(rounds, len(tasks), cores)
    log = folder / "log"
    line = [sys.executable, __file__, "--role", "worker", "--storage", str(where)]
    line += ["--rounds", str(rounds), "--log", str(log)]
    running = [subprocess.Popen(line) for _ in range(options.workers)]
    assert [each.wait() for each in running] == [0] * options.workers
    after = bare(rounds, len(tasks), cores)
    done = Counter(log.read_text().split())
    assert set(done) == {task.key for task in tasks}
    with store._engine.connect() as connection:
        columns = task_table.c
        first = connection.scalar(sa.select(sa.func.min(columns.finished - columns.seconds)))
        last = connection.scalar(sa.select(sa.func.max(columns.finished)))
    store.close()
    ideal = (before + after) / 2
    return {
        "workers": options.workers,
        "cores": cores,
        "tasks": len(tasks),
        "done twice": sum(count - 1 for count in done.values()),
        "seconds": last - first,
        "ideal seconds": ideal,
        "ideal before and after": [before, after],
        "of ideal": ideal / (last - first),
    }


def bare(rounds: int, tasks: int, cores: int) -> float:
    """Time the same arithmetic in one bare process per core."""
    line = [sys.executable, __file__, "--role", "bare", "--rounds", str(rounds)]
    shares = [tasks // cores + (i < tasks % cores) for i in range(cores)]
    started = time.perf_counter()
    running = [subprocess.Popen([*line, "--tasks", str(share)]) for share in shares]
    for each in running:
        each.wait()
    whole = time.perf_counter() - started
    started = time.perf_counter()
    subprocess.run([*line, "--tasks", "0"], check=True)
    return whole - (time.perf_counter() - started)


def overhead(folder: Path, *, direct: bool) -> dict[str, Any]:
    store, tasks = begun(folder / "overhead.db", 20)
    started = time.perf_counter()
    work(store, Arithmetic(0), progress=PlainProgress(io.StringIO()))
    per_task = (time.perf_counter() - started) / len(tasks)
    started = time.perf_counter()
    for _ in range(50):
        store.beat(tasks[0].key, "nobody")
    beat = (time.perf_counter() - started) / 50
    store.close()
    point = TASKS_PER_POINT * per_task + POINT_SECONDS / BEAT_SECONDS * beat
    found = {
        "seconds per task": per_task,
        "seconds per heartbeat": beat,
        "of a 60 s point": point / POINT_SECONDS,
    }
    if direct:
        study = StudyFile(compression={"strategies": []}, search={}, seeds=[0])
        three = plan(study, fingerprint=DATA.fingerprint)[:TASKS_PER_POINT]
        store = Store(folder / "direct.db", create=True)
        store.begin(study, three, data=DATA, provenance=provenance())
        started = time.perf_counter()
        work(store, Sleeping(), progress=PlainProgress(io.StringIO()))
        found["one 60 s point by the clock"] = time.perf_counter() - started
        store.close()
    return found


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--out", type=Path, help="JSON file of results")
    parser.add_argument("--storage", help="postgresql://..., an empty database")
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--points", type=int, default=60)
    parser.add_argument("--task-seconds", type=float, default=0.5, help="of one core")
    parser.add_argument("--direct", action="store_true", help="also one 60 s point by the clock")
    parser.add_argument("--role", choices=["measure", "worker", "bare"], default="measure")
    parser.add_argument("--rounds", type=int, default=0)
    parser.add_argument("--tasks", type=int, default=0)
    parser.add_argument("--log", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    options = parse()
    if options.role == "measure" and options.storage:
        print(f"storage: {shown(options.storage)}", file=sys.stderr)
    main()
