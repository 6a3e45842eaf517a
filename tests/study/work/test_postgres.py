"""The store on a real PostgreSQL server: LEANSPIKE_TEST_POSTGRES (postgresql://...), or our own."""

import contextlib
import io
import os
import tempfile
import threading
import time
import uuid
from pathlib import Path

import pytest
import sqlalchemy as sa
from killing import kill_until_done, larger, lines, start_workers
from postgres_server import PostgresServer, programs

import made_up_records as made_up
from leanspike.study.plan.tasks import plan
from leanspike.study.work.progress import PlainProgress
from leanspike.study.work.worker import work


@pytest.fixture(scope="module")
def server():
    """A server: LEANSPIKE_TEST_POSTGRES, or one of our own where PostgreSQL is installed."""
    given = os.environ.get("LEANSPIKE_TEST_POSTGRES")
    if given is not None:
        yield given
        return
    with own_server() as running:
        yield running.address


@contextlib.contextmanager
def own_server():
    pytest.importorskip("psycopg")
    if programs() is None:
        pytest.skip("PostgreSQL is not installed here (initdb)")
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        running = PostgresServer(Path(folder))
        running.start()
        try:
            yield running
        finally:
            running.stop()


@pytest.fixture
def database(server):
    """A fresh database on the server."""
    name = f"leanspike_{uuid.uuid4().hex[:12]}"
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
    with engine.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
    engine.dispose()


def test_four_workers_do_each_task_once(database, study, begin, tasks, tmp_path):
    store = begin(database, study)
    for worker in start_workers(database, tmp_path / "log", count=4):
        assert worker.wait(timeout=60) == 0
    assert sorted(lines(tmp_path / "log")) == sorted(task.key for task in tasks)
    assert store.counts() == {"done": len(tasks)}
    store.close()


@pytest.mark.parametrize("kills", [20, pytest.param(40, marks=pytest.mark.slow)])
def test_killed_at_random_moments(database, study, begin, tmp_path, kills):
    study = larger(study)
    store = begin(database, study)
    kill_until_done(store, study, tmp_path / "log", kills=kills, more=2)
    store.close()


def test_connections_that_break_are_made_again(server, database, study, begin, bench):
    store = begin(database, study)
    stop = threading.Event()
    engine = sa.create_engine(server, isolation_level="AUTOCOMMIT")
    name = sa.make_url(database).database

    def break_connections():
        while not stop.wait(0.3):
            with engine.connect() as connection:
                connection.execute(
                    sa.text("select pg_terminate_backend(pid) from pg_stat_activity "
                            "where datname = :name and usename = current_user"), {"name": name},
                )  # fmt: skip

    breaking = threading.Thread(target=break_connections)
    breaking.start()
    try:
        outcome = work(store, bench(), progress=PlainProgress(io.StringIO()))
    finally:
        stop.set()
        breaking.join()
    tasks = plan(study, fingerprint="f" * 64)
    assert outcome.counts == {"done": len(tasks)}
    store.close()
    engine.dispose()


@pytest.mark.parametrize("away", [2.0, pytest.param(30.0, marks=pytest.mark.slow)])
def test_a_server_that_goes_and_comes_back_is_waited_for(away, study, begin, tmp_path):
    study = larger(study)
    tasks = plan(study, fingerprint="f" * 64)
    with own_server() as running:
        store = begin(running.address, study)
        workers = start_workers(running.address, tmp_path / "log", count=2)
        while len(lines(tmp_path / "log")) < 10:
            time.sleep(0.01)
        running.stop()
        time.sleep(away)
        running.start()
        assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
        assert store.counts() == {"done": len(tasks)}
        for task in tasks:
            assert store.result(task.key, made_up.Made) == made_up.Made(task.key, task.needs)
        store.close()


def test_workers_that_start_while_the_server_is_away_wait_for_it(study, begin, tmp_path):
    with own_server() as running:
        store = begin(running.address, study)
        running.stop()
        workers = start_workers(running.address, tmp_path / "log", count=2)
        time.sleep(2.0)
        assert [worker.poll() for worker in workers] == [None, None]
        running.start()
        assert [worker.wait(timeout=120) for worker in workers] == [0, 0]
        assert store.counts() == {"done": len(plan(study, fingerprint="f" * 64))}
        store.close()


def test_a_server_that_stays_away_is_named_without_its_password(study, begin):
    with own_server() as running:
        address = running.address.replace("leanspike@", "leanspike:secret@")
        store = begin(address, study, patience=1.0)
    with pytest.raises(OSError, match="leanspike:\\*\\*\\*@127") as caught:
        store.claim("here:1")
    assert "secret" not in str(caught.value)
    store.close()
