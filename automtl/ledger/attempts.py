"""The executions of a study's trials, with the times at which they ended."""

from sqlalchemy import Connection, func, select

from automtl.attempts import Attempt
from automtl.ledger import tables
from automtl.ledger.database import loads, reading
from automtl.ledger.outbox import EventKind
from automtl.ledger.rows import LOST
from automtl.ledger.store import Ledger
from automtl.results import FailureKind

_Key = tuple[int, int]


def read_attempts(ledger: Ledger) -> tuple[Attempt, ...]:
    """Return all executions by trial and number.

    The table holds no end of an execution. Where its trial waited afterwards, paused or for
    another try, that event has the time; else it ended with the trial. Of one that was lost with
    its controller, which may have been noticed much later, the last report is the last thing
    known.
    """
    table, trial = tables.attempt, tables.trial
    own = table.c.study == ledger.name
    query = (
        select(table, trial.c.ended_s, trial.c.attempts)
        .join(trial, (trial.c.study == table.c.study) & (trial.c.number == table.c.number))
        .where(own)
        .order_by(table.c.number, table.c.attempt)
    )
    with reading(ledger.engine) as connection:
        rows = connection.execute(query).all()
        waited = _waits(connection, ledger.name)
        reported = _last_reports(connection, ledger.name)
    found = []
    for row in rows:
        key = (row.number, row.attempt)
        ended = waited.get(key, row.ended_s if row.attempt == row.attempts else None)
        if row.outcome == LOST and row.failure_kind is None:
            ended = reported.get(key, row.started_s)
        found.append(
            Attempt(
                number=row.number,
                attempt=row.attempt,
                worker=row.worker,
                started_s=row.started_s,
                ended_s=ended,
                outcome=row.outcome,
                failure=None if row.failure_kind is None else FailureKind(row.failure_kind),
            )
        )
    return tuple(found)


def _waits(connection: Connection, study: str) -> dict[_Key, float]:
    outbox = tables.outbox.c
    query = (
        select(outbox.body, outbox.time_s)
        .where(outbox.study == study, outbox.kind == EventKind.TRIAL_WAITS)
        .order_by(outbox.id)
    )
    found: dict[_Key, float] = {}
    for body, time_s in connection.execute(query):
        said = loads(body)
        # A pause is announced twice: when it begins, and when the trial is queued again.
        found.setdefault((said["number"], said["attempt"]), time_s)
    return found


def _last_reports(connection: Connection, study: str) -> dict[_Key, float]:
    report = tables.report.c
    query = (
        select(report.number, report.attempt, func.max(report.time_s))
        .where(report.study == study)
        .group_by(report.number, report.attempt)
    )
    return {(number, attempt): time_s for number, attempt, time_s in connection.execute(query)}
