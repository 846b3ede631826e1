"""The ledger of a study: one transaction for each decision, one writer."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from sqlalchemy import Connection, Engine, insert, update

from automtl.errors import LedgerError
from automtl.ledger import rows, statements, tables
from automtl.ledger.check import violations_of
from automtl.ledger.database import dumps, loads, reading, writing
from automtl.ledger.ends import check_end, storable
from automtl.ledger.holder import Holder
from automtl.ledger.lease import Lease, acquire, fence
from automtl.ledger.outbox import OF_STUDY, EventKind, Metrics, Outbox, announce
from automtl.left_out import LeftOut
from automtl.results import (
    EpochReport,
    Failure,
    Note,
    Pick,
    Point,
    StudyInfo,
    TrialRecord,
    TrialStatus,
)


@dataclass(slots=True, kw_only=True)
class Ledger:
    """What is true of one study.

    Every method that writes is one transaction, in which the event for the experiment log is
    written too. It needs the lease (:meth:`acquire_lease`). The holder of the lease is the only
    writer, so it keeps the history in memory; a reader reads it anew each time.
    """

    engine: Engine
    name: str
    clock: Callable[[], float] = time.time
    _lease: Lease | None = None
    _records: dict[int, TrialRecord] = field(default_factory=dict)

    def __enter__(self) -> Self:
        """Return the ledger."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close all connections."""
        self.engine.dispose()

    @property
    def outbox(self) -> Outbox:
        """The events that wait for the experiment log."""
        return Outbox(self.engine, self.name, self._lease)

    def acquire_lease(self, holder: Holder, *, ttl_s: float, takeover: bool = False) -> Lease:
        """Become the only writer.

        Raises:
            LedgerError: If another controller holds the study; it says who and since when.
        """
        self._lease = acquire(
            self.engine, self.name, holder, ttl_s=ttl_s, takeover=takeover, clock=self.clock
        )
        history = rows.read_history(self.engine, self.name)
        self._records = {record.number: record for record in history}
        return self._lease

    def confirm_lease(self) -> None:
        """Raise :class:`LedgerError` if this controller may no longer write."""
        with reading(self.engine) as connection:
            fence(connection, self.name, self._token(), lock=False)

    def study(self) -> StudyInfo:
        """Return the study."""
        return rows.read_study(self.engine, self.name)

    def set_data(self, digest: str, left_out: Sequence[LeftOut] = ()) -> None:
        """Record which data the study was begun with, and what of them is not used."""
        with self._writing() as connection:
            statements.set_data(connection, self.name, digest, left_out)

    def set_recipe(self, plain: Mapping[str, object]) -> None:
        """Record the search as it is stated now: what its digest leaves out may change."""
        self._change_study({"recipe": dumps(dict(plain))})

    def set_mlflow_run(self, run: str, experiment: str) -> None:
        """Record the ids of the study's run in MLflow and of its experiment."""
        self._change_study({"mlflow_run": run, "mlflow_experiment": experiment})

    def history(self) -> tuple[TrialRecord, ...]:
        """Return all trials by number."""
        if self._lease is None:
            return rows.read_history(self.engine, self.name)
        return tuple(self._records.values())

    def add_trial(
        self,
        *,
        number: int,
        point: Point,
        config: Mapping[str, object],
        config_digest: str,
        origin: str,
        seed: int,
    ) -> TrialRecord:
        """Add a proposed trial.

        Raises:
            LedgerError: If ``number`` is not the next one.
        """
        if number != len(self._records):
            msg = f"trial {number} is not the next one: the ledger has {len(self._records)}"
            raise LedgerError(msg)
        record = TrialRecord(
            number=number,
            # As a reader will see them: without tuples.
            point=loads(dumps(dict(point))),
            config=loads(dumps(dict(config))),
            config_digest=config_digest,
            origin=origin,
            seed=seed,
            created_s=self.clock(),
        )
        with self._writing() as connection:
            statements.insert_trial(connection, self.name, record)
        return self._keep(record)

    def start_attempt(self, number: int, *, worker: str) -> TrialRecord:
        """Begin an execution of a queued trial."""
        before = self._expect(number, TrialStatus.QUEUED)
        now = self.clock()
        after = before.model_copy(
            update={
                "status": TrialStatus.RUNNING,
                "attempts": before.attempts + 1,
                "started_s": before.started_s or now,
                "worker": worker,
            }
        )
        with self._writing() as connection:
            statements.change_trial(
                connection, self.name, after, "status", "attempts", "started_s", "worker"
            )
            statements.open_attempt(connection, self.name, after, now)
        return self._keep(after)

    def add_report(self, number: int, report: EpochReport) -> TrialRecord:
        """Record a report.

        The same report twice is stored once, and one of an execution that was given up is left
        out: its successor trains that epoch again.
        """
        before = self._expect(number, TrialStatus.RUNNING)
        known = any((r.attempt, r.epoch) == (report.attempt, report.epoch) for r in before.reports)
        if known or report.attempt < before.attempts:
            return before
        if report.attempt > before.attempts:
            msg = f"trial {number} has {before.attempts} attempts, the report is of another"
            raise LedgerError(msg)
        reports = rows.newest_by_epoch((*before.reports, report))
        after = before.model_copy(update={"reports": reports})
        with self._writing() as connection:
            statements.insert_report(connection, self.name, number, report)
        return self._keep(after)

    def pause(self, number: int, *, time_s: float | None = None) -> TrialRecord:
        """Record that a running trial stopped, now or at ``time_s``, and can be continued."""
        before = self._expect(number, TrialStatus.RUNNING)
        after = before.model_copy(update={"status": TrialStatus.PAUSED})
        with self._writing() as connection:
            statements.change_trial(connection, self.name, after, "status")
            statements.close_attempt(connection, self.name, after, "paused", None)
            statements.announce_waiting(connection, self.name, after, None, time_s or self.clock())
        return self._keep(after)

    def requeue(self, number: int, failure: Failure | None = None) -> TrialRecord:
        """Let a trial wait for its next execution, after a pause or one that failed."""
        # The execution of a paused trial has ended: it cannot fail any more.
        paused = () if failure is not None else (TrialStatus.PAUSED,)
        before = self._expect(number, TrialStatus.RUNNING, *paused)
        failure = storable(failure)
        after = before.waiting_again(failure)
        with self._writing() as connection:
            statements.change_trial(connection, self.name, after, "status")
            if before.status is TrialStatus.RUNNING:
                statements.close_attempt(connection, self.name, after, rows.LOST, failure)
            statements.announce_waiting(connection, self.name, after, failure, self.clock())
        return self._keep(after)

    def end_trial(
        self,
        number: int,
        *,
        status: TrialStatus,
        values: Mapping[str, float],
        best_epoch: int | None,
        failure: Failure | None,
    ) -> TrialRecord:
        """Record the end of a trial that runs, or is paused and will not be continued.

        Raises:
            LedgerError: If the trial does neither, or status, values and failure do not agree.
        """
        before = self._expect(number, TrialStatus.RUNNING, TrialStatus.PAUSED)
        check_end(number, status, values, failure)
        now = self.clock()
        after = before.model_copy(
            update={
                "status": status,
                "values": dict(values),
                "best_epoch": best_epoch,
                "failure": storable(failure),
                "ended_s": now,
            }
        )
        with self._writing() as connection:
            statements.end_trial(connection, self.name, after)
        return self._keep(after)

    def add_ranks(
        self, ranks: Mapping[int, int], *, note: str, metrics: Metrics | None = None
    ) -> None:
        """Announce the Pareto ranks (0 is the front), a note, and what else is known of trials."""
        ranked = {str(number): rank for number, rank in ranks.items()}
        known = {str(OF_STUDY if n is None else n): dict(v) for n, v in (metrics or {}).items()}
        body = {"ranks": ranked, "note": note} | ({"metrics": known} if known else {})
        with self._writing() as connection:
            announce(connection, self.name, EventKind.RANKED, body, self.clock())

    def add_pick(self, pick: Pick) -> None:
        """Record a pick."""
        body = pick.model_dump(mode="json")
        with self._writing() as connection:
            connection.execute(insert(tables.pick).values(study=self.name, body=dumps(body)))
            announce(connection, self.name, EventKind.PICKED, body, pick.created_s)

    def picks(self) -> tuple[Pick, ...]:
        """Return all picks, oldest first."""
        return rows.read_picks(self.engine, self.name)

    def add_artifact(self, *, kind: str, path: str, trial: int | None = None) -> None:
        """Record a file or folder that belongs to the study or to a trial."""
        now = self.clock()
        row = {"kind": kind, "path": path, "trial": trial}
        with self._writing() as connection:
            connection.execute(
                insert(tables.artifact).values(study=self.name, created_s=now, **row)
            )
            announce(connection, self.name, EventKind.ARTIFACT, row, now)

    def add_note(self, note: Note) -> None:
        """Record what an attempt had to say; its event is the record."""
        with self._writing() as connection:
            announce(connection, self.name, EventKind.NOTED, note.model_dump(), self.clock())

    def notes(self) -> tuple[Note, ...]:
        """Return what attempts had to say, oldest first."""
        return rows.read_notes(self.engine, self.name)

    def check(self) -> list[str]:
        """Return the violated invariants, each as one sentence."""
        return violations_of(self.engine, self.name)

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        token = self._token()
        with writing(self.engine) as connection:
            fence(connection, self.name, token)
            yield connection

    def _token(self) -> int:
        if self._lease is None:
            msg = "this ledger was opened for reading: no lease is held"
            raise LedgerError(msg)
        return self._lease.token

    def _change_study(self, values: Mapping[str, str]) -> None:
        own = tables.study.c.name == self.name
        with self._writing() as connection:
            connection.execute(update(tables.study).where(own).values(dict(values)))

    def _keep(self, record: TrialRecord) -> TrialRecord:
        self._records[record.number] = record
        return record

    def _expect(self, number: int, *allowed: TrialStatus) -> TrialRecord:
        record = self._records.get(number)
        if record is None:
            msg = f"there is no trial {number}"
            raise LedgerError(msg)
        if record.status not in allowed:
            wanted = " or ".join(status.value for status in allowed)
            msg = f"trial {number} is {record.status.value}, this needs {wanted}"
            raise LedgerError(msg)
        return record
