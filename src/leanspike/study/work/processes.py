"""Several processes on one study on one machine, each with its share of the cores."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO

from leanspike.stopping import FOLLOWS_PARENT

#: More processes than this gain little and take half a gigabyte each.
MOST_JOBS = 4
#: How long workers are waited for: those told to stop, and those whose study is done.
STOP_SECONDS, END_SECONDS = 4, 60
#: Environment variable with the address of a study's database.
STORAGE = "LEANSPIKE_STORAGE"


def usable_cores() -> int:
    """Return how many cores this process may use, where the system tells; else all there are."""
    if hasattr(os, "sched_getaffinity"):  # macOS and Windows have no such thing
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def usual_jobs() -> int:
    """Return how many processes suit this machine: one with a GPU, else one per core, up to 4.

    Small networks keep one core busy but not two: two processes of one thread do more than one
    process of two.
    """
    import torch

    if torch.cuda.is_available():
        return 1
    return min(usable_cores(), MOST_JOBS)


def worker_line(
    out: Path, *, retries: int = 1, network: str | None = None, code: Sequence[str] = ()
) -> list[str]:
    """Return the command of one more process on a study, whose code it names.

    The database's address is not in it: everyone can read a command line, and an address may hold
    a password.
    """
    line = [sys.executable, "-m", "leanspike", "worker", str(out), "--retries", str(retries)]
    line += ["--network", network] if network is not None else []
    for name in code:
        line += ["--code", name]
    return line


@contextmanager
def further_workers(
    count: int,
    line: Sequence[str],
    *,
    threads: int = 1,
    storage: str | None = None,
    logs: Path | None = None,
) -> Iterator[None]:
    """Run a command, that of :func:`worker_line`, so many times while the body works too.

    When the body is done they are waited for; when it is interrupted or fails they are ended, and
    give back what they were doing. They end too when this process is gone, however it went.

    Parameters
    ----------
    threads
        CPU threads of torch in each.
    storage
        Address of the study's database, handed on in the environment.
    logs
        Folder for what they print: ``worker1.log`` and so on; those of workers that had nothing to
        say are removed.
    """
    given = {
        "OMP_NUM_THREADS": str(threads),
        "NUMBA_NUM_THREADS": str(max(1, usable_cores() // (count + 1))),
        FOLLOWS_PARENT: "1",
        **({STORAGE: storage} if storage is not None else {}),
    }
    workers: list[subprocess.Popen[bytes]] = []
    paths = [logs / f"worker{i + 1}.log" for i in range(count)] if logs is not None else []
    with ExitStack() as opened:
        for i in range(count):
            out: IO[bytes] | int = subprocess.DEVNULL
            if paths:
                paths[i].parent.mkdir(parents=True, exist_ok=True)
                out = opened.enter_context(paths[i].open("wb"))
            workers.append(
                subprocess.Popen(
                    line,
                    env={**os.environ, **given},
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=out,
                    start_new_session=True,
                )
            )
    try:
        yield
    except BaseException:
        for worker in workers:
            worker.terminate()
        for worker in workers:
            _wait(worker, STOP_SECONDS)
        raise
    finally:
        for worker in workers:
            _wait(worker, END_SECONDS)
            if worker.stdin is not None:
                worker.stdin.close()
        for path, worker in zip(paths, workers, strict=False):
            if worker.returncode == 0:
                path.unlink(missing_ok=True)


def share_of_cores(jobs: int) -> int:
    """Return how many cores each of so many processes gets, at least one."""
    return max(1, usable_cores() // jobs)


def _wait(worker: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        worker.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        # Its task goes back to the others: the store sees that its process is gone.
        worker.kill()
        worker.wait()
