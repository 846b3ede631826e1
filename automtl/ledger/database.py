"""Connections: SQLite with a write-ahead log, or any database that SQLAlchemy knows."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, exc, insert, inspect, select
from sqlalchemy.engine import make_url

from automtl.errors import LedgerError
from automtl.ledger.redaction import first_line, redacted
from automtl.ledger.tables import SCHEMA_VERSION, metadata, schema
from automtl.ledger.upgrade import STEPS, upgrade

BUSY_TIMEOUT_S = 30
RETRY_PAUSES_S = (0.2, 1.0)
_SNAPSHOT = "automtl_snapshot"
_PASSING = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError)


class LedgerUnreachableError(LedgerError):
    """The database did not answer; the same may be asked again."""


def connect(url: str, *, create: bool, read_only: bool = False) -> Engine:
    """Open a database and check that it is a ledger of this version.

    Args:
        url: SQLAlchemy URL.
        create: Whether to make the tables where there are none.
        read_only: Whether the database itself is to refuse every write.

    Raises:
        LedgerError: If it cannot be opened, is no ledger, or is from another version.
    """
    engine = _engine(url, create=create, read_only=read_only)
    try:
        if create:
            with writing(engine) as connection:
                _create(connection, shown(engine))
        _check_version(engine, url)
    except BaseException:
        engine.dispose()
        raise
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Write one transaction, all of it or nothing.

    Its beginning is tried again where the database is locked or away, which is safe: nothing has
    been written by then.

    Raises:
        LedgerError: What the database says, in one line.
    """
    with _in_one_line(engine):
        connection = _begin(engine, {})
        try:
            yield connection
            connection.commit()
        finally:
            connection.close()


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read one state of the database; a reader never holds up the writer, nor the reverse.

    Raises:
        LedgerError: What the database says, in one line.
    """
    sqlite = engine.dialect.name == "sqlite"
    options = {_SNAPSHOT: True} if sqlite else {"isolation_level": "REPEATABLE READ"}
    with _in_one_line(engine):
        connection = _begin(engine, options)
        try:
            yield connection
        finally:
            connection.close()


def shown(engine: Engine) -> str:
    """Return the URL for people, without passwords."""
    return redacted(engine.url.render_as_string(hide_password=True))


def dumps(value: object) -> str:
    """Write JSON text; every float comes back to the bit from :func:`loads`."""
    return json.dumps(value, separators=(",", ":"))


def loads(text: str) -> Any:  # JSON
    """Read what :func:`dumps` wrote."""
    return json.loads(text)


def _engine(url: str, *, create: bool, read_only: bool) -> Engine:
    try:
        parsed = make_url(url)
        engine = create_engine(parsed, **_options(url, read_only=read_only))
    except (exc.ArgumentError, exc.NoSuchModuleError, ImportError) as error:
        msg = f"the ledger cannot be opened ({first_line(error)})"
        fix = "Check its URL, as in postgresql+psycopg://USER@HOST/DATABASE"
        if isinstance(error, ImportError):
            fix = "Install the database's driver, for PostgreSQL: pip install 'automtl[postgres]'"
        # Not chained: the error's own text may hold the password.
        raise LedgerError(msg, where="the ledger", fix=fix) from None
    if engine.dialect.name == "sqlite":
        _prepare_sqlite(engine, read_only=read_only)
        path = parsed.database
        # SQLite would make an empty file of any name.
        if not create and path and not path.startswith(("file:", ":")) and not Path(path).exists():
            msg = "the ledger cannot be opened (no such file)"
            raise LedgerError(msg, where=path, fix="Name the folder or the URL of a study")
    return engine


def _options(url: str, *, read_only: bool) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": BUSY_TIMEOUT_S}}
    refusing = {"connect_args": {"options": "-c default_transaction_read_only=on"}}
    return {"pool_pre_ping": True} | (refusing if read_only else {})


def _prepare_sqlite(engine: Engine, *, read_only: bool) -> None:
    """Let the writer and readers work at once, and take the write lock at a transaction's begin.

    A lock taken later, at the first write, could find that another process wrote in between,
    which SQLite answers with an error instead of waiting.
    """

    @event.listens_for(engine, "connect")
    def _settings(connection: Any, _record: object) -> None:  # DBAPI object
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute("PRAGMA journal_mode=WAL")
        # FULL puts every commit on the disk: a decision that was answered survives a power cut.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def _lock(connection: Connection) -> None:
        snapshot = connection.get_execution_options().get(_SNAPSHOT, False)
        connection.exec_driver_sql("BEGIN" if snapshot else "BEGIN IMMEDIATE")


def _begin(engine: Engine, options: dict[str, Any]) -> Connection:
    for pause_s in RETRY_PAUSES_S:
        try:
            return _try_begin(engine, options)
        except _PASSING:
            time.sleep(pause_s)
    return _try_begin(engine, options)


def _try_begin(engine: Engine, options: dict[str, Any]) -> Connection:
    connection = engine.connect()
    try:
        connection.execution_options(**options).begin()
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def _in_one_line(engine: Engine) -> Iterator[None]:
    try:
        yield
    except exc.SQLAlchemyError as error:
        cause = error.orig if isinstance(error, exc.DBAPIError) and error.orig else error
        kind = LedgerUnreachableError if isinstance(error, _PASSING) else LedgerError
        msg = f"the ledger cannot be opened, read or written ({first_line(cause)})"
        raise kind(
            msg,
            where=shown(engine),
            fix="See that the database is there, is reachable and has space; "
            "then go on with `automtl resume`",
        ) from error


def _create(connection: Connection, where: str) -> None:
    there = set(inspect(connection).get_table_names())
    if schema.name not in there and there & set(metadata.tables):
        msg = (
            f"this database has other tables of the name {', '.join(there & set(metadata.tables))}"
        )
        raise LedgerError(
            msg, where=where, fix="Give the ledger a database or a schema of its own"
        )
    if schema.name not in there:
        metadata.create_all(connection)
        connection.execute(insert(schema).values(version=SCHEMA_VERSION))


def _check_version(engine: Engine, url: str) -> None:
    with reading(engine) as connection:
        if not inspect(connection).has_table(schema.name):
            msg = "this database is no ledger"
            raise LedgerError(
                msg,
                where=shown(engine),
                fix="Name the folder or the URL of a study",
            )
        version = connection.scalars(select(schema.c.version)).one()
    if version in STEPS:
        _upgrade(url)
    elif version != SCHEMA_VERSION:
        msg = f"the ledger has version {version}, this automtl reads version {SCHEMA_VERSION}"
        raise LedgerError(
            msg,
            where=shown(engine),
            fix="Use the automtl that wrote it, or start a new study",
        )


def _upgrade(url: str) -> None:
    # By a connection of its own: whoever opens it may be one that the database lets only read.
    engine = _engine(url, create=False, read_only=False)
    try:
        with writing(engine) as connection:
            upgrade(connection)
    finally:
        engine.dispose()
