"""One training on several devices: a process for each, by lightning's distributed data parallel.

``python -m leanspike.study.together FOLDER FILE`` is one of these processes.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leanspike.study.file import StudyFile
from leanspike.study.task import Task
from leanspike.training import EpochRecord
from leanspike.training.ranks import run_ranks

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
    out = folder / "trainings" / task.key
    out.mkdir(parents=True, exist_ok=True)
    what = {"study": study.plain(), "task": asdict(task), "parent": parent}
    (out / "together.json").write_text(json.dumps(what), encoding="utf-8")

    def heard(line: str) -> None:
        if line.startswith(_EPOCH):
            on_epoch(EpochRecord(**json.loads(line.removeprefix(_EPOCH))))

    line = [sys.executable, "-m", "leanspike.study.together", str(folder)]
    run_ranks([*line, str(out / "together.json")], study.training.devices, on_line=heard)
    (out / "together.json").unlink()


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
    _be_one_of_them(Path(sys.argv[1]), Path(sys.argv[2]))
