"""What the experiment log has to be told, written in the same transaction as the facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import Connection, Engine, func, insert, select, update

from automtl.errors import LedgerError
from automtl.ledger import tables
from automtl.ledger.database import dumps, loads, reading, writing
from automtl.ledger.lease import Lease, fence
from automtl.ledger.runs import write_runs

Metrics = Mapping[int | None, Mapping[str, float]]
"""By trial, what is known of it beside its values: delta-m, what new seeds say; by None, what is
known of the study itself."""

OF_STUDY = "study"
"""What stands for None in an event."""

_NO_RUNS: Mapping[int, str] = MappingProxyType({})


class EventKind(StrEnum):
    """What happened."""

    TRIAL_STARTED = "trial_started"
    REPORTED = "reported"
    TRIAL_WAITS = "trial_waits"
    TRIAL_ENDED = "trial_ended"
    RANKED = "ranked"
    PICKED = "picked"
    ARTIFACT = "artifact"
    NOTED = "noted"


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One fact to announce.

    Attributes:
        id: Order of the facts.
        kind: What happened.
        body: All that the log needs, as a plain dict.
        time_s: Unix time of the fact: resending it stores nothing twice.
    """

    id: int
    kind: EventKind
    body: Mapping[str, object]
    time_s: float


def announce(
    connection: Connection,
    study: str,
    kind: EventKind,
    body: Mapping[str, object],
    time_s: float,
) -> None:
    """Write an event inside the caller's transaction."""
    connection.execute(
        insert(tables.outbox).values(study=study, kind=kind, body=dumps(body), time_s=time_s)
    )


@dataclass(frozen=True, slots=True)
class Outbox:
    """The events of one study that wait to be sent.

    Attributes:
        engine: Of the ledger.
        study: Its name.
        lease: Of the controller that sends; None only reads.
    """

    engine: Engine
    study: str
    lease: Lease | None = None

    def pending(self, limit: int = 500) -> list[Event]:
        """Return the oldest events that were not sent."""
        query = (
            select(tables.outbox)
            .where(tables.outbox.c.study == self.study, tables.outbox.c.sent_s.is_(None))
            .order_by(tables.outbox.c.id)
            .limit(limit)
        )
        with reading(self.engine) as connection:
            rows = connection.execute(query).all()
        return [
            Event(id=row.id, kind=EventKind(row.kind), body=loads(row.body), time_s=row.time_s)
            for row in rows
        ]

    def mark_sent(
        self, ids: Sequence[int], time_s: float, runs: Mapping[int, str] = _NO_RUNS
    ) -> None:
        """Record that events arrived.

        Args:
            ids: The events.
            time_s: Unix time.
            runs: By trial, the id of the run in MLflow where they went.

        Raises:
            LedgerError: If this controller may no longer write. The events wait for the next one,
                which sends them again; MLflow keeps one of each.
        """
        if not ids:
            return
        if self.lease is None:
            msg = "this outbox was opened for reading: no lease is held"
            raise LedgerError(msg)
        with writing(self.engine) as connection:
            fence(connection, self.study, self.lease.token)
            connection.execute(
                update(tables.outbox)
                .where(tables.outbox.c.study == self.study, tables.outbox.c.id.in_(ids))
                .values(sent_s=time_s)
            )
            write_runs(connection, self.study, runs)

    def pulse(self) -> int:
        """Return a number that grows with every fact of a study; 0 if nothing ever happened.

        Every fact writes an event, except that MLflow has made a run for a trial. So whoever has
        seen this number has seen all of them.
        """
        events, runs = tables.outbox.c, tables.trial_run.c
        newest = select(func.max(events.id)).where(events.study == self.study).scalar_subquery()
        n_runs = select(func.count(runs.run)).where(runs.study == self.study).scalar_subquery()
        query = select(func.coalesce(newest, 0) + n_runs)
        with reading(self.engine) as connection:
            return int(connection.execute(query).scalar_one())

    def count_pending(self) -> int:
        """Return how many events were not sent."""
        query = (
            select(func.count())
            .select_from(tables.outbox)
            .where(tables.outbox.c.study == self.study, tables.outbox.c.sent_s.is_(None))
        )
        with reading(self.engine) as connection:
            return int(connection.execute(query).scalar_one())
