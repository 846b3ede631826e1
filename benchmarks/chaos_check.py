"""What kills did to a study: compared with one that nobody disturbed, and with MLflow."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select

from automtl.experiment_log.updates import RUN_STATUS
from automtl.ledger import tables
from automtl.ledger.database import reading
from automtl.ledger.store import Ledger
from automtl.pareto import front, hypervolume, losses_of
from automtl.results import FailureKind, Objective, TrialRecord, TrialStatus
from automtl.study.folder import StudyFolder
from automtl.study.search import opened


@dataclass(frozen=True, slots=True, kw_only=True)
class Damage:
    """What went wrong in one study; nothing if all are 0.

    Attributes:
        lost: Trials without values, and trials that MLflow has no run of.
        doubled: Configurations or MLflow runs that exist twice, and epochs that were trained
            again although a later checkpoint was there.
        stuck: Trials that did not end, MLflow runs with another status than their trial's, broken
            invariants.
        unequal: 1 if points, objective values or hypervolume differ from the undisturbed study's.
        lost_workers: Attempts that the ledger says were lost with their process; no damage.
        notes: What was found, a line for each kind of damage.
    """

    lost: int
    doubled: int
    stuck: int
    unequal: int
    lost_workers: int
    notes: tuple[str, ...]


def damage_of(folder: Path, expected: Sequence[TrialRecord]) -> Damage:
    """Compare a study that has ended with an undisturbed one of the same recipe."""
    with opened(StudyFolder(folder)) as ledger:
        found, broken = ledger.history(), ledger.check()
        objectives = ledger.study().objectives
        again = retrained(ledger)
    runs = _runs(folder)
    lacking = len(expected) - sum(r.status is TrialStatus.COMPLETED for r in found)
    without_run = [r.number for r in found if f"trial {r.number}" not in runs]
    twice = Counter(r.config_digest for r in found).total() - len({r.config_digest for r in found})
    runs_twice = sum(runs.values()) - len(runs)
    unended = [r.number for r in found if not r.status.is_final]
    wrong = _wrong_runs(folder, found)
    is_same = _course(found, objectives) == _course(expected, objectives)
    said = {
        "trials without values": max(lacking, 0),
        "trials without an MLflow run": without_run,
        "configurations twice": twice,
        "MLflow runs twice": runs_twice,
        "epochs trained again": again,
        "trials that did not end": unended,
        "MLflow runs that say something else": wrong,
        "broken invariants": broken,
        "another course than the undisturbed study's": int(not is_same),
    }
    return Damage(
        lost=max(lacking, 0) + len(without_run),
        doubled=twice + runs_twice + again,
        stuck=len(unended) + len(wrong) + len(broken),
        unequal=int(not is_same),
        lost_workers=sum(r.n_setbacks(FailureKind.LOST_WORKER) for r in found),
        notes=tuple(f"{what}: {which}" for what, which in said.items() if which),
    )


def retrained(ledger: Ledger) -> int:
    """Count the epochs that were trained again although their checkpoint was there.

    A checkpoint follows its report, so the newest epoch that an attempt reported may be reported
    by the next one once more; an earlier one may not.
    """
    report = tables.report
    query = select(report.c.number, report.c.attempt, report.c.epoch)
    with reading(ledger.engine) as connection:
        rows = connection.execute(query.where(report.c.study == ledger.name)).all()
    return sum(
        max(0, last - first)
        for number in {row.number for row in rows}
        for last, first in _seams([(r.attempt, r.epoch) for r in rows if r.number == number])
    )


def _seams(reported: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return, for each attempt but the first, the last epoch before it and its own first."""
    attempts = sorted({attempt for attempt, _ in reported})
    return [
        (
            max(epoch for attempt, epoch in reported if attempt < own),
            min(epoch for attempt, epoch in reported if attempt == own),
        )
        for own in attempts[1:]
    ]


def _course(history: Sequence[TrialRecord], objectives: Sequence[Objective]) -> tuple[Any, ...]:
    losses = losses_of(front(history, objectives), objectives)
    volume = hypervolume(losses, [0.0] * len(objectives))
    return volume, [(dict(r.point), r.seed, r.vector(objectives)) for r in history]


def _runs(folder: Path) -> Counter[str]:
    return Counter(run.info.run_name for run in _search(folder))


def _wrong_runs(folder: Path, found: Sequence[TrialRecord]) -> list[str]:
    by_name = {f"trial {record.number}": record for record in found}
    return [
        f"{run.info.run_name} is {run.info.status}"
        for run in _search(folder)
        if not _agrees(run, by_name.get(run.info.run_name))
    ]


def _agrees(run: Any, record: TrialRecord | None) -> bool:
    if record is None:
        return bool(run.info.status == "FINISHED")
    finals = {f"final/{key}": value for key, value in record.values.items()}
    told = {key: value for key, value in run.data.metrics.items() if key.startswith("final/")}
    is_status = run.info.status == RUN_STATUS.get(record.status.value)
    return is_status and told == finals


def _search(folder: Path) -> list[Any]:  # MLflow is untyped
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=StudyFolder(folder).mlflow_uri)
    experiment = client.get_experiment_by_name("chaos")
    return [] if experiment is None else list(client.search_runs([experiment.experiment_id]))
