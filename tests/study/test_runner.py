import errno
import io
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from leanspike.errors import InputError
from leanspike.study.plan import plan
from leanspike.study.progress import PlainProgress
from leanspike.study.runner import work


def quiet():
    return PlainProgress(io.StringIO())


@pytest.fixture
def store(tmp_path, study, begin):
    return begin(tmp_path / "study.db", study)


def test_every_task_is_done_once_with_what_it_needs(store, tasks, bench):
    doing = bench()
    outcome = work(store, doing, progress=quiet())
    assert doing.ran == [task.key for task in tasks]
    assert outcome.counts == {"done": len(tasks)}
    for task in tasks:
        assert store.result(task.key) == {"key": task.key, "given": task.needs}


def test_a_failing_task_is_tried_again_and_the_rest_goes_on(store, tasks, bench):
    shown = io.StringIO()
    doing = bench(wrong={"quantize, 2 bits, seed 0": RuntimeError("out of memory")})
    outcome = work(store, doing, progress=PlainProgress(shown), retries=2)
    failed = next(task for task in tasks if task.label == "quantize, 2 bits, seed 0")
    assert doing.ran.count(failed.key) == 3
    assert outcome.failures == (("train quantize, 2 bits, seed 0", "RuntimeError: out of memory"),)
    # only its measurement and price are left
    assert outcome.counts == {"done": len(tasks) - 3, "failed": 1, "waiting": 2}
    assert "trying again" in shown.getvalue()
    assert "giving it up" in shown.getvalue()


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full"), InputError("no")]
)
def test_what_ends_the_study_gives_the_task_back(store, tasks, bench, error):
    wrong = {"quantize, 2 bits, seed 0": error}
    with pytest.raises(type(error)):
        work(store, bench(wrong=wrong), progress=quiet())
    assert store.counts()["waiting"] == len(tasks) - 3
    doing = bench()
    work(store, doing, progress=quiet())
    assert len(doing.ran) == len(tasks) - 3


def start(path, log, count=1):
    script = Path(__file__).with_name("slow_worker.py")
    line = [sys.executable, str(script), str(path), str(log)]
    return [subprocess.Popen(line) for _ in range(count)]


def lines(log):
    return log.read_text().split() if log.exists() else []


def test_workers_side_by_side_share_the_work(tmp_path, study, begin, tasks):
    store = begin(tmp_path / "study.db", study)
    log = tmp_path / "log"
    for worker in start(tmp_path / "study.db", log, count=3):
        assert worker.wait(timeout=60) == 0
    assert sorted(log.read_text().split()) == sorted(task.key for task in tasks)
    assert store.counts() == {"done": len(tasks)}


def test_killed_at_random_moments_nothing_finished_is_lost_or_done_twice(tmp_path, study, begin):
    compression = study.compression.model_copy(update={"bits": (2, 3, 4, 6, 8)})
    study = study.model_copy(update={"compression": compression})
    path, log = tmp_path / "study.db", tmp_path / "log"
    store = begin(path, study)
    draw = random.Random(0)
    finished_before = {}
    kills = 0
    while store.counts() != {"done": sum(store.counts().values())}:
        (worker,) = start(path, log)
        until = len(lines(log)) + draw.randrange(8)
        while worker.poll() is None and len(lines(log)) < until:
            time.sleep(0.001)
        time.sleep(draw.random() * 0.02)
        if worker.poll() is None:
            worker.kill()
            worker.wait()
            kills += 1
        for key, result in finished_before.items():
            assert store.result(key) == result
        finished_before = {key: found for key in set(lines(log)) if (found := store.result(key))}
    assert kills >= 5
    ran = lines(log)
    tasks = plan(study, fingerprint="f" * 64)
    assert set(ran) == {task.key for task in tasks}
    # a task may be repeated only where the kill fell between doing it and keeping it
    assert len(ran) - len(set(ran)) <= kills
    for task in tasks:
        assert store.result(task.key) == {"key": task.key, "given": task.needs}
