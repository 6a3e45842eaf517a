"""The store on a real PostgreSQL server, named by LEANSPIKE_TEST_POSTGRES (postgresql://...)."""

import io
import os
import threading
import uuid

import pytest
import sqlalchemy as sa
from killing import kill_until_done, lines, start_workers

from leanspike.study.plan import plan
from leanspike.study.progress import PlainProgress
from leanspike.study.runner import work

SERVER = os.environ.get("LEANSPIKE_TEST_POSTGRES")
pytestmark = pytest.mark.skipif(
    SERVER is None, reason="needs LEANSPIKE_TEST_POSTGRES=postgresql://user:password@host/database"
)


@pytest.fixture
def database():
    """A fresh database on the server."""
    name = f"leanspike_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    yield sa.make_url(SERVER).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
    server.dispose()


def test_four_workers_do_each_task_once(database, study, begin, tasks, tmp_path):
    store = begin(database, study)
    for worker in start_workers(database, tmp_path / "log", count=4):
        assert worker.wait(timeout=60) == 0
    assert sorted(lines(tmp_path / "log")) == sorted(task.key for task in tasks)
    assert store.counts() == {"done": len(tasks)}
    store.close()


def test_killed_at_random_moments(database, study, begin, tmp_path):
    compression = study.compression.model_copy(update={"bits": (2, 3, 4, 6, 8)})
    study = study.model_copy(update={"compression": compression})
    store = begin(database, study)
    kill_until_done(store, study, tmp_path / "log", least_kills=5, workers=2)
    store.close()


def test_connections_that_break_are_made_again(database, study, begin, bench):
    store = begin(database, study)
    stop = threading.Event()
    server = sa.create_engine(SERVER, isolation_level="AUTOCOMMIT")
    name = sa.make_url(database).database

    def break_connections():
        while not stop.wait(0.3):
            with server.connect() as connection:
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
    server.dispose()
