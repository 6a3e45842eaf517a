"""One training on several devices: torchrun starts a process for each."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, cast

from leanspike.errors import InputError
from leanspike.files import write_whole
from leanspike.stopping import FOLLOWS_PARENT, follow_parent
from leanspike.study.file.study_file import StudyFile
from leanspike.study.records import TrainRecipe, TrainResult, plain, read
from leanspike.study.work.own_network import OwnCode, OwnFunction
from leanspike.study.work.processes import share_of_cores
from leanspike.training import EpochRecord

#: Begins a line that tells of an epoch.
_EPOCH = "epoch "

EpochReport = Callable[[EpochRecord], None]
Train = Callable[[str, TrainRecipe, TrainResult | None, EpochReport], TrainResult]


@dataclass(frozen=True)
class _Order:
    """What the processes read."""

    study: StudyFile
    key: str
    recipe: TrainRecipe
    parent: TrainResult | None


def train_together(
    study: StudyFile,
    folder: Path,
    key: str,
    recipe: TrainRecipe,
    parent: TrainResult | None,
    *,
    on_epoch: EpochReport,
    code: OwnCode | None = None,
    functions: Mapping[str, OwnFunction] | None = None,
) -> None:
    """Do a training task in as many processes as the study wants devices.

    Parameters
    ----------
    code, functions
        The user's own network and functions; the processes find them by their names.

    Raises
    ------
    RuntimeError
        With what went wrong in one of the processes.
    """
    file = folder / "trainings" / key / "together.json"
    write_whole(file, json.dumps(plain(_Order(study, key, recipe, parent))), parents=True)

    def on_line(line: str) -> None:
        if line.startswith(_EPOCH):
            on_epoch(EpochRecord(**json.loads(line.removeprefix(_EPOCH))))

    line = [sys.executable, "-m", "leanspike.study.work.bench", str(folder), str(file)]
    for each in (code, *(functions or {}).values()):
        if each is not None and not each.importable:
            raise InputError(
                f"{each.name} cannot be imported by the processes of several devices",
                where="training.devices",
                remedy="Name it as a file and a function, such as nets.py:make_net",
            )
        line.append("" if each is None else each.name)
    run_ranks(line, study.training.devices, on_line=on_line)
    file.unlink()


def run_ranks(
    line: Sequence[str], count: int, *, on_line: Callable[[str], None] = lambda _: None
) -> None:
    """Run a command in so many processes by torchrun, and share the cores among them.

    When one of them ends, torchrun ends the others. Those that call
    :func:`leanspike.stopping.follow_parent` end too when torchrun or this process is killed.

    Parameters
    ----------
    line
        The command.
    count
        How many processes.
    on_line
        Called with every line that they print.

    Raises
    ------
    RuntimeError
        With the last line of what torchrun says, when one of them fails or is killed. That is the
        error itself where what they run is under torch's `record`.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]
    given = {"OMP_NUM_THREADS": str(share_of_cores(count)), FOLLOWS_PARENT: "1"}
    with tempfile.TemporaryFile("w+") as errors:
        ranks = subprocess.Popen(
            [*torchrun, f"--nproc-per-node={count}", *line],
            env={**os.environ, **given},
            stdin=subprocess.PIPE,  # the processes inherit it, and follow this one by its end
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        told, printed = cast("IO[str]", ranks.stdin), cast("IO[str]", ranks.stdout)

        def end() -> None:
            ranks.wait()
            told.close()

        # Processes that outlive torchrun keep `printed` open.
        ending = threading.Thread(target=end, name="torchrun", daemon=True)
        ending.start()
        try:
            with printed:
                for text in printed:
                    on_line(text.rstrip("\n"))
            if ranks.wait() != 0:
                raise RuntimeError(_what_failed(errors, ranks.returncode))
        finally:
            if ranks.poll() is None:
                ranks.terminate()
            ending.join()


def _what_failed(errors: IO[str], status: int) -> str:
    """Return the last line of what torchrun said, or how it ended itself."""
    if status < 0:
        return f"torchrun was ended by signal {-status}"
    errors.seek(0)
    lines = [text.strip() for text in errors if text.strip("=- \n")]
    return lines[-1].removeprefix("traceback : ") if lines else f"torchrun ended with {status}"


def as_rank(file: Path, trains: Callable[[StudyFile], Train]) -> None:
    """Be one of the processes: train as the file says, and print a line for every epoch."""
    from torch.distributed.elastic.multiprocessing.errors import record

    follow_parent()

    def train() -> None:
        order = read(_Order, json.loads(file.read_text(encoding="utf-8")), where=str(file))

        def report(epoch: EpochRecord) -> None:
            line = _EPOCH + json.dumps(asdict(epoch)) + "\n"
            print(line, end="", flush=True)  # in one write, for all write to one pipe

        trains(order.study)(order.key, order.recipe, order.parent, report)

    # torchrun hands on what is raised in there.
    record(train)()
