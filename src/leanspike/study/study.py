"""One call from a study to its results: `run_study`."""

from __future__ import annotations

from pathlib import Path

import yaml

from leanspike.study.file import StudyFile
from leanspike.study.networks import load_study_data
from leanspike.study.plan import plan
from leanspike.study.pricing import check_hardware
from leanspike.study.progress import StudyProgress
from leanspike.study.progress import progress as default_progress
from leanspike.study.provenance import provenance
from leanspike.study.results import Results
from leanspike.study.runner import work
from leanspike.study.store import Store
from leanspike.study.workbench import Workbench


def run_study(
    study: StudyFile,
    *,
    out: Path,
    retries: int = 1,
    progress: StudyProgress | None = None,
) -> Results:
    """Run a study, or go on with one that was interrupted.

    Results are kept in ``out/study.db`` as they come, trainings in ``out/trainings``. What is
    done is never done again; other hardware in the file is priced on the activity kept.

    Parameters
    ----------
    study
        What to try.
    out
        The study's folder; made when absent.
    retries
        How often a task that fails is tried again before it is reported as failed.
    progress
        Who watches; a bar on a terminal and plain lines elsewhere when omitted.

    Raises
    ------
    InputError
        When the data, the study or the folder cannot be used.
    OSError
        When the disk is full or not writable; what is done stays readable.
    KeyboardInterrupt
        When interrupted; the same call goes on from there.

    >>> results = run_study(StudyFile.quick(), out=Path("runs/quick"))  # doctest: +SKIP
    """
    watch = progress or default_progress()
    out.mkdir(parents=True, exist_ok=True)
    watch.say(f"study {study.name!r} in {out}")
    data = load_study_data(study.data)
    tasks = plan(study, fingerprint=data.fingerprint)
    check_hardware(study.hardware)
    bench = Workbench(study, data, out)
    store = Store(out / "study.db", create=True)
    try:
        described = {
            "name": data.name,
            "fingerprint": data.fingerprint,
            "classes": data.classes,
            "shape": list(data.shape),
            "T": data.T,
            "recordings": [len(data.train), len(data.validation), len(data.test)],
        }
        store.begin(study, tasks, data=described, provenance=provenance())
        text = yaml.safe_dump(study.plain(), sort_keys=False, width=100)
        (out / "study.yaml").write_text(text, encoding="utf-8")
        with watch:
            work(store, bench, progress=watch, retries=retries)
    finally:
        store.close()
    return Results.load(out)
