import os
import socket
import sqlite3
import subprocess
import sys

import pytest
import sqlalchemy as sa

import made_up_records as made_up
from leanspike.errors import InputError
from leanspike.study.file.study_file import StudyFile
from leanspike.study.plan.tasks import plan
from leanspike.study.work.database import study_table
from leanspike.study.work.store import STALE_SECONDS, Store, _start_of, worker_name


@pytest.fixture
def store(tmp_path, study, begin):
    return begin(tmp_path / "study.db", study)


def finish_all(store, worker="host:1"):
    done = []
    while (task := store.claim(worker)) is not None:
        assert store.finish(task.key, worker, made_up.Made(task.key), seconds=1.0)
        done.append(task.key)
    return done


def test_tasks_come_in_the_plans_order_and_each_once(store, tasks):
    assert finish_all(store) == [task.key for task in tasks]
    assert store.claim("host:1") is None
    assert store.counts() == {"done": len(tasks)}
    assert store.result(tasks[0].key, made_up.Made) == made_up.Made(tasks[0].key)


def test_a_task_waits_for_what_it_needs(store, tasks):
    first = store.claim("host:1")
    second = store.claim("host:2")
    assert (first.needs, second.needs) == (None, None)  # the two seeds' float networks
    assert store.claim("host:3") is None
    store.finish(second.key, "host:2", made_up.Made(), seconds=0)
    assert store.claim("host:3").needs == second.key


def test_only_who_holds_a_task_can_finish_it(store):
    task = store.claim("host:1")
    assert not store.finish(task.key, "host:2", made_up.Made(), seconds=0)
    assert store.finish(task.key, "host:1", made_up.Made("mine"), seconds=0)
    assert not store.finish(task.key, "host:1", made_up.Made("other"), seconds=0)
    assert store.result(task.key, made_up.Made) == made_up.Made("mine")


def test_a_failed_task_is_tried_again_so_many_times(store):
    for left in (True, True, False):
        task = store.claim("host:1")
        assert store.fail(task.key, "host:1", "ValueError: no", retries=2) is left
    assert store.failures() == [(f"train {task.label}", "ValueError: no")]
    assert store.counts()["failed"] == 1


def test_a_new_run_tries_failed_tasks_again(store, study, tasks):
    task = store.claim("host:1")
    store.fail(task.key, "host:1", "no", retries=0)
    store.begin(study, tasks, data=made_up.data(), provenance=made_up.PROVENANCE)
    assert store.claim("host:1").key == task.key


def test_a_released_task_costs_no_attempt(store):
    task = store.claim("host:1")
    store.release(task.key, "host:1")
    assert store.claim("host:2").key == task.key
    assert store.fail(task.key, "host:2", "no", retries=1)


def test_tasks_of_dead_and_silent_workers_are_taken_back(tmp_path, study, begin):
    now = [1000.0]
    store = begin(tmp_path / "clock.db", study, clock=lambda: now[0])
    me = worker_name()
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    at = me.partition("@")[2].rpartition("-")[0]
    dying = f"host:{child.pid}@{at}-{_start_of(child.pid)}"
    mine, dead = store.claim(me), store.claim(dying)
    assert store.reclaim() == 0
    child.kill()
    child.wait()
    assert store.reclaim() == 1
    assert store.claim("there:2@another-1").key == dead.key
    now[0] += STALE_SECONDS - 1
    assert store.reclaim() == 0
    now[0] += 2
    # The far one was silent too long; mine is alive, whatever a clock that jumped says.
    assert store.reclaim() == 1
    assert not store.finish(dead.key, "there:2@another-1", made_up.Made(), seconds=0)
    assert store.finish(mine.key, me, made_up.Made(), seconds=0)


def test_a_container_with_this_hosts_name_keeps_its_tasks(store):
    # Its process has a number that nobody has here, or that somebody else has.
    host = socket.gethostname()
    for process in (os.getpid(), 2**22 - 1):
        task = store.claim(f"{host}:{process}@123456789abc.4026532000-1")
        assert store.reclaim() == 0
        assert store.finish(
            task.key, f"{host}:{process}@123456789abc.4026532000-1", made_up.Made(), seconds=0
        )


