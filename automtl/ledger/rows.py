"""Rows of the ledger to values and back."""

from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine, select

from automtl.ledger import tables
from automtl.ledger.database import loads, reading
from automtl.ledger.outbox import EventKind
from automtl.left_out import LeftOut
from automtl.results import (
    EpochReport,
    Failure,
    FailureKind,
    Note,
    Objective,
    Pick,
    Setback,
    StudyInfo,
    TrialRecord,
    TrialStatus,
)

LOST = "lost"
"""Outcome of an attempt that ended without an end of its trial, and not by a pause."""


def read_study(engine: Engine, name: str) -> StudyInfo:
    """Read a study that exists."""
    query = select(tables.study).where(tables.study.c.name == name)
    with reading(engine) as connection:
        return study_of(connection.execute(query).one())


def read_history(engine: Engine, study: str) -> tuple[TrialRecord, ...]:
    """Read all trials of a study by number."""
    trial, report, attempt = tables.trial, tables.report, tables.attempt
    with reading(engine) as connection:
        trials = connection.execute(
            select(trial).where(trial.c.study == study).order_by(trial.c.number)
        ).all()
        reports = connection.execute(select(report).where(report.c.study == study)).all()
        lost = connection.execute(
            select(attempt)
            .where(attempt.c.study == study, attempt.c.outcome == LOST)
            .where(attempt.c.failure_kind.is_not(None))
            .order_by(attempt.c.attempt)
        ).all()
    by_trial: dict[int, list[EpochReport]] = {}
    for row in reports:
        by_trial.setdefault(row.number, []).append(report_of(row))
    setbacks: dict[int, tuple[Setback, ...]] = {}
    for row in lost:
        setbacks[row.number] = (*setbacks.get(row.number, ()), setback_of(row))
    return tuple(
        record_of(row, by_trial.get(row.number, ()), setbacks.get(row.number, ()))
        for row in trials
    )


def read_notes(engine: Engine, study: str) -> tuple[Note, ...]:
    """Read what attempts had to say, oldest first."""
    outbox = tables.outbox
    query = (
        select(outbox.c.body)
        .where(outbox.c.study == study, outbox.c.kind == EventKind.NOTED)
        .order_by(outbox.c.id)
    )
    with reading(engine) as connection:
        return tuple(Note.model_validate(loads(body)) for body in connection.scalars(query))


def read_left_out(engine: Engine, study: str) -> tuple[LeftOut, ...]:
    """Read what of the study's data is not used, or was mended."""
    columns = tables.left_out.c
    query = (
        select(columns.name, columns.split, columns.reason, columns.kind)
        .where(columns.study == study)
        .order_by(columns.place)
    )
    with reading(engine) as connection:
        return tuple(LeftOut(**row) for row in connection.execute(query).mappings())


def read_picks(engine: Engine, study: str) -> tuple[Pick, ...]:
    """Read all picks of a study, oldest first."""
    pick = tables.pick.c
    query = select(pick.body).where(pick.study == study).order_by(pick.id)
    with reading(engine) as connection:
        return tuple(Pick.model_validate(loads(body)) for body in connection.scalars(query))


def study_of(row: Any) -> StudyInfo:  # a row
    """Build a study from its row."""
    return StudyInfo(
        name=row.name,
        objectives=tuple(Objective.model_validate(o) for o in loads(row.objectives)),
        recipe=loads(row.recipe),
        recipe_digest=row.recipe_digest,
        seed=row.seed,
        created_s=row.created_s,
        data_digest=row.data_digest,
        mlflow_run=row.mlflow_run,
        mlflow_experiment=row.mlflow_experiment,
    )


def record_of(
    row: Any, reports: Iterable[EpochReport], setbacks: tuple[Setback, ...]
) -> TrialRecord:  # a row
    """Build a trial from its row, its reports, and its attempts that failed and were repeated."""
    return TrialRecord(
        number=row.number,
        point=loads(row.point),
        config=loads(row.config),
        config_digest=row.config_digest,
        origin=row.origin,
        seed=row.seed,
        status=TrialStatus(row.status),
        reports=newest_by_epoch(reports),
        best_epoch=row.best_epoch,
        values=loads(row.values),
        failure=_failure_of(row),
        attempts=row.attempts,
        setbacks=setbacks,
        created_s=row.created_s,
        started_s=row.started_s,
        ended_s=row.ended_s,
        worker=row.worker,
    )


def report_of(row: Any) -> EpochReport:  # a row
    """Build a report from its row."""
    return EpochReport(
        attempt=row.attempt, epoch=row.epoch, values=loads(row.values), time_s=row.time_s
    )


def setback_of(row: Any) -> Setback:  # a row
    """Build the record of a failed attempt from its row."""
    failure = _failure_of(row)
    assert failure is not None, "the query asks for attempts that failed"
    return Setback(attempt=row.attempt, failure=failure)


def _failure_of(row: Any) -> Failure | None:  # a row
    if row.failure_kind is None:
        return None
    return Failure(kind=FailureKind(row.failure_kind), message=row.failure_message)


def newest_by_epoch(reports: Iterable[EpochReport]) -> tuple[EpochReport, ...]:
    """Return the reports of the newest attempt and of what it resumed from, by epoch.

    An attempt that starts again below the last epoch of the one before makes that one's later
    epochs void: their weights are gone.
    """
    found: dict[int, EpochReport] = {}
    attempt = 0
    for report in sorted(reports, key=lambda r: (r.attempt, r.epoch)):
        if report.attempt != attempt:
            attempt = report.attempt
            found = {epoch: kept for epoch, kept in found.items() if epoch < report.epoch}
        found[report.epoch] = report
    return tuple(found[epoch] for epoch in sorted(found))
