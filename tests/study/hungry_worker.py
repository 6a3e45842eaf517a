"""A worker of a made-up study one task of which takes all memory: hungry_worker.py DATABASE HOW.

HOW is `limit` (the process has a limit, and Python says so) or `killed` (the system kills it).
"""

import os
import resource
import signal
import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from leanspike.study.work.progress import PlainProgress
from leanspike.study.work.store import Store
from leanspike.study.work.worker import work
from made_up_records import Made


class HungryBench:
    """Does any task at once, but one of them wants a terabyte."""

    def __init__(self, how):
        self.how = how

    def run(self, task, *, result_of, on_epoch):
        if task.label == "quantize, 2 bits, seed 0":
            if self.how == "killed":
                os.kill(os.getpid(), signal.SIGKILL)
            np.ones(2**37)
        return Made(task.key)


if __name__ == "__main__":
    database, how = sys.argv[1:]
    if how == "limit":
        resource.setrlimit(resource.RLIMIT_AS, (2**34, 2**34))
    with Path("/dev/null").open("w") as nowhere:
        work(Store(database), HungryBench(how), progress=PlainProgress(nowhere))
