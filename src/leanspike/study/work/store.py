"""The plan inside the database: putting it there, letting it grow, and what it must not change.

Keeping tasks and their results, so that workers share them and nothing finished is lost.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa

from leanspike.errors import InputError
from leanspike.study.file.study_file import StudyFile
from leanspike.study.plan.tasks import Proposal, Result, Task
from leanspike.study.records import JsonObject, Provenance, Record, StudyData, plain, read
from leanspike.study.work.database import (
    SCHEMA,
    DatabaseGone,
    loss_table,
    open_database,
    saying_what_is_wrong,
    shown,
    study_table,
    task_table,
)


def read_task(row: sa.Row[Any], *, where: str) -> Task:
    """Return a row of the tasks' table as a task.

    Raises
    ------
    InputError
        When its recipe cannot be read.
    """
    columns = ("key", "kind", "label", "needs", "point", "recipe")
    stored = {name: row._mapping[name] for name in columns}
    return read(Task, stored, where=f"{where}, {row.key}")


def check_same(row: sa.Row[Any], study: StudyFile, data: StudyData, *, where: str) -> None:
    """Refuse to go on with a study on other data, or with another network or training."""
    if row.data["fingerprint"] != data.fingerprint:
        raise InputError(
            f"holds a study on other data ({row.data['name']}, "
            f"fingerprint {row.data['fingerprint'][:12]}, now {data.fingerprint[:12]})",
            where=where,
            remedy="Choose another --out",
        )
    now = study.plain()
    for section in ("network", "training"):
        for key, found in row.file[section].items():
            wanted = now[section].get(key)
            if key == "sha256" and wanted != found:
                raise InputError(
                    f"the code of {row.file[section]['source']} is not what the study began with",
                    where=where,
                    remedy="Choose another --out, or bring the code back",
                )
            if wanted != found:
                raise InputError(
                    f"holds a study with {section}.{key} {found!r}, the file now says {wanted!r}",
                    where=where,
                    remedy="Choose another --out",
                )


def put_plan(connection: sa.Connection, tasks: Sequence[Task]) -> None:
    """Make these the study's tasks, with all that their proposals grew; failed ones wait again."""
    connection.execute(sa.update(task_table).values(position=None))
    _place(connection, tasks, first=0)
    proposals = [task.key for task in tasks if task.kind == "propose"]
    done = sa.select(task_table.c.key, task_table.c.result).where(
        task_table.c.key.in_(proposals), task_table.c.state == "done"
    )
    results = {row.key: row.result for row in connection.execute(done)}
    for key in proposals:
        if key in results:
            grow(connection, read(Proposal, results[key], where=key).grown)
    failed = sa.update(task_table).where(task_table.c.state == "failed")
    connection.execute(failed.values(state="waiting", attempts=0, error=None))
    connection.execute(sa.delete(loss_table))


def grow(connection: sa.Connection, tasks: Sequence[Task]) -> None:
    """Add tasks to the end of the plan."""
    if tasks:
        last = connection.scalar(sa.select(sa.func.max(task_table.c.position)))
        _place(connection, tasks, first=int(last or 0) + 1)


def settled(connection: sa.Connection, proposal: sa.Row[Any]) -> bool:
    """Tell whether all that the proposal before this one added is done, or failed for good."""
    before = sa.select(task_table.c.result).where(task_table.c.key == proposal.needs)
    grown = (connection.scalar(before) or {}).get("grown", ())
    keys = [plain["key"] for plain in grown]
    columns = sa.select(task_table.c.key, task_table.c.needs, task_table.c.state)
    rows = {row.key: row for row in connection.execute(columns.where(task_table.c.key.in_(keys)))}
    failed: set[str] = set()
    for key in keys:
        row = rows[key]
        if row.state == "failed" or row.needs in failed:
            failed.add(key)
        elif row.state != "done":
            return False
    return True


def count_loss(connection: sa.Connection, key: str) -> int:
    """Note that a worker died at a task; return how many have since it last got further."""
    which = loss_table.c.key == key
    lost = int(connection.scalar(sa.select(loss_table.c.losses).where(which)) or 0) + 1
    connection.execute(sa.delete(loss_table).where(which))
    connection.execute(sa.insert(loss_table).values(key=key, losses=lost))
    return lost


