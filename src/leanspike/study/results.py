"""A study's results, read from its database alone: no training room and no torch needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from leanspike.errors import InputError
from leanspike.study.database import (
    open_database,
    saying_what_is_wrong,
    shown,
    study_table,
    task_table,
)
from leanspike.study.point_result import PointResult, point_result
from leanspike.study.search.plan import options_of
from leanspike.study.search.section import SearchSection
from leanspike.study.search.table import Choices
from leanspike.study.search.trial import Trial


@dataclass(frozen=True)
class SearchRecord:
    """What a search looked at.

    Attributes
    ----------
    section
        What it was asked for.
    choices
        What it chose from.
    trials
        Its candidates in order, trained or not; a trained one's point has the same number.
    """

    section: SearchSection
    choices: Choices
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class Results:
    """A study and what is done of it.

    Attributes
    ----------
    where
        Its database.
    file
        The study file as plain data.
    data
        Name, fingerprint and sizes of the data.
    provenance
        Versions, source revision, machine.
    points
        Those that are measured, in the plan's order.
    planned
        How many points the study has.
    failures
        Label and error of each task that failed for good.
    search
        The candidates of the search, those not trained among them; None where there is none yet.
    """

    where: str
    file: Mapping[str, Any]
    data: Mapping[str, Any]
    provenance: Mapping[str, Any]
    points: tuple[PointResult, ...]
    planned: int
    failures: tuple[tuple[str, str], ...]
    search: SearchRecord | None = None

    @property
    def name(self) -> str:
        """The study's name."""
        return str(self.file["name"])

    @cached_property
    def priced(self) -> tuple[PointResult, ...]:
        """The points that have costs."""
        return tuple(point for point in self.points if point.costs)

    @classmethod
    def load(cls, where: str | Path) -> Results:
        """Read a study's results; what is not done yet is simply absent.

        Parameters
        ----------
        where
            The study's folder or database file, or a PostgreSQL address.

        Raises
        ------
        InputError
            When there is no study there, or a newer leanspike wrote it.
        OSError
            When it cannot be read.
        """
        if "://" not in str(where) and Path(where).is_dir():
            where = Path(where) / "study.db"
        engine = open_database(where)
        tasks = sa.select(task_table).where(task_table.c.position.is_not(None))
        try:
            with saying_what_is_wrong(where), engine.connect() as connection:
                study = connection.execute(sa.select(study_table)).first()
                rows = connection.execute(tasks.order_by(task_table.c.position)).all()
        finally:
            engine.dispose()
        if study is None:
            raise InputError("the study in it was never begun", where=shown(where))
        prices = {r.needs: r.result for r in rows if r.kind == "price" and r.state == "done"}
        measured = [r for r in rows if r.kind == "measure" and r.state == "done"]
        return cls(
            where=str(where),
            file=study.file,
            data=study.data,
            provenance=study.provenance,
            points=tuple(
                point_result(
                    row.recipe,
                    {**row.result, "key": row.key, "seconds": row.seconds},
                    prices.get(row.key),
                    unquantized_bits=study.file["hardware"]["unquantized_bits"],
                )
                for row in measured
            ),
            planned=sum(row.kind == "measure" for row in rows),
            failures=tuple(
                (f"{row.kind} {row.label}", str(row.error)) for row in rows if row.state == "failed"
            ),
            search=_search(study.file, rows),
        )  # fmt: skip


def _search(file: Mapping[str, Any], rows: Sequence[Any]) -> SearchRecord | None:
    proposed = [row.result for row in rows if row.kind == "propose" and row.state == "done"]
    if not proposed:
        return None
    section = SearchSection(**file["search"])
    return SearchRecord(
        section=section,
        choices=Choices(tuple(proposed[-1]["layers"]), options_of(section)),
        trials=tuple(Trial.of(plain) for plain in proposed[-1]["trials"]),
    )