def test_a_process_number_that_is_used_again_is_another_process(store):
    me = worker_name()
    store.claim(f"{me.rpartition('-')[0]}-1")  # this number, this boot, started earlier
    assert store.reclaim() == 1


def test_who_lost_a_task_hears_that_it_has_not_failed(store):
    task = store.claim("host:1")
    assert store.fail(task.key, "host:2", "no", retries=3) is None
    assert store.counts()["running"] == 1


def test_results_survive_closing_and_a_larger_grid_adds_only_what_is_new(
    tmp_path, store, study, begin
):
    before = finish_all(store)
    store.close()
    compression = study.compression.model_copy(update={"bits": (2, 4, 8)})
    larger = study.model_copy(update={"compression": compression})
    again = begin(tmp_path / "study.db", larger)
    added = finish_all(again)
    wanted = {task.key for task in plan(larger, fingerprint="f" * 64)}
    assert not set(added) & set(before)
    assert set(added) | set(before) == wanted


def test_another_study_in_the_same_file_is_refused(store, study, tasks):
    other_data = made_up.data("e" * 64)
    with pytest.raises(InputError, match=r"study\.db.*other data"):
        store.begin(study, tasks, data=other_data, provenance=made_up.PROVENANCE)
    longer = study.model_copy(update={"training": study.training.model_copy(update={"epochs": 9})})
    with pytest.raises(InputError, match=r"training\.epochs 8, the file now says 9"):
        store.begin(longer, tasks, data=made_up.data(), provenance=made_up.PROVENANCE)


def test_a_newer_database_is_refused(tmp_path, store):
    store._change(sa.update(study_table).values(schema=99))
    store.close()
    with pytest.raises(InputError, match=r"newer leanspike \(schema 99"):
        Store(tmp_path / "study.db")


def test_files_that_are_no_study_are_refused_by_name(tmp_path):
    with pytest.raises(InputError, match=r"absent\.db: no such file"):
        Store(tmp_path / "absent.db")
    text = tmp_path / "text.db"
    text.write_text("not a database at all, but long enough to be taken for one " * 20)
    with pytest.raises(InputError, match=r"text\.db: not a study's database"):
        Store(text)
    other = tmp_path / "other.db"
    with sqlite3.connect(other) as connection:
        connection.execute("create table t (x)")
    connection.close()
    with pytest.raises(InputError, match=r"other\.db: holds no study"):
        Store(other)


def test_a_full_disk_is_an_os_error_and_keeps_what_is_done(store, tasks):
    first = store.claim("host:1")
    store.finish(first.key, "host:1", made_up.Made("kept"), seconds=0)
    second = store.claim("host:1")
    with store._engine.connect() as connection:
        pages = connection.exec_driver_sql("pragma page_count").scalar()

    @sa.event.listens_for(store._engine, "begin")
    def limit(connection):
        connection.exec_driver_sql(f"pragma max_page_count = {pages}")

    with pytest.raises(OSError, match="no space left") as caught:
        store.finish(second.key, "host:1", made_up.Made("x" * 500_000), seconds=0)
    assert caught.value.filename.endswith("study.db")
    assert store.result(first.key, made_up.Made) == made_up.Made("kept")
    assert store.counts()["done"] == 1


def test_the_default_study_fits(tmp_path, begin):
    store = begin(tmp_path / "default.db", StudyFile())
    assert sum(store.counts().values()) == 14 + 13 + 13


def test_a_password_is_never_shown():
    pytest.importorskip("psycopg")
    with pytest.raises(OSError, match="connection") as caught:
        Store("postgresql://me:secret@127.0.0.1:1/none", create=True, patience=0)
    assert "secret" not in str(caught.value)
    assert "me:***@127.0.0.1:1/none" in str(caught.value)
