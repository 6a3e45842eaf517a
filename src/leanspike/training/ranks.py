"""Several processes on one training, one per device: starting them, and knowing which one is."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from typing import IO, TYPE_CHECKING, cast

from leanspike.errors import InputError

if TYPE_CHECKING:
    from leanspike.training.config import TrainingConfig


def rank_of(config: TrainingConfig) -> tuple[int, int]:
    """Return this process's rank and how many ranks there are: 0 and 1 for one device.

    Raises
    ------
    InputError
        When the training wants several devices and this process is not one of as many.
    """
    if not isinstance(config.devices, int) or config.devices == 1:
        return 0, 1
    started = int(os.environ.get("WORLD_SIZE", "1"))
    if started != config.devices:
        raise InputError(
            f"{config.devices} devices need as many processes, this one was started as one "
            f"of {started}",
            where="training devices",
            remedy="`leanspike study` starts them; or use torchrun --nproc-per-node",
        )
    return int(os.environ["RANK"]), config.devices


def run_ranks(
    line: Sequence[str], count: int, *, on_line: Callable[[str], None] = lambda _: None
) -> None:
    """Run a command in so many processes that find each other as torchrun's do.

    Parameters
    ----------
    line
        The command.
    count
        How many processes.
    on_line
        Called with every line that the first one prints.

    Raises
    ------
    RuntimeError
        With the last line of its errors, when one of them fails; the others are ended.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    shared = {
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "TORCHELASTIC_RUN_ID": f"leanspike-{os.getpid()}",
        "OMP_NUM_THREADS": str(max(1, len(os.sched_getaffinity(0)) // count)),
    }
    with contextlib.ExitStack() as files:
        errors = [files.enter_context(tempfile.TemporaryFile("w+")) for _ in range(count)]
        started = [
            subprocess.Popen(
                line,
                env={**os.environ, **shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if rank == 0 else subprocess.DEVNULL,
                stderr=errors[rank],
                text=True,
            )
            for rank in range(count)
        ]
        try:
            with cast("IO[str]", started[0].stdout) as said:
                for text in said:
                    on_line(text.rstrip("\n"))
            for each, log in zip(started, errors, strict=True):
                if each.wait() != 0:
                    log.seek(0)
                    last = log.read().strip().splitlines()[-1:]
                    raise RuntimeError(last[0] if last else f"ended with {each.returncode}")
        finally:
            for each in started:
                if each.poll() is None:
                    each.send_signal(signal.SIGTERM)
            for each in started:
                each.wait()
