"""Connections: SQLite with a write-ahead log, or any database that SQLAlchemy knows."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, insert, inspect, select
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, OperationalError, SQLAlchemyError

from automtl.errors import LedgerError
from automtl.ledger.tables import SCHEMA_VERSION, metadata, schema

BUSY_TIMEOUT_S = 30


def connect(url: str, *, create: bool) -> Engine:
    """Open a database and check that it is a ledger of this version.

    Args:
        url: SQLAlchemy URL.
        create: Whether to make the tables where there are none.

    Raises:
        LedgerError: If it cannot be opened, is no ledger, or is from another version.
    """
    shown = "the ledger"
    try:
        shown = make_url(url).render_as_string(hide_password=True)
        engine = create_engine(url, **_options(url))
        if engine.dialect.name == "sqlite":
            _prepare_sqlite(engine)
        if create:
            with engine.begin() as connection:
                _create(connection)
        _check_version(engine, shown)
    except (ArgumentError, NoSuchModuleError, OperationalError, ImportError) as error:
        first = str(getattr(error, "orig", None) or error).splitlines()[0]
        msg = f"the ledger cannot be opened ({first})"
        raise LedgerError(
            msg,
            where=shown,
            fix="Check the URL and that the database is running",
        ) from None
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Read without a transaction: a reader never holds up the writer."""
    with engine.connect() as connection:
        yield connection.execution_options(isolation_level="AUTOCOMMIT")


def dumps(value: object) -> str:
    """Write JSON text; NaN and infinities come back from :func:`loads`."""
    return json.dumps(value, separators=(",", ":"))


def loads(text: str) -> Any:  # JSON
    """Read what :func:`dumps` wrote."""
    return json.loads(text)


def _options(url: str) -> dict[str, Any]:
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": BUSY_TIMEOUT_S}}
    return {"pool_pre_ping": True}


def _prepare_sqlite(engine: Engine) -> None:
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
        cursor.close()

    @event.listens_for(engine, "begin")
    def _lock(connection: Connection) -> None:
        if connection.get_execution_options().get("isolation_level") != "AUTOCOMMIT":
            connection.exec_driver_sql("BEGIN IMMEDIATE")


def _create(connection: Connection) -> None:
    metadata.create_all(connection)
    if connection.execute(select(schema.c.version)).first() is None:
        connection.execute(insert(schema).values(version=SCHEMA_VERSION))


def _check_version(engine: Engine, shown: str) -> None:
    with reading(engine) as connection:
        if not inspect(connection).has_table(schema.name):
            msg = "this database is no ledger"
            raise LedgerError(
                msg,
                where=shown,
                fix="Name the folder or the URL of a study",
            )
        try:
            version = connection.execute(select(schema.c.version)).scalar_one()
        except SQLAlchemyError as error:
            msg = "the ledger has no version"
            raise LedgerError(msg, where=shown) from error
    if version != SCHEMA_VERSION:
        msg = f"the ledger has version {version}, this automtl reads version {SCHEMA_VERSION}"
        raise LedgerError(
            msg,
            where=shown,
            fix="Use the automtl that wrote it, or start a new study",
        )