def _place(connection: sa.Connection, tasks: Sequence[Task], *, first: int) -> None:
    known = set(connection.scalars(sa.select(task_table.c.key)))
    for position, task in enumerate(tasks, start=first):
        if task.key in known:
            change = sa.update(task_table).where(task_table.c.key == task.key)
            connection.execute(change.values(position=position))
        else:
            row = {**plain(task), "position": position, "state": "waiting", "attempts": 0}
            connection.execute(sa.insert(task_table).values(row))


Found = TypeVar("Found")

#: A task whose worker has not been heard of for so long is taken to be abandoned.
STALE_SECONDS = 90.0
#: Points that a worker prices at a time: enough to share most, few enough to show what is done.
TOGETHER = 6
#: A task at which so many workers died, without getting further between, is failed.
MOST_LOSSES = 5


def worker_name() -> str:
    """Return a name that no other process anywhere has: ``host:process@place-start``.

    Containers may share a host's name, and the numbers of their processes: `place` stands for the
    boot of the machine and the namespace in which the number means something, `start` for the
    tick at which the process started, for numbers are used again.
    """
    process = os.getpid()
    return f"{socket.gethostname()}:{process}@{_namespace()}-{_start_of(process)}"


def _namespace() -> str:
    """Name what process numbers mean something in: this boot of this machine, this namespace."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot.replace('-', '')[:12]}.{os.stat('/proc/self/ns/pid').st_ino}"
    except OSError:  # no Linux: no namespaces either
        return socket.gethostname()


def _start_of(process: int) -> str:
    """Return when a process started, in ticks since the boot; empty where nobody says."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return ""


