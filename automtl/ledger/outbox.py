"""What the experiment log has to be told, written in the same transaction as the facts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection, Engine, func, insert, select, update

from automtl.ledger import tables
from automtl.ledger.database import dumps, loads, reading, writing

Metrics = Mapping[int, Mapping[str, float]]
"""By trial, what is known of it beside its values: delta-m, what new seeds say."""


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
    """The events of one study that wait to be sent."""

    engine: Engine
    study: str

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

    def mark_sent(self, ids: Sequence[int], time_s: float) -> None:
        """Record that events arrived."""
        if not ids:
            return
        with writing(self.engine) as connection:
            connection.execute(
                update(tables.outbox)
                .where(tables.outbox.c.study == self.study, tables.outbox.c.id.in_(ids))
                .values(sent_s=time_s)
            )

    def newest(self) -> int:
        """Return the number of the newest event, sent or not; 0 if nothing ever happened.

        Every fact of a study writes one, so whoever has seen this number has seen all facts.
        """
        query = select(func.max(tables.outbox.c.id)).where(tables.outbox.c.study == self.study)
        with reading(self.engine) as connection:
            return int(connection.execute(query).scalar_one() or 0)

    def count_pending(self) -> int:
        """Return how many events were not sent."""
        query = (
            select(func.count())
            .select_from(tables.outbox)
            .where(tables.outbox.c.study == self.study, tables.outbox.c.sent_s.is_(None))
        )
        with reading(self.engine) as connection:
            return int(connection.execute(query).scalar_one())
