"""One controller at a time: a lease with a fencing token."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, insert, select, update

from automtl.errors import LedgerError
from automtl.ledger import tables
from automtl.ledger.database import LedgerUnreachableError, writing
from automtl.ledger.holder import Holder, is_gone

RETRY_S = 1.0

_in_use: set[tuple[str, str, int]] = set()
"""Database, study and token of each lease that this process took and did not give up. The database
cannot tell: a lease that was given up while it was away still stands there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The right to write to a study.

    Attributes:
        engine: The database.
        study: The study.
        token: Grows with each new holder; a write with an old token is refused.
        ttl_s: Seconds after which another controller may take over an unrenewed lease.
        clock: Unix time.
        taken_from: The holder that had not given the lease back, and why it was taken from it.
    """

    engine: Engine
    study: str
    token: int
    ttl_s: float
    clock: Callable[[], float]
    taken_from: str | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """What no other lease has: database, study and token."""
        return _key(self.engine, self.study, self.token)

    def renew(self) -> None:
        """Extend the lease.

        Raises:
            LedgerError: If another controller holds it by now.
        """
        with writing(self.engine) as connection:
            fence(connection, self.study, self.token)
            connection.execute(
                update(tables.lease)
                .where(tables.lease.c.study == self.study)
                .values(expires_s=self.clock() + self.ttl_s)
            )

    def keep(self, ended: threading.Event) -> None:
        """Renew the lease until ``ended`` or until another controller holds it.

        A database that does not answer is asked again. A lost lease needs no word from here: the
        fence refuses the controller's next write, in the thread that can end the search.
        """
        pause_s = self.ttl_s / 4
        while not ended.wait(pause_s):
            try:
                self.renew()
                pause_s = self.ttl_s / 4
            except LedgerUnreachableError:
                pause_s = min(RETRY_S, self.ttl_s / 4)
            except LedgerError:
                return

    def release(self) -> None:
        """Give the lease back; nothing happens if another controller holds it by now.

        Where the database does not answer, this process may take it again at once, and nobody
        else before it has run out.
        """
        _in_use.discard(self.key)
        with writing(self.engine) as connection:
            connection.execute(
                update(tables.lease)
                .where(tables.lease.c.study == self.study, tables.lease.c.token == self.token)
                .values(expires_s=0.0)
            )


def acquire(
    engine: Engine,
    study: str,
    holder: Holder,
    *,
    ttl_s: float,
    takeover: bool,
    clock: Callable[[], float],
) -> Lease:
    """Take the lease.

    It is free if its holder gave it back, or ended without doing so on this machine. One that
    merely expired is taken over only when asked for: its holder may be asleep, not dead.

    Raises:
        LedgerError: If somebody else holds it.
    """
    now = clock()
    values = {
        "holder_user": holder.user,
        "holder_host": holder.host,
        "holder_process": holder.process,
        "holder_kernel": holder.kernel,
        "holder_started": holder.started,
        "since_s": now,
        "expires_s": now + ttl_s,
        "stop": "",
    }
    with writing(engine) as connection:
        row = _row(connection, study, lock=True)
        is_given_up = row is not None and _was_given_up(engine, row, holder)
        taken_from = _free(row, now, takeover=takeover, is_given_up=is_given_up)
        token = 1 if row is None else row.token + 1
        if row is None:
            connection.execute(insert(tables.lease).values(study=study, token=token, **values))
        else:
            own = tables.lease.c.study == study
            connection.execute(update(tables.lease).where(own).values(token=token, **values))
    lease = Lease(
        engine=engine, study=study, token=token, ttl_s=ttl_s, clock=clock, taken_from=taken_from
    )
    _in_use.add(lease.key)
    return lease


def fence(connection: Connection, study: str, token: int, *, lock: bool = True) -> None:
    """Refuse to go on inside a transaction whose controller lost the lease or gave it back.

    Args:
        connection: In a transaction.
        study: The study.
        token: The controller's.
        lock: Whether the lease is to stay as it is until the transaction ends. Else another
            controller could come in between this check and the commit, on a database that writes
            several transactions at once.

    Raises:
        LedgerError: If the lease is lost; it names who has it now.
    """
    row = _row(connection, study, lock=lock)
    if row is None or row.token != token or row.expires_s <= 0:
        others = row is not None and row.expires_s > 0
        msg = (
            f"this controller lost its lease; {holder_of(row) if others else 'nobody'} has it now"
        )
        raise LedgerError(
            msg,
            fix="Nothing was written. Let the other controller work"
            if others
            else "Nothing was written. Continue the study with `automtl resume`",
        )


def _row(connection: Connection, study: str, *, lock: bool) -> Any:  # a row, or None
    query = select(tables.lease).where(tables.lease.c.study == study)
    return connection.execute(query.with_for_update() if lock else query).first()


def holder_of(row: Any) -> Holder:  # a row
    """Return who a lease's row names."""
    return Holder(
        user=row.holder_user,
        host=row.holder_host,
        process=row.holder_process,
        kernel=row.holder_kernel,
        started=row.holder_started,
    )


def _key(engine: Engine, study: str, token: int) -> tuple[str, str, int]:
    return engine.url.render_as_string(hide_password=True), study, token


def _was_given_up(engine: Engine, row: Any, asking: Holder) -> bool:  # a row
    """Return whether the process that asks took the lease itself, and wants it no more."""
    return holder_of(row) == asking and _key(engine, row.study, row.token) not in _in_use


def _free(row: Any, now: float, *, takeover: bool, is_given_up: bool) -> str | None:  # or None
    """Return from whom the lease is taken, if it was not given back, or refuse."""
    if row is None or row.expires_s <= 0:
        return None
    holder = holder_of(row)
    if is_gone(holder):
        return f"{holder}, which has ended"
    if is_given_up:
        return f"{holder}, which is this one and could not give it back"
    held_s, left_s = now - row.since_s, row.expires_s - now
    if left_s > 0:
        msg = f"the study is held by {holder}, for {held_s:.0f} s now"
        raise LedgerError(
            msg,
            fix="Stop that controller; if it is dead, its lease runs out in "
            f"{left_s:.0f} s, then use `automtl resume --takeover`",
        )
    silent = f"has not renewed its lease for {-left_s:.0f} s"
    if not takeover:
        msg = f"the study was held by {holder}, which {silent}"
        raise LedgerError(
            msg,
            fix="If that controller is dead: automtl resume --takeover",
        )
    return f"{holder}, which {silent}"
