"""A study's results, read from its database alone: no training room and no torch needed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from leanspike.errors import InputError
from leanspike.study.file.study_file import SearchSection, StudyFile
from leanspike.study.plan.options import Choices
from leanspike.study.plan.points import Point
from leanspike.study.plan.tasks import Proposal, options_of
from leanspike.study.records import MeasureResult, PriceResult, Provenance, StudyData, Trial, read
from leanspike.study.results.point_result import PointResult
from leanspike.study.work.database import (
    open_database,
    saying_what_is_wrong,
    shown,
    study_table,
    task_table,
)

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True)
class SearchRecord:
    """What a search tried.

    Attributes
    ----------
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
    points
        Those that are measured, in the plan's order.
    failures
        Label and error of each task that failed for good.
    search
        The candidates of the search, those not trained among them; None where there is none yet.
    """

    where: str
    file: StudyFile
    data: StudyData
    provenance: Provenance
    points: tuple[PointResult, ...]
    planned: int
    failures: tuple[tuple[str, str], ...]
    search: SearchRecord | None = None

    @property
    def name(self) -> str:
        """The study's name."""
        return self.file.name

    @cached_property
    def priced(self) -> tuple[PointResult, ...]:
        """The points that have costs."""
        return tuple(point for point in self.points if point.costs)

    def frame(self, *, layers: bool = False) -> pandas.DataFrame:
        """Return what is priced as a data frame, a row per point and reading.

        Columns are those of ``leanspike results --json``, and ``setting``: the point's name in
        tables, without its seed. Energies in pJ, times in s, energy-delay products in J s, sizes
        in bits.

        Parameters
        ----------
        layers
            A row per layer as well, with its weights, activity and cost; switched assumptions are
            left out.

        Raises
        ------
        ModuleNotFoundError
            Without pandas, which the extra ``study`` brings.
        """
        import pandas

        from leanspike.study.results.tables import flat_rows, layer_rows

        return pandas.DataFrame(layer_rows(self) if layers else flat_rows(self))

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
        place = shown(where)
        try:
            with saying_what_is_wrong(where), engine.connect() as connection:
                study = connection.execute(sa.select(study_table)).first()
                rows = connection.execute(_planned(_column.kind, _column.label, _column.state,
                                                   _column.error)).all()  # fmt: skip
                # Row by row, so that what is stored and what is read are not there twice.
                prices = {
                    row.needs: read(PriceResult, row.result, where=f"{place}, {row.key}")
                    for row in connection.execute(_done("price", _column.needs))
                }
                measured = [
                    (
                        row.key,
                        read(Point, row.recipe, where=f"{place}, {row.key}"),
                        read(MeasureResult, row.result, where=f"{place}, {row.key}"),
                        row.seconds,
                    )
                    for row in connection.execute(_done("measure", _column.recipe, _column.seconds))
                ]
                proposed = connection.execute(_done("propose")).all()
        finally:
            engine.dispose()
        if study is None:
            raise InputError("the study in it was never begun", where=place)
        file = read(StudyFile, study.file, where=place)
        data = read(StudyData, study.data, where=place)
        unpriced = PriceResult(())
        return cls(
            where=str(where),
            file=file,
            data=data,
            provenance=read(Provenance, study.provenance, where=place),
            points=tuple(
                PointResult(
                    key=key,
                    point=point,
                    measured=result,
                    unquantized_bits=file.hardware.unquantized_bits,
                    costs=price.costs,
                    refused=price.refused,
                    narrow_pj=price.narrow_pj,
                    seconds=seconds,
                    classes=data.classes,
                )
                for key, point, result, seconds in measured
                for price in [prices.get(key, unpriced)]
            ),
            planned=sum(row.kind == "measure" for row in rows),
            failures=tuple(
                (f"{row.kind} {row.label}", str(row.error)) for row in rows if row.state == "failed"
            ),
            search=_search(file, proposed, where=place),
        )


_column = task_table.c


def _planned(*columns: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Select columns of the plan's tasks, in its order."""
    return sa.select(*columns).where(_column.position.is_not(None)).order_by(_column.position)


def _done(kind: str, *more: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Select key and result of the tasks of a kind that are done, and further columns."""
    return _planned(_column.key, _column.result, *more).where(
        _column.kind == kind, _column.state == "done"
    )


def _search(file: StudyFile, proposed: Sequence[sa.Row[Any]], *, where: str) -> SearchRecord | None:
    if not proposed or file.search is None:
        return None
    last = read(Proposal, proposed[-1].result, where=f"{where}, {proposed[-1].key}")
    return SearchRecord(
        section=file.search,
        choices=Choices(last.layers, options_of(file.search)),
        trials=last.trials,
    )
