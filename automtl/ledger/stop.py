"""Asking the holder of a study to end, from another process or machine: a word in its lease."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Engine, select, update

from automtl.ledger import tables
from automtl.ledger.database import reading, writing
from automtl.ledger.holder import Holder, is_gone
from automtl.ledger.lease import holder_of


class Stop(StrEnum):
    """How a search is to end.

    ``AFTER_RUNNING`` starts no trial and trains the running ones to their end; ``NOW`` lets them
    save their state at their next report and pause.
    """

    AFTER_RUNNING = "after_running"
    NOW = "now"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Who was asked to stop.

    Attributes:
        holder: The process that searches.
        stop: How it is to end now.
        is_new: Whether that was not asked before.
        token: Of the holder's lease: once another one is there, or none, the holder has ended.
        silent_s: Seconds for which the holder's lease has run out; at most 0 while it works.
    """

    holder: Holder
    stop: Stop
    is_new: bool
    token: int
    silent_s: float


def ask_stop(
    engine: Engine, study: str, stop: Stop, *, clock: Callable[[], float]
) -> Asked | None:
    """Ask whoever holds the study to end; asking again changes nothing, or only hurries it.

    Returns:
        Who was asked; None if nobody holds the study.
    """
    own = tables.lease.c.study == study
    with writing(engine) as connection:
        row = connection.execute(select(tables.lease).where(own).with_for_update()).first()
        if row is None or row.expires_s <= 0 or is_gone(holder_of(row)):
            return None
        is_new = row.stop not in (stop, Stop.NOW)
        if is_new:
            connection.execute(update(tables.lease).where(own).values(stop=stop))
        return Asked(
            holder=holder_of(row),
            stop=stop if is_new else Stop(row.stop),
            is_new=is_new,
            token=row.token,
            silent_s=clock() - row.expires_s,
        )


def stop_asked(engine: Engine, study: str, token: int) -> Stop | None:
    """Return how the holder with this token was asked to end, if it was."""
    lease = tables.lease.c
    query = select(lease.stop).where(lease.study == study, lease.token == token)
    with reading(engine) as connection:
        found = connection.scalars(query).first()
    return Stop(found) if found else None


def is_held(engine: Engine, study: str, token: int) -> bool:
    """Return whether the holder with this token has not ended."""
    lease = tables.lease.c
    query = select(tables.lease).where(lease.study == study, lease.token == token)
    with reading(engine) as connection:
        row = connection.execute(query).first()
    return row is not None and row.expires_s > 0 and not is_gone(holder_of(row))
