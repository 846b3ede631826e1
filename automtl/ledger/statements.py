"""What a decision writes, inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy import Connection, delete, insert, update

from automtl.ledger import tables
from automtl.ledger.database import dumps
from automtl.ledger.outbox import EventKind, announce
from automtl.left_out import LeftOut
from automtl.results import EpochReport, Failure, TrialRecord


def set_data(connection: Connection, study: str, digest: str, left_out: Sequence[LeftOut]) -> None:
    """Write what a study trains on, in place of what was written before."""
    own = tables.study.c.name == study
    connection.execute(update(tables.study).where(own).values(data_digest=digest))
    connection.execute(delete(tables.left_out).where(tables.left_out.c.study == study))
    rows = [{"study": study, "place": place, **asdict(one)} for place, one in enumerate(left_out)]
    if rows:
        connection.execute(insert(tables.left_out), rows)


def insert_trial(connection: Connection, study: str, trial: TrialRecord) -> None:
    """Add a trial that waits for its first execution."""
    connection.execute(
        insert(tables.trial).values(
            study=study,
            number=trial.number,
            point=dumps(dict(trial.point)),
            config=dumps(dict(trial.config)),
            config_digest=trial.config_digest,
            origin=trial.origin,
            seed=trial.seed,
            status=trial.status,
            attempts=0,
            created_s=trial.created_s,
            values="{}",
            worker="",
        )
    )


def change_trial(connection: Connection, study: str, trial: TrialRecord, *columns: str) -> None:
    """Write some fields of a trial."""
    key = (tables.trial.c.study == study) & (tables.trial.c.number == trial.number)
    values = {column: getattr(trial, column) for column in columns}
    connection.execute(update(tables.trial).where(key).values(**values))


def open_attempt(connection: Connection, study: str, trial: TrialRecord, time_s: float) -> None:
    """Add the newest execution of a trial and announce it."""
    connection.execute(
        insert(tables.attempt).values(
            study=study,
            number=trial.number,
            attempt=trial.attempts,
            worker=trial.worker,
            started_s=time_s,
            outcome="running",
        )
    )
    body = {
        "number": trial.number,
        "attempt": trial.attempts,
        "point": dict(trial.point),
        "config": dict(trial.config),
        "config_digest": trial.config_digest,
        "origin": trial.origin,
        "seed": trial.seed,
        "started_s": trial.started_s,
        "micro_batches": trial.micro_batches,
    }
    announce(connection, study, EventKind.TRIAL_STARTED, body, time_s)


def close_attempt(
    connection: Connection,
    study: str,
    trial: TrialRecord,
    outcome: str,
    failure: Failure | None,
) -> None:
    """Record how the newest execution of a trial ended."""
    table = tables.attempt
    connection.execute(
        update(table)
        .where(
            table.c.study == study,
            table.c.number == trial.number,
            table.c.attempt == trial.attempts,
        )
        .values(
            outcome=outcome,
            failure_kind=None if failure is None else failure.kind,
            failure_message=None if failure is None else failure.message,
        )
    )


def announce_waiting(
    connection: Connection,
    study: str,
    trial: TrialRecord,
    failure: Failure | None,
    time_s: float,
) -> None:
    """Announce that a trial waits for its next execution, and what the last one was lost to."""
    body = {
        "number": trial.number,
        "attempt": trial.attempts,
        "status": trial.status.value,
        "failure": None if failure is None else failure.model_dump(mode="json"),
    }
    announce(connection, study, EventKind.TRIAL_WAITS, body, time_s)


def insert_report(connection: Connection, study: str, number: int, report: EpochReport) -> None:
    """Add a report and announce it."""
    values = dict(report.values)
    connection.execute(
        insert(tables.report).values(
            study=study,
            number=number,
            attempt=report.attempt,
            epoch=report.epoch,
            time_s=report.time_s,
            values=dumps(values),
        )
    )
    body = {"number": number, "epoch": report.epoch, "values": values}
    announce(connection, study, EventKind.REPORTED, body, report.time_s)


def end_trial(connection: Connection, study: str, trial: TrialRecord) -> None:
    """Write the end of a trial and of its newest execution, and announce it."""
    failure = trial.failure
    key = (tables.trial.c.study == study) & (tables.trial.c.number == trial.number)
    connection.execute(
        update(tables.trial)
        .where(key)
        .values(
            status=trial.status,
            best_epoch=trial.best_epoch,
            ended_s=trial.ended_s,
            values=dumps(dict(trial.values)),
            failure_kind=None if failure is None else failure.kind,
            failure_message=None if failure is None else failure.message,
        )
    )
    close_attempt(connection, study, trial, trial.status.value, failure)
    body = {
        "number": trial.number,
        "status": trial.status.value,
        "values": dict(trial.values),
        "best_epoch": trial.best_epoch,
        "failure": None if failure is None else failure.model_dump(mode="json"),
    }
    announce(connection, study, EventKind.TRIAL_ENDED, body, trial.ended_s or 0.0)
