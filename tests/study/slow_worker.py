"""A worker of a made-up study, for the tests that kill it: slow_worker.py DATABASE LOG."""

import sys
import time
from pathlib import Path

from leanspike.study.progress import PlainProgress
from leanspike.study.runner import work
from leanspike.study.store import Store


class SlowBench:
    """Takes a little while, and notes in a file what it finished."""

    def __init__(self, log):
        self.log = log

    def run(self, task, *, result_of, on_epoch):
        time.sleep(0.01)
        with self.log.open("a") as file:
            file.write(f"{task.key}\n")
        given = result_of(task.needs)["key"] if task.needs else None
        return {"key": task.key, "given": given}


if __name__ == "__main__":
    database, log = sys.argv[1], Path(sys.argv[2])
    with Path("/dev/null").open("w") as nowhere:
        work(Store(database), SlowBench(log), progress=PlainProgress(nowhere))
