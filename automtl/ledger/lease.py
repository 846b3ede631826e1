"""One controller at a time: a lease with a fencing token."""

from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select, update

from automtl.errors import LedgerError
from automtl.ledger import tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to a study.

    Attributes:
        engine: The database.
        study: The study.
        token: Grows with each new holder; a write with an old token is refused.
        ttl_s: Seconds after which another controller may take over an unrenewed lease.
        clock: Unix time.
    """

    engine: Engine
    study: str
    token: int
    ttl_s: float
    clock: Callable[[], float]

    def renew(self) -> None:
        """Extend the lease.

        Raises:
            LedgerError: If another controller holds it by now.
        """
        with self.engine.begin() as connection:
            fence(connection, self.study, self.token)
            connection.execute(
                update(tables.lease)
                .where(tables.lease.c.study == self.study)
                .values(expires_s=self.clock() + self.ttl_s)
            )

    def release(self) -> None:
        """Give the lease back; nothing happens if another controller holds it by now."""
        with self.engine.begin() as connection:
            connection.execute(
                update(tables.lease)
                .where(tables.lease.c.study == self.study, tables.lease.c.token == self.token)
                .values(expires_s=0.0)
            )


def acquire(
    engine: Engine,
    study: str,
    holder: str,
    *,
    ttl_s: float,
    takeover: bool,
    clock: Callable[[], float],
) -> Lease:
    """Take the lease.

    A lease that its holder gave back is free. One that merely expired is taken over only when
    asked for: its holder may be asleep, not dead.

    Raises:
        LedgerError: If somebody else holds it.
    """
    now = clock()
    with engine.begin() as connection:
        row = connection.execute(select(tables.lease).where(tables.lease.c.study == study)).first()
        if row is not None and row.expires_s > 0:
            _refuse(row.holder, now - row.since_s, row.expires_s - now, takeover=takeover)
        token = 1 if row is None else row.token + 1
        connection.execute(delete(tables.lease).where(tables.lease.c.study == study))
        connection.execute(
            insert(tables.lease).values(
                study=study, token=token, holder=holder, since_s=now, expires_s=now + ttl_s
            )
        )
    return Lease(engine=engine, study=study, token=token, ttl_s=ttl_s, clock=clock)


def fence(connection: Connection, study: str, token: int) -> None:
    """Refuse to go on inside a transaction whose controller lost the lease."""
    row = connection.execute(select(tables.lease).where(tables.lease.c.study == study)).first()
    if row is None or row.token != token:
        holder = "nobody" if row is None else row.holder
        msg = f"this controller lost its lease; the study is held by {holder}"
        raise LedgerError(
            msg,
            fix="Nothing was written. Let the other controller work",
        )


def _refuse(holder: str, held_s: float, left_s: float, *, takeover: bool) -> None:
    if left_s > 0:
        msg = f"the study is held by {holder}, for {held_s:.0f} s now"
        raise LedgerError(
            msg,
            fix="Stop that controller; if it is dead, its lease runs out in "
            f"{left_s:.0f} s, then use `automtl resume --takeover`",
        )
    if not takeover:
        msg = (
            f"the study was held by {holder}, which has not renewed its lease for {-left_s:.0f} s"
        )
        raise LedgerError(
            msg,
            fix="If that controller is dead: automtl resume --takeover",
        )
