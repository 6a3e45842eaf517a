"""Workers of a made-up study and their parents, and killing them at random moments."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import sqlalchemy as sa

from leanspike.study.plan.tasks import plan
from leanspike.study.work.database import task_table

SCRIPT = Path(__file__).with_name("slow_worker.py")


def start_workers(database, log, count=1):
    line = [sys.executable, str(SCRIPT), str(database), str(log)]
    return [subprocess.Popen(line) for _ in range(count)]


def start_parent(database, log, more):
    line = [sys.executable, str(SCRIPT), str(database), str(log), str(more)]
    return subprocess.Popen(line)


def lines(log):
    return log.read_text().split() if log.exists() else []


def larger(study):
    """Fifty points of a made-up study: a few seconds of work for its workers."""
    compression = study.compression.model_copy(
        update={"bits": (2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 16), "pruning": (0.5, 0.8)}
    )
    return study.model_copy(update={"compression": compression})


def kill_until_done(store, study, log, *, kills, more):
    """Kill parents and their workers at random moments, so many times; then let one run finish.

    After every kill, what was finished before is as it was. In the end the results are those of a
    run that nobody interrupted, and no more was done twice than kills fell between doing a task
    and keeping it.
    """
    draw = random.Random(0)
    tasks = plan(study, fingerprint="f" * 64)
    wanted = {task.key: {"key": task.key, "given": task.needs} for task in tasks}
    done, killed = {}, []
    while len(killed) < kills:
        parent = start_parent(store.where, log, more)
        until = len(lines(log)) + draw.randrange(1, 9)
        while parent.poll() is None and len(lines(log)) < until:
            time.sleep(0.005)
        assert parent.poll() is None, "the study ended before it was killed often enough"
        # its workers too, those of earlier parents that were just starting, and in any order
        victims = [int(process) for process in lines(Path(f"{log}.processes"))]
        victims = [process for process in victims if process not in killed]
        for process in draw.sample(victims, len(victims)):
            time.sleep(draw.random() * 0.02)
            os.kill(process, signal.SIGKILL)
            killed.append(process)
            kept = results_of(store)
            assert {key: kept[key] for key in done} == done
            done = kept
        parent.wait()
    assert start_parent(store.where, log, more).wait(timeout=60) == 0
    assert results_of(store) == wanted
    assert store.counts() == {"done": len(tasks)}
    ran = lines(log)
    assert set(ran) == set(wanted)
    assert len(ran) - len(set(ran)) <= len(killed)


def results_of(store):
    """Every finished task's result."""
    with store._engine.connect() as connection:
        rows = connection.execute(sa.select(task_table).where(task_table.c.state == "done"))
        return {row.key: row.result for row in rows}
