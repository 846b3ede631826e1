"""Studies of a database: make one, open one."""

import time
from collections.abc import Callable

from sqlalchemy import delete, insert, select

from automtl.errors import LedgerError, closest
from automtl.ledger import tables
from automtl.ledger.database import connect, dumps, reading, shown, writing
from automtl.ledger.store import Ledger
from automtl.results import StudyInfo


def create_study(url: str, info: StudyInfo, *, unfinished: float | None = None) -> None:
    """Make the tables where there are none, and add a study.

    Args:
        url: SQLAlchemy URL.
        info: The study.
        unfinished: ``created_s`` of a study whose making was cut off: one of this name and moment
            was never searched in, and gives way.

    Raises:
        LedgerError: If another study of this name exists.
    """
    engine = connect(url, create=True)
    try:
        with writing(engine) as connection:
            study = tables.study.c
            if unfinished is not None:
                connection.execute(
                    delete(tables.study).where(
                        study.name == info.name, study.created_s == unfinished
                    )
                )
            known = connection.scalars(select(study.name)).all()
            if info.name in known:
                msg = f"the ledger already has a study {info.name!r}"
                raise LedgerError(
                    msg,
                    fix="Continue it with `automtl resume`, or give the recipe another name",
                )
            connection.execute(
                insert(tables.study).values(
                    name=info.name,
                    objectives=dumps([o.model_dump(mode="json") for o in info.objectives]),
                    recipe=dumps(dict(info.recipe)),
                    recipe_digest=info.recipe_digest,
                    seed=info.seed,
                    created_s=info.created_s,
                    data_digest=info.data_digest,
                    mlflow_run=info.mlflow_run,
                    mlflow_experiment=info.mlflow_experiment,
                )
            )
    finally:
        engine.dispose()


def studies_of(url: str) -> tuple[str, ...]:
    """Return the names of all studies of a ledger, oldest first."""
    engine = connect(url, create=False, read_only=True)
    try:
        with reading(engine) as connection:
            names = select(tables.study.c.name).order_by(tables.study.c.created_s)
            return tuple(connection.scalars(names))
    finally:
        engine.dispose()


def open_ledger(
    url: str,
    *,
    study: str | None = None,
    clock: Callable[[], float] = time.time,
    read_only: bool = False,
) -> Ledger:
    """Open the ledger of an existing study.

    Args:
        url: SQLAlchemy URL.
        study: Which study; None takes the only one.
        clock: Unix time.
        read_only: Whether the database itself is to refuse every write.

    Raises:
        LedgerError: If there is no such study.
    """
    engine = connect(url, create=False, read_only=read_only)
    with reading(engine) as connection:
        known = list(connection.scalars(select(tables.study.c.name)))
    if study is None and len(known) == 1:
        study = known[0]
    if study is None or study not in known:
        where = shown(engine)
        engine.dispose()
        near = closest(study, known) if study else None
        what = f"no study {study!r}" if study else "several studies" if known else "no study yet"
        msg = f"the ledger has {what}"
        raise LedgerError(
            msg,
            where=where,
            fix=f"Did you mean {near!r}?" if near else f"It has: {', '.join(known) or 'none'}",
        )
    return Ledger(engine=engine, name=study, clock=clock)
