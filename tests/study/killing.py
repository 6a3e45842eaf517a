"""Workers of a made-up study, and killing them at random moments."""

import random
import subprocess
import sys
import time
from pathlib import Path

from leanspike.study.plan import plan


def start_workers(database, log, count=1):
    script = Path(__file__).with_name("slow_worker.py")
    line = [sys.executable, str(script), str(database), str(log)]
    return [subprocess.Popen(line) for _ in range(count)]


def lines(log):
    return log.read_text().split() if log.exists() else []


def kill_until_done(store, study, log, *, least_kills, workers=1):
    """Kill workers at random moments until the study is done; check it after every kill."""
    draw = random.Random(0)
    finished_before = {}
    kills = 0
    while store.counts() != {"done": sum(store.counts().values())}:
        started = start_workers(store.where, log, workers)
        until = len(lines(log)) + draw.randrange(8)
        while started[0].poll() is None and len(lines(log)) < until:
            time.sleep(0.001)
        time.sleep(draw.random() * 0.02)
        for worker in started:
            if worker.poll() is None:
                worker.kill()
                kills += 1
            worker.wait()
        for key, result in finished_before.items():
            assert store.result(key) == result
        finished_before = {key: found for key in set(lines(log)) if (found := store.result(key))}
    assert kills >= least_kills
    ran = lines(log)
    tasks = plan(study, fingerprint="f" * 64)
    assert set(ran) == {task.key for task in tasks}
    # a task may be repeated only where the kill fell between doing it and keeping it
    assert len(ran) - len(set(ran)) <= kills
    for task in tasks:
        assert store.result(task.key) == {"key": task.key, "given": task.needs}
