"""The plan inside the database: putting it there, letting it grow, and what it must not change."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from leanspike.errors import InputError
from leanspike.study.database import loss_table, task_table
from leanspike.study.file import StudyFile
from leanspike.study.records import StudyData, plain, read
from leanspike.study.task import Proposal, Task


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
