"""Workers of a made-up study, for the tests that kill them: slow_worker.py DATABASE LOG [MORE].

With MORE it is the parent of so many further workers and works beside them, as `leanspike study`.
LOG.processes gets its process number before anything else happens.
"""

import os
import sys
import time
from pathlib import Path

if __name__ == "__main__":
    with Path(f"{sys.argv[2]}.processes").open("a") as processes:
        processes.write(f"{os.getpid()}\n")

sys.path.insert(0, str(Path(__file__).parents[1]))

from leanspike.study.work.processes import further_workers
from leanspike.study.work.progress import PlainProgress
from leanspike.study.work.store import Store
from leanspike.study.work.worker import work
from made_up_records import Made

SECONDS = 0.01


class SlowBench:
    """Takes a little while, and notes in a file what it finished."""

    def __init__(self, log):
        self.log = log

    def run(self, task, *, result_of, on_epoch):
        time.sleep(SECONDS)
        with self.log.open("a") as file:
            file.write(f"{task.key}\n")
        given = result_of(task.needs, Made).key if task.needs else None
        return Made(task.key, given)


if __name__ == "__main__":
    database, log, *more = sys.argv[1:]
    line = [sys.executable, __file__, database, log]
    with Path("/dev/null").open("w") as nowhere, further_workers(int(more[0]) if more else 0, line):
        work(Store(database), SlowBench(Path(log)), progress=PlainProgress(nowhere))
