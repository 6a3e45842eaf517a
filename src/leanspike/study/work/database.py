"""The file a study lives in: its tables, opening it, and saying what is wrong with it."""

from __future__ import annotations

import errno
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, InterfaceError, OperationalError, StatementError

from leanspike.errors import InputError

#: Raised when tables change so that older programs cannot read them.
SCHEMA = 1

_tables = sa.MetaData()

study_table = sa.Table(
    "leanspike_study",
    _tables,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("schema", sa.Integer, nullable=False),
    sa.Column("file", sa.JSON, nullable=False),
    sa.Column("data", sa.JSON, nullable=False),
    sa.Column("provenance", sa.JSON, nullable=False),
    sa.Column("created", sa.Float, nullable=False),
)

task_table = sa.Table(
    "leanspike_task",
    _tables,
    sa.Column("key", sa.String(160), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("label", sa.String(200), nullable=False),
    sa.Column("needs", sa.String(160)),
    sa.Column("point", sa.String(160)),
    sa.Column("recipe", sa.JSON, nullable=False),
    # Place in the current plan; none for work that an earlier version of the file asked for.
    sa.Column("position", sa.Integer),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("worker", sa.String(200)),
    sa.Column("beat", sa.Float),
    sa.Column("finished", sa.Float),
    sa.Column("seconds", sa.Float),
    sa.Column("error", sa.Text),
    sa.Column("result", sa.JSON),
)

#: Workers that died at a task since it last got further.
loss_table = sa.Table(
    "leanspike_loss",
    _tables,
    sa.Column("key", sa.String(160), primary_key=True),
    sa.Column("losses", sa.Integer, nullable=False),
)


def open_database(where: str | Path, *, create: bool = False) -> sa.Engine:
    """Open a study's database, a file or a PostgreSQL address (``postgresql://...``).

    Raises
    ------
    InputError
        When it is missing, is not a study's database, or was written by a newer leanspike.
    OSError
        When the disk or its permissions stand in the way.
    """
    engine = _engine(where, create=create)
    try:
        with saying_what_is_wrong(where):
            if create:
                _tables.create_all(engine)
            found = sa.inspect(engine).get_table_names()
            if not {study_table.name, task_table.name} <= set(found):
                raise InputError("holds no study", where=shown(where))
            with engine.connect() as connection:
                schema = connection.scalar(sa.select(study_table.c.schema))
        _check_schema(schema, where=shown(where))
    except BaseException:
        engine.dispose()
        raise
    return engine


def _check_schema(schema: object, *, where: str) -> None:
    if schema is not None and not isinstance(schema, int):
        raise InputError(f"not a study's database (schema {schema!r:.40})", where=where)
    if schema is not None and schema > SCHEMA:
        raise InputError(
            f"written by a newer leanspike (schema {schema}, this one reads up to {SCHEMA})",
            where=where,
            remedy="Update leanspike",
        )


def _engine(where: str | Path, *, create: bool) -> sa.Engine:
    if "://" in str(where):
        return sa.create_engine(
            str(where),
            pool_pre_ping=True,
            json_serializer=_as_json,
            json_deserializer=_from_json,
        )
    path = Path(where)
    if not create and not path.is_file():
        raise InputError("no such file", where=str(path), remedy="Run `leanspike study` first")
    # Another worker's write is waited for, up to a minute.
    return sa.create_engine(
        f"sqlite:///{path}", connect_args={"timeout": 60}, json_serializer=_as_json,
        json_deserializer=_from_json,
    )  # fmt: skip


def _as_json(value: object) -> str:
    """Refuse NaN and infinity, which JSON has not: PostgreSQL would, SQLite would keep them."""
    return json.dumps(value, allow_nan=False)


class DamagedError(ValueError):
    """What a database holds is not what was put there."""


def _from_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise DamagedError(f"what should be JSON is not: {error}") from error


class DatabaseGone(OSError):
    """A database server does not answer; it may come back."""


#: What SQLite says of a file that is damaged or somebody else's.
_NO_STUDY = (
    "not a database", "malformed", "no such column", "no such table", "unsupported file format",
    "Could not decode", "has no column",
)  # fmt: skip


@contextmanager
def saying_what_is_wrong(where: str | Path) -> Iterator[None]:
    """Turn a database's errors into those of files and inputs, naming the database."""
    try:
        yield
    except (DamagedError, UnicodeDecodeError) as error:
        raise InputError(f"not a study's database ({error})", where=shown(where)) from error
    except StatementError as error:
        if not isinstance(error, (DatabaseError, InterfaceError)):
            if isinstance(error.orig, ValueError):
                raise InputError(
                    "a result holds a number that is not finite", where=shown(where)
                ) from error
            raise
        text = str(error.orig)
        if "disk is full" in text:
            raise OSError(errno.ENOSPC, "no space left on the device", shown(where)) from error
        if "readonly" in text or "unable to open" in text or "disk I/O" in text:
            raise OSError(
                errno.EIO, f"cannot be written or opened ({text})", shown(where)
            ) from error
        if any(sign in text for sign in _NO_STUDY):
            raise InputError(f"not a study's database ({text})", where=shown(where)) from error
        if "://" in str(where) and isinstance(error, (OperationalError, InterfaceError)):
            lines = text.strip().splitlines()
            raise DatabaseGone(errno.EIO, lines[0] if lines else "gone", shown(where)) from error
        if isinstance(error, OperationalError):
            raise OSError(errno.EIO, text.strip(), shown(where)) from error
        raise


def without_password(where: str) -> str:
    """Return a database's address without its password, which libpq finds elsewhere.

    >>> without_password("postgresql://me:secret@host/studies")
    'postgresql://me@host/studies'
    """
    if "://" not in where:
        return where
    url = sa.make_url(where)
    parts = (url.drivername, url.username, None, url.host, url.port, url.database, url.query)
    return sa.URL.create(*parts).render_as_string(hide_password=False)


def shown(where: str | Path) -> str:
    """Return a database's place as it may be shown: an address without its password.

    >>> shown("postgresql://me:secret@host/studies")
    'postgresql://me:***@host/studies'
    """
    if "://" not in str(where):
        return str(where)
    return sa.make_url(str(where)).render_as_string(hide_password=True)
