"""The ledger's invariants: one function that tests and users can run."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, select

from automtl.ledger import tables
from automtl.ledger.database import loads, reading
from automtl.results import TrialStatus


@dataclass(frozen=True, slots=True)
class _Told:
    """What was announced, each with its place in the order of the events."""

    starts: dict[tuple[int, int], int]
    reports: dict[tuple[int, int], int]
    ends: dict[int, int]

    @staticmethod
    def of(events: list[Any]) -> "_Told":
        bodies = [(event.kind, loads(event.body), event.id) for event in events]
        return _Told(
            starts={(b["number"], b["attempt"]): i for k, b, i in bodies if k == "trial_started"},
            reports={(b["number"], b["epoch"]): i for k, b, i in bodies if k == "reported"},
            ends={b["number"]: i for k, b, i in bodies if k == "trial_ended"},
        )


def violations_of(engine: Engine, study: str) -> list[str]:
    """Return every violated invariant of a study as one sentence."""
    with reading(engine) as connection:
        trials = _rows(connection, tables.trial, study)
        attempts = _rows(connection, tables.attempt, study)
        reports = _rows(connection, tables.report, study)
        told = _Told.of(_rows(connection, tables.outbox, study))
    checks: tuple[Callable[[], list[str]], ...] = (
        lambda: _dense(trials),
        lambda: _attempts(trials, attempts),
        lambda: _ends(trials),
        lambda: _finite(trials, reports),
        lambda: _announced(trials, attempts, reports, told),
        lambda: _in_order(told),
    )
    return [violation for check in checks for violation in check()]


def _rows(connection: Connection, table: Any, study: str) -> list[Any]:
    return list(connection.execute(select(table).where(table.c.study == study)).all())


def _dense(trials: list[Any]) -> list[str]:
    numbers = sorted(t.number for t in trials)
    if numbers == list(range(len(numbers))):
        return []
    return [f"trial numbers are not dense: {numbers}"]


def _attempts(trials: list[Any], attempts: list[Any]) -> list[str]:
    found = []
    by_trial: dict[int, list[Any]] = {}
    for attempt in attempts:
        by_trial.setdefault(attempt.number, []).append(attempt)
    for trial in trials:
        own = sorted(by_trial.get(trial.number, []), key=lambda a: a.attempt)
        if [a.attempt for a in own] != list(range(1, trial.attempts + 1)):
            found.append(
                f"trial {trial.number} counts {trial.attempts} attempts, {len(own)} are recorded"
            )
        running = [a.attempt for a in own if a.outcome == "running"]
        expected = [trial.attempts] if trial.status == TrialStatus.RUNNING else []
        if running != expected:
            found.append(
                f"trial {trial.number} is {trial.status}, its running attempts are {running}"
            )
    return found


def _ends(trials: list[Any]) -> list[str]:
    found = []
    for trial in trials:
        status = TrialStatus(trial.status)
        if status.is_final != (trial.ended_s is not None):
            found.append(f"trial {trial.number} is {status.value}, its end is {trial.ended_s}")
        if (status is TrialStatus.FAILED) != (trial.failure_kind is not None):
            found.append(
                f"trial {trial.number} is {status.value}, its failure is {trial.failure_kind}"
            )
        has_values = loads(trial.values) != {}
        if has_values and (not status.is_final or status is TrialStatus.FAILED):
            found.append(f"trial {trial.number} is {status.value} and has final values")
        if status is TrialStatus.COMPLETED and not has_values:
            found.append(f"trial {trial.number} is completed and has no values")
    return found


def _finite(trials: list[Any], reports: list[Any]) -> list[str]:
    found = [
        f"trial {t.number} has final values that are no numbers"
        for t in trials
        if not all(map(math.isfinite, loads(t.values).values()))
    ]
    return found + [
        f"epoch {r.epoch} of trial {r.number} has values that are no numbers"
        for r in reports
        if not all(map(math.isfinite, loads(r.values).values()))
    ]


def _announced(
    trials: list[Any], attempts: list[Any], reports: list[Any], told: _Told
) -> list[str]:
    found = [
        f"attempt {a.attempt} of trial {a.number} was not announced"
        for a in attempts
        if (a.number, a.attempt) not in told.starts
    ]
    found += [
        f"epoch {r.epoch} of trial {r.number} was not announced"
        for r in reports
        if (r.number, r.epoch) not in told.reports
    ]
    return found + [
        f"the end of trial {t.number} was not announced"
        for t in trials
        if t.ended_s is not None and t.number not in told.ends
    ]


def _in_order(told: _Told) -> list[str]:
    # By the order of the events: the clock of a worker may differ from the controller's.
    return [
        f"trial {number} reported epoch {epoch} after its end"
        for (number, epoch), position in sorted(told.reports.items())
        if position > told.ends.get(number, position)
    ]
