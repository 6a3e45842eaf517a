"""One training on several devices: torchrun starts a process for each.

``python -m leanspike.study.together FOLDER FILE`` is one of these processes.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, cast

from leanspike.files import write_whole
from leanspike.study.file import StudyFile
from leanspike.study.processes import share_of_cores
from leanspike.study.task import Task
from leanspike.training import EpochRecord

#: Begins a line that tells of an epoch.
_EPOCH = "epoch "


def train_together(
    study: StudyFile,
    folder: Path,
    task: Task,
    parent: Mapping[str, Any] | None,
    *,
    on_epoch: Callable[[EpochRecord], None],
) -> None:
    """Do a training task in as many processes as the study wants devices.

    Parameters
    ----------
    study, folder
        The study and its folder.
    task, parent
        The training, and the result of the one it starts from.
    on_epoch
        Called after every epoch.

    Raises
    ------
    RuntimeError
        With what went wrong in one of the processes.
    """
    file = folder / "trainings" / task.key / "together.json"
    what = {"study": study.plain(), "task": asdict(task), "parent": parent}
    write_whole(file, json.dumps(what), parents=True)

    def on_line(line: str) -> None:
        if line.startswith(_EPOCH):
            on_epoch(EpochRecord(**json.loads(line.removeprefix(_EPOCH))))

    line = [sys.executable, "-m", "leanspike.study.together", str(folder), str(file)]
    run_ranks(line, study.training.devices, on_line=on_line)
    file.unlink()


def run_ranks(
    line: Sequence[str], count: int, *, on_line: Callable[[str], None] = lambda _: None
) -> None:
    """Run a command in so many processes by torchrun, and share the cores among them.

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
        With the last line of what torchrun says, when one of them fails; the others are ended.
        That is the error itself where what they run is under torch's `record`.
    """
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--no-python"]
    with tempfile.TemporaryFile("w+") as errors:
        ranks = subprocess.Popen(
            [*torchrun, f"--nproc-per-node={count}", *line],
            env={**os.environ, "OMP_NUM_THREADS": str(share_of_cores(count))},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
        try:
            with cast("IO[str]", ranks.stdout) as printed:
                for text in printed:
                    on_line(text.rstrip("\n"))
            if ranks.wait() != 0:
                errors.seek(0)
                told = [text for text in errors if text.strip("=- \n")]
                raise RuntimeError(told[-1].strip() if told else f"ended with {ranks.returncode}")
        finally:
            if ranks.poll() is None:
                ranks.terminate()
            ranks.wait()


def _be_one_of_them(folder: Path, file: Path) -> None:
    from leanspike.study.networks import load_study_data
    from leanspike.study.workbench import Workbench

    what = json.loads(file.read_text(encoding="utf-8"))
    study = StudyFile(**what["study"])
    bench = Workbench(study, load_study_data(study.data), folder)

    def tell(record: EpochRecord) -> None:
        print(_EPOCH + json.dumps(asdict(record)), flush=True)

    bench.train(Task(**what["task"]), what["parent"], tell)


if __name__ == "__main__":
    from torch.distributed.elastic.multiprocessing.errors import record

    record(_be_one_of_them)(Path(sys.argv[1]), Path(sys.argv[2]))
