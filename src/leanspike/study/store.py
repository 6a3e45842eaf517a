"""Keeping tasks and their results, so that workers share them and nothing finished is lost."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from leanspike.errors import InputError
from leanspike.study.database import (
    SCHEMA,
    open_database,
    saying_what_is_wrong,
    study_table,
    task_table,
)
from leanspike.study.file import StudyFile
from leanspike.study.task import Task

#: A task whose worker has not been heard of for so long is taken to be abandoned.
STALE_SECONDS = 120.0


def worker_name() -> str:
    """Return this process's name: host and process number."""
    return f"{socket.gethostname()}:{os.getpid()}"


class Store:
    """The tasks of one study and what came of them.

    Every method is one transaction: after a crash at any moment a task is either done with its
    whole result, or not done. A task is done once: only the worker that holds it can finish it.

    Parameters
    ----------
    where
        The database file, or a PostgreSQL address.
    create
        Make the database where there is none.
    clock
        Seconds since the epoch; replaced in tests.

    Raises
    ------
    InputError
        When the database is missing or is not a study's.
    """

    def __init__(
        self, where: str | Path, *, create: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self.where = where
        self._engine = open_database(where, create=create)
        self._clock = clock

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    @contextmanager
    def _transaction(self) -> Iterator[sa.Connection]:
        with saying_what_is_wrong(self.where), self._engine.begin() as connection:
            yield connection

    def begin(
        self,
        study: StudyFile,
        tasks: Sequence[Task],
        *,
        data: Mapping[str, Any],
        provenance: Mapping[str, Any],
    ) -> None:
        """Put the plan into the database; what an earlier run finished stays finished.

        A file may ask for more or other points, seeds and hardware than before. What every
        training shares must be as it was.

        Raises
        ------
        InputError
            When the database holds another study: other data, network or training.
        """
        with self._transaction() as connection:
            row = connection.execute(sa.select(study_table)).first()
            values = {"file": study.plain(), "data": dict(data), "provenance": dict(provenance)}
            if row is None:
                fresh = {"id": 1, "schema": SCHEMA, "created": self._clock(), **values}
                connection.execute(sa.insert(study_table).values(fresh))
            else:
                self._check_same(row, values)
                connection.execute(sa.update(study_table).values(values))
            connection.execute(sa.update(task_table).values(position=None))
            known = set(connection.scalars(sa.select(task_table.c.key)))
            for position, task in enumerate(tasks):
                if task.key in known:
                    change = sa.update(task_table).where(task_table.c.key == task.key)
                    connection.execute(change.values(position=position))
                else:
                    connection.execute(sa.insert(task_table).values(_row(task, position)))
            # A new run tries again what failed before.
            failed = sa.update(task_table).where(task_table.c.state == "failed")
            connection.execute(failed.values(state="waiting", attempts=0, error=None))

    def _check_same(self, row: Any, values: Mapping[str, Any]) -> None:
        if row.data["fingerprint"] != values["data"]["fingerprint"]:
            raise InputError(
                f"holds a study on other data ({row.data['name']}, "
                f"fingerprint {row.data['fingerprint'][:12]}, "
                f"now {values['data']['fingerprint'][:12]})",
                where=str(self.where),
                remedy="Choose another --out",
            )
        for section in ("network", "training"):
            for key, found in row.file[section].items():
                wanted = values["file"][section].get(key)
                if wanted != found:
                    raise InputError(
                        f"holds a study with {section}.{key} {found!r}, the file now says "
                        f"{wanted!r}",
                        where=str(self.where),
                        remedy="Choose another --out",
                    )

    def claim(self, worker: str) -> Task | None:
        """Take the first task that can be done now; None where there is none."""
        done = task_table.alias("done")
        ready = (
            sa.select(task_table)
            .outerjoin(done, done.c.key == task_table.c.needs)
            .where(
                task_table.c.position.is_not(None),
                task_table.c.state == "waiting",
                sa.or_(task_table.c.needs.is_(None), done.c.state == "done"),
            )
            .order_by(task_table.c.position)
            .limit(16)
        )
        with self._transaction() as connection:
            rows = connection.execute(ready).all()
        for row in rows:
            take = (
                sa.update(task_table)
                .where(task_table.c.key == row.key, task_table.c.state == "waiting")
                .values(state="running", worker=worker, beat=self._clock())
            )
            with self._transaction() as connection:
                taken = connection.execute(take).rowcount == 1
            if taken:
                return Task(row.key, row.kind, row.label, row.needs, row.point, row.recipe)
        return None

    def beat(self, key: str, worker: str) -> None:
        """Say that a worker is still at its task."""
        with self._transaction() as connection:
            connection.execute(_held(key, worker).values(beat=self._clock()))

    def finish(self, key: str, worker: str, result: Mapping[str, Any], *, seconds: float) -> bool:
        """Keep a task's result; False where the task was taken away meanwhile."""
        values = {
            "state": "done",
            "result": dict(result),
            "seconds": seconds,
            "finished": self._clock(),
            "error": None,
        }
        with self._transaction() as connection:
            return connection.execute(_held(key, worker).values(values)).rowcount == 1

    def fail(self, key: str, worker: str, error: str, *, retries: int) -> bool:
        """Keep a task's error; True where it will be tried again."""
        with self._transaction() as connection:
            which = sa.select(task_table.c.attempts).where(task_table.c.key == key)
            attempts = int(connection.scalar(which) or 0) + 1
            again = attempts <= retries
            state = "waiting" if again else "failed"
            change = _held(key, worker).values(state=state, attempts=attempts, error=error)
            connection.execute(change)
        return again

    def release(self, key: str, worker: str) -> None:
        """Give a task back undone, as after an interruption."""
        with self._transaction() as connection:
            connection.execute(_held(key, worker).values(state="waiting", worker=None))

    def reclaim(self) -> int:
        """Take tasks from workers that are gone; return how many.

        A worker on this machine is gone when its process is; one elsewhere, when it has not been
        heard of for two minutes.
        """
        running = sa.select(task_table.c.key, task_table.c.worker, task_table.c.beat)
        with self._transaction() as connection:
            rows = connection.execute(running.where(task_table.c.state == "running")).all()
            gone = [row for row in rows if self._is_gone(row.worker, row.beat)]
            for row in gone:
                change = _held(row.key, row.worker).values(state="waiting", worker=None)
                connection.execute(change)
        return len(gone)

    def _is_gone(self, worker: str, beat: float) -> bool:
        if self._clock() - beat > STALE_SECONDS:
            return True
        host, _, process = worker.rpartition(":")
        return host == socket.gethostname() and not _is_alive(int(process))

    def counts(self) -> dict[str, int]:
        """Return how many tasks of the plan are in each state."""
        select = (
            sa.select(task_table.c.state, sa.func.count())
            .where(task_table.c.position.is_not(None))
            .group_by(task_table.c.state)
        )
        with self._transaction() as connection:
            return {str(state): int(count) for state, count in connection.execute(select)}

    def result(self, key: str) -> dict[str, Any]:
        """Return the result of a task that is done."""
        select = sa.select(task_table.c.result).where(task_table.c.key == key)
        with self._transaction() as connection:
            found = connection.scalar(select)
        return dict(found or {})

    def failures(self) -> list[tuple[str, str]]:
        """Return label and error of every task of the plan that failed for good."""
        select = (
            sa.select(task_table.c.kind, task_table.c.label, task_table.c.error)
            .where(task_table.c.position.is_not(None), task_table.c.state == "failed")
            .order_by(task_table.c.position)
        )
        with self._transaction() as connection:
            rows = connection.execute(select).all()
        return [(f"{row.kind} {row.label}", str(row.error)) for row in rows]


def _row(task: Task, position: int) -> dict[str, Any]:
    return {
        "key": task.key,
        "kind": task.kind,
        "label": task.label,
        "needs": task.needs,
        "point": task.point,
        "recipe": task.recipe,
        "position": position,
        "state": "waiting",
        "attempts": 0,
    }


def _held(key: str, worker: str) -> sa.Update:
    return sa.update(task_table).where(
        task_table.c.key == key, task_table.c.worker == worker, task_table.c.state == "running"
    )


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
