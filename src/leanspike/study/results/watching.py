"""Watching a study that runs: what is done, what runs where, how long it will take."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from leanspike.study.results.results import Results
from leanspike.study.results.tables import Row, setting_rows
from leanspike.study.work.database import open_database, saying_what_is_wrong, task_table

#: The front is read anew at most so often, and at most for this share of the time.
FRONT_SECONDS = 2.0
FRONT_SHARE = 0.02


@dataclass(frozen=True)
class Running:
    """A task at work.

    Attributes
    ----------
    quiet
        Seconds since it was last heard of.
    """

    worker: str
    task: str
    quiet: float


@dataclass(frozen=True)
class Snapshot:
    """A study at one moment.

    Attributes
    ----------
    seconds_left
        Estimate for what is left, None while nothing comparable is done.
    """

    done: int
    failed: int
    total: int
    running: tuple[Running, ...]
    seconds_left: float | None


class Watcher:
    """Reads a study's database beside its workers; never writes.

    Raises
    ------
    InputError
        When there is no study.
    """

    def __init__(self, where: str | Path) -> None:
        self._where = where
        self._engine = open_database(where)
        self._front: tuple[Row, ...] = ()
        self._priced = -1
        self._next = 0.0

    def close(self) -> None:
        """Let go of the database."""
        self._engine.dispose()

    def snapshot(self) -> Snapshot:
        """Return how the study is now.

        Raises
        ------
        OSError
            When the database cannot be read.
        """
        column = task_table.c
        chosen = sa.select(
            column.kind, column.label, column.state, column.worker, column.beat, column.seconds,
            column.recipe,
        ).where(column.position.is_not(None))  # fmt: skip
        with saying_what_is_wrong(self._where), self._engine.connect() as connection:
            tasks = connection.execute(chosen).all()
        now = time.time()
        running = [
            Running(task.worker, f"{task.kind} {task.label}", max(0.0, now - task.beat))
            for task in tasks
            if task.state == "running"
        ]
        return Snapshot(
            done=sum(task.state == "done" for task in tasks),
            failed=sum(task.state == "failed" for task in tasks),
            total=len(tasks),
            running=tuple(sorted(running, key=lambda one: one.worker)),
            seconds_left=seconds_left(tasks, workers=max(1, len(running))),
        )

    def front(self) -> tuple[Row, ...]:
        """Return the accuracy-energy front so far, the least energy first; a little late."""
        now = time.monotonic()
        if now >= self._next and self._count_priced() != self._priced:
            results = Results.load(self._where)
            self._priced = len(results.priced)
            self._front = tuple(row for row in setting_rows(results) if row.best)
            took = time.monotonic() - now
            self._next = now + max(FRONT_SECONDS, took / FRONT_SHARE)
        return self._front

    def _count_priced(self) -> int:
        column = task_table.c
        done = sa.and_(column.position.is_not(None), column.kind == "price", column.state == "done")
        with saying_what_is_wrong(self._where), self._engine.connect() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).where(done)) or 0)


def seconds_left(tasks: Sequence[Any], *, workers: int) -> float | None:
    """Estimate the time for what is left, by what tasks of the same kind took.

    A training is counted by its epochs. What tasks at work have done of theirs is not known, so
    half of each is taken.

    Parameters
    ----------
    tasks
        Rows with kind, state, seconds and recipe.
    """
    unit_seconds: dict[str, float] = {}
    for kind in {task.kind for task in tasks}:
        done = [task for task in tasks if task.kind == kind and task.state == "done"]
        took = sum(task.seconds or 0.0 for task in done)
        if done:
            unit_seconds[kind] = took / sum(_size(task) for task in done)
    left = [task for task in tasks if task.state in ("waiting", "running")]
    if (
        any(task.kind not in unit_seconds for task in left if task.kind == "train")
        or not unit_seconds
    ):
        return None
    share = {"waiting": 1.0, "running": 0.5}
    work = sum(unit_seconds.get(task.kind, 0.0) * _size(task) * share[task.state] for task in left)
    return work / workers


def _size(task: Any) -> float:
    if task.kind != "train":
        return 1.0
    return float(task.recipe["phases"][-1]["epochs"])
