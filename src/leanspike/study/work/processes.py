"""Several processes on one study on one machine, each with its share of the cores."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

#: More processes than this gain little and take half a gigabyte each.
MOST_JOBS = 4


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


@contextmanager
def cores_shared_by(jobs: int) -> Iterator[None]:
    """Let torch use this process's share of the cores, and what it used before afterwards."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(share_of_cores(jobs))
    try:
        yield
    finally:
        torch.set_num_threads(before)


def worker_line(
    out: Path,
    *,
    storage: str | None = None,
    retries: int = 1,
    network: str | None = None,
    code: Sequence[str] = (),
) -> list[str]:
    """Return the command of one more process on a study, whose code it names."""
    line = [sys.executable, "-m", "leanspike", "worker", str(out), "--retries", str(retries)]
    line += ["--network", network] if network is not None else []
    for name in code:
        line += ["--code", name]
    return line if storage is None else [*line, "--storage", storage]


@contextmanager
def further_workers(count: int, line: Sequence[str]) -> Iterator[None]:
    """Run a command, that of :func:`worker_line`, so many times while the body works too.

    When the body is done they are waited for; when it is interrupted or fails they are
    interrupted, and give back what they were doing.
    """
    share = str(share_of_cores(count + 1))
    threads = {"OMP_NUM_THREADS": share, "NUMBA_NUM_THREADS": share}
    workers = [
        subprocess.Popen(
            line,
            env={**os.environ, **threads},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        for _ in range(count)
    ]
    try:
        yield
    except BaseException:
        for worker in workers:
            worker.send_signal(signal.SIGINT)
        raise
    finally:
        for worker in workers:
            _wait(worker)


def share_of_cores(jobs: int) -> int:
    """Return how many cores each of so many processes gets, at least one."""
    return max(1, usable_cores() // jobs)


def _wait(worker: subprocess.Popen[bytes]) -> None:
    try:
        worker.wait(timeout=60)
    except subprocess.TimeoutExpired:
        # Its task goes back to the others: the store sees that its process is gone.
        worker.kill()
        worker.wait()