class Store:
    """The tasks of one study and what came of them.

    Every method is one transaction: after a crash at any moment a task is either done with its
    whole result, or not done. A task is done once: only the worker that holds it can finish it.

    Parameters
    ----------
    where
        The database file, or a PostgreSQL address.
    clock
        Seconds since the epoch; the database server's clock, or this machine's for a file, when
        omitted.
    patience
        For how many seconds a database server that is gone is waited for; one that is to hold a
        new study (`create`) must be there.

    Raises
    ------
    InputError
        When the database is missing or is not a study's.
    """

    def __init__(
        self,
        where: str | Path,
        *,
        create: bool = False,
        clock: Callable[[], float] | None = None,
        patience: float = 120.0,
    ) -> None:
        self.where = where
        self._clock = clock
        self._patience = patience

        opened = partial(open_database, where, create=create)
        self._engine = opened() if create else self._wait_for(opened)
        # Databases of 0.1.0 have no such table.
        self._transact(lambda connection: loss_table.create(connection, checkfirst=True))

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def _transact(self, do: Callable[[sa.Connection], Found]) -> Found:
        """Do something in one transaction; a database server that is gone is waited for."""

        def transact() -> Found:
            with saying_what_is_wrong(self.where), self._engine.begin() as connection:
                return do(connection)

        # What was sent may or may not have been done: every change here names the state it
        # changes, so that doing it again does no harm.
        return self._wait_for(transact)

    def _wait_for(self, do: Callable[[], Found]) -> Found:
        """Do something again, as long as the database server is gone and patience lasts."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return do()
            except DatabaseGone:
                if time.monotonic() > until:
                    raise
                time.sleep(1.0)

    def _change(self, statement: sa.Update) -> int:
        """Change rows and return how many."""
        return self._transact(lambda connection: connection.execute(statement).rowcount)

    def begin(
        self,
        study: StudyFile,
        tasks: Sequence[Task],
        *,
        data: StudyData,
        provenance: Provenance,
    ) -> None:
        """Put the plan into the database; what an earlier run finished stays finished.

        A file may ask for more or other points, seeds and hardware than before. What every
        training shares must be as it was.

        Raises
        ------
        InputError
            When the database holds another study: other data, network or training.
        """

        def put(connection: sa.Connection) -> None:
            values = {"file": study.plain(), "data": plain(data), "provenance": plain(provenance)}
            row = connection.execute(sa.select(study_table)).first()
            if row is None:
                fresh = {"id": 1, "schema": SCHEMA, "created": time.time(), **values}
                connection.execute(sa.insert(study_table).values(fresh))
            else:
                check_same(row, study, data, where=shown(self.where))
                self._check_alone(connection, row.file, study.plain())
                connection.execute(sa.update(study_table).values(values))
            put_plan(connection, tasks)

        self._transact(put)

    def _check_alone(self, connection: sa.Connection, before: JsonObject, now: JsonObject) -> None:
        """Refuse to change the plan under workers that are at work on another."""
        section = next((key for key in now if before.get(key) != now[key]), None)
        if section is None:
            return
        rows = connection.execute(_running()).all()
        time_now = self._read_clock(connection)
        if any(not _is_gone(row.worker, time_now - row.beat) for row in rows):
            raise InputError(
                f"another study file is being worked at here: its {section!r} differs",
                where=shown(self.where),
                remedy="Wait until it ends, or choose another --out (and another --storage)",
            )

    def claim(self, worker: str, *, together: bool = False) -> Task | None:
        """Take the first task that can be done now; None where there is none.

        Parameters
        ----------
        together
            Whether prices, after the first, come last until :data:`TOGETHER` of them can be done,
            so that they share what they have in common (:meth:`claim_prices`).
        """
        if together:
            others = self._ready(task_table.c.kind != "price", most=16)
            prices = self._ready(task_table.c.kind == "price", most=TOGETHER)
            now = len(prices) == TOGETHER or (prices and not self._has_a_price())
            rows = [*prices, *others] if now else [*others, *prices]
        else:
            rows = [*self._ready(sa.true(), most=16)]
        for row in rows:
            if row.kind == "propose" and not self._transact(partial(settled, proposal=row)):
                continue
            if self._take(row.key, worker):
                return read_task(row, where=shown(self.where))
        return None

    def claim_prices(self, task: Task, worker: str) -> list[Task]:
        """Take further prices that can be done now and are asked the same, with the first one."""
        taken = [task]
        for row in self._ready(task_table.c.kind == "price", most=TOGETHER):
            more = read_task(row, where=shown(self.where))
            if len(taken) < TOGETHER and more.recipe == task.recipe and self._take(row.key, worker):
                taken.append(more)
        return taken

    def _ready(self, which: sa.ColumnElement[bool], *, most: int) -> Sequence[sa.Row[Any]]:
        """Return waiting tasks of the plan whose need is done, in its order."""
        done = task_table.alias("done")
        ready = (
            sa.select(task_table)
            .outerjoin(done, done.c.key == task_table.c.needs)
            .where(
                task_table.c.position.is_not(None),
                task_table.c.state == "waiting",
                sa.or_(task_table.c.needs.is_(None), done.c.state == "done"),
                which,
            )
            .order_by(task_table.c.position)
            .limit(most)
        )
        return self._transact(lambda connection: connection.execute(ready).all())

    def _has_a_price(self) -> bool:
        select = sa.select(task_table.c.key).where(
            task_table.c.position.is_not(None),
            task_table.c.kind == "price",
            task_table.c.state == "done",
        )
        return self._transact(lambda connection: connection.scalar(select.limit(1))) is not None

    def _take(self, key: str, worker: str) -> bool:
        take = (
            sa.update(task_table)
            .where(task_table.c.key == key, task_table.c.state == "waiting")
            .values(state="running", worker=worker, beat=self._now())
        )
        return self._change(take) == 1

    def beat(self, key: str, worker: str) -> None:
        """Say that a worker is still at its task."""
        self._change(_held(key, worker).values(beat=self._now()))

    def progressed(self, key: str) -> None:
        """Say that a task got further: workers it lost before no longer count against it."""
        forget = sa.delete(loss_table).where(loss_table.c.key == key)
        self._transact(lambda connection: connection.execute(forget))

    def finish(self, key: str, worker: str, result: Result, *, seconds: float) -> bool:
        """Keep a task's result; False where the task was taken away meanwhile.

        Tasks that the result names as ``grown`` come into the plan with it.
        """
        values = {
            "state": "done",
            "result": plain(result),
            "seconds": seconds,
            "finished": time.time(),
            "error": None,
        }

        def put(connection: sa.Connection) -> bool:
            if connection.execute(_held(key, worker).values(values)).rowcount != 1:
                return False
            if isinstance(result, Proposal):
                grow(connection, result.grown)
            return True

        return self._transact(put)

    def fail(self, key: str, worker: str, error: str, *, retries: int) -> bool | None:
        """Keep a task's error; True where it will be tried again, None where it was taken away."""
        which = sa.select(task_table.c.attempts).where(task_table.c.key == key)

        def put(connection: sa.Connection) -> bool | None:
            attempts = int(connection.scalar(which) or 0) + 1
            again = attempts <= retries
            state = "waiting" if again else "failed"
            change = _held(key, worker).values(state=state, attempts=attempts, error=error)
            return again if connection.execute(change).rowcount == 1 else None

        return self._transact(put)

    def release(self, key: str, worker: str) -> None:
        """Give a task back undone, as after an interruption."""
        self._change(_held(key, worker).values(state="waiting", worker=None))

    def reclaim(self) -> int:
        """Take tasks from workers that are gone; return how many.

        A worker on this machine is gone when its process is, whatever the clocks say; one
        elsewhere (another machine, another container) when it has not been heard of for
        `STALE_SECONDS`, by the database's clock. A task that lost several workers without getting
        further is failed: it is what kills them.
        """

        def take(connection: sa.Connection) -> int:
            rows = connection.execute(_running()).all()
            now = self._read_clock(connection)
            gone = [row for row in rows if _is_gone(row.worker, now - row.beat)]
            for row in gone:
                values: dict[str, Any] = {"state": "waiting", "worker": None}
                if connection.execute(_held(row.key, row.worker).values(values)).rowcount == 1:
                    lost = count_loss(connection, row.key)
                    if lost >= MOST_LOSSES:
                        error = (
                            f"{lost} workers died at it one after another; is there enough memory?"
                        )
                        change = sa.update(task_table).where(task_table.c.key == row.key)
                        connection.execute(change.values(state="failed", error=error))
            return len(gone)

        return self._transact(take)

    def _now(self) -> Any:
        """Return the time of a beat: the database server's, for machines' clocks differ."""
        if self._clock is None and self._engine.dialect.name == "postgresql":
            return sa.cast(sa.extract("epoch", sa.func.clock_timestamp()), sa.Float(53))
        return (self._clock or time.time)()

    def _read_clock(self, connection: sa.Connection) -> float:
        now = self._now()
        if not isinstance(now, float | int):
            now = connection.scalar(sa.select(now))
        return float(now)

    def counts(self) -> dict[str, int]:
        """Return how many tasks of the plan are in each state."""
        select = (
            sa.select(task_table.c.state, sa.func.count())
            .where(task_table.c.position.is_not(None))
            .group_by(task_table.c.state)
        )
        rows = self._transact(lambda connection: connection.execute(select).all())
        return {str(state): int(count) for state, count in rows}

    def finished(self) -> set[str]:
        """Return the keys of all tasks that are done, in the plan or not."""
        select = sa.select(task_table.c.key).where(task_table.c.state == "done")
        return set(self._transact(lambda connection: connection.scalars(select).all()))

    def result(self, key: str, kind: type[Record], /) -> Record | None:
        """Return the result of a task as the record that it is; None where it is not done.

        Raises
        ------
        InputError
            When it is no such record.
        """
        select = sa.select(task_table.c.result).where(task_table.c.key == key)
        stored = self._transact(lambda connection: connection.scalar(select))
        return None if stored is None else read(kind, stored, where=f"{shown(self.where)}, {key}")

    def checkpoints(self) -> list[str]:
        """Return the checkpoints of the plan's trainings that are done, as kept in the folder."""
        select = sa.select(task_table.c.result["checkpoint"].as_string()).where(
            task_table.c.position.is_not(None),
            task_table.c.kind == "train",
            task_table.c.state == "done",
        )
        found = self._transact(lambda connection: connection.scalars(select).all())
        return [path for path in found if path is not None]

    def failures(self) -> list[tuple[str, str]]:
        """Return label and error of every task of the plan that failed for good."""
        select = (
            sa.select(task_table.c.kind, task_table.c.label, task_table.c.error)
            .where(task_table.c.position.is_not(None), task_table.c.state == "failed")
            .order_by(task_table.c.position)
        )
        rows = self._transact(lambda connection: connection.execute(select).all())
        return [(f"{row.kind} {row.label}", str(row.error)) for row in rows]


def _running() -> sa.Select[Any]:
    columns = task_table.c
    return sa.select(columns.key, columns.worker, columns.beat).where(columns.state == "running")


def _held(key: str, worker: str) -> sa.Update:
    return sa.update(task_table).where(
        task_table.c.key == key, task_table.c.worker == worker, task_table.c.state == "running"
    )


def _is_gone(worker: str, silent: float) -> bool:
    """Tell whether a worker is gone that has not been heard of for so many seconds."""
    named, _, identity = worker.partition("@")
    place, _, start = identity.rpartition("-")
    process = named.rpartition(":")[2]
    if place == _namespace() and process.isdecimal():
        return not _is_alive(int(process)) or _start_of(int(process)) != start
    return silent > STALE_SECONDS


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    # A process that is dead but not yet waited for by its parent can still be signalled.
    status = Path(f"/proc/{process}/stat")
    try:
        return status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True
