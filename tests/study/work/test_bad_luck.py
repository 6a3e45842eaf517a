"""What a study survives: points that take all memory, files that changed, folders that moved."""

import subprocess
import sys
from pathlib import Path

import pytest

import made_up_records as made_up
from leanspike.errors import InputError
from leanspike.study.plan.tasks import plan
from leanspike.study.work.store import MOST_LOSSES, worker_name

DATA = made_up.data()


@pytest.fixture
def store(tmp_path, study, begin):
    return begin(tmp_path / "study.db", study)


def hungry(store, how):
    script = Path(__file__).parents[1] / "hungry_worker.py"
    line = [sys.executable, str(script), str(store.where), how]
    return subprocess.run(line, timeout=120, check=False, stderr=subprocess.DEVNULL).returncode


def only_one_failed(store, tasks):
    # that training, its measurement and its price are missing, nothing else
    assert store.counts() == {"done": len(tasks) - 3, "failed": 1, "waiting": 2}
    ((label, error),) = store.failures()
    assert label == "train quantize, 2 bits, seed 0"
    return error


def test_a_point_that_runs_out_of_memory_is_reported_and_the_others_are_done(store, tasks):
    assert hungry(store, "limit") == 0
    error = only_one_failed(store, tasks)
    assert "Memory" in error
    assert "allocate" in error


def test_a_point_that_gets_every_worker_killed_is_given_up(store, tasks):
    statuses = [hungry(store, "killed") for _ in range(MOST_LOSSES)]
    assert set(statuses) == {-9}
    assert hungry(store, "killed") == 0
    assert f"{MOST_LOSSES} workers died at it" in only_one_failed(store, tasks)


def test_workers_lost_before_a_task_got_further_do_not_count(store, monkeypatch):
    monkeypatch.setattr("leanspike.study.work.store._is_alive", lambda process: False)
    for _ in range(3 * MOST_LOSSES):
        task = store.claim(worker_name())
        store.progressed(task.key)
        assert store.reclaim() == 1
    assert store.counts().get("failed", 0) == 0


def test_another_file_is_refused_while_workers_are_at_this_one(store, study):
    other = study.model_copy(
        update={"compression": study.compression.model_copy(update={"bits": (2, 8)})}
    )
    tasks = plan(other, fingerprint=DATA.fingerprint)
    held = store.claim(worker_name())
    with pytest.raises(InputError, match=r"study\.db: another study file.*'compression' differs"):
        store.begin(other, tasks, data=DATA, provenance=made_up.PROVENANCE)
    # the same file is welcome: a second parent on the same study
    same = plan(study, fingerprint=DATA.fingerprint)
    store.begin(study, same, data=DATA, provenance=made_up.PROVENANCE)
    store.release(held.key, worker_name())
    store.begin(other, tasks, data=DATA, provenance=made_up.PROVENANCE)
