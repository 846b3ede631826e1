"""Events to as few updates as say the same: after an outage thousands of reports wait."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from automtl.experiment_log.updates import RunUpdate, updates_of
from automtl.ledger.outbox import Event, EventKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """What is written together.

    Attributes:
        ids: The events that have arrived when all is written.
        updates: In order.
    """

    ids: tuple[int, ...]
    updates: tuple[RunUpdate, ...]

    @property
    def joined(self) -> RunUpdate | None:
        """All updates as one, if they are reports of one run."""
        if len(self.updates) < 2 or len(self.updates) != len(self.ids):
            return None
        metrics = tuple(point for update in self.updates for point in update.metrics)
        return replace(self.updates[0], metrics=metrics)


def sendings(events: Sequence[Event]) -> list[Sending]:
    """Put reports of one run together, if no other event of that run lies between them.

    Within a run the order stays; runs do not see each other.
    """
    found: list[Sending] = []
    open_at: dict[str, int] = {}
    for event in events:
        updates = tuple(updates_of(event))
        place = open_at.get(updates[0].run) if event.kind is EventKind.REPORTED else None
        if place is not None:
            before = found[place]
            found[place] = Sending(
                ids=(*before.ids, event.id), updates=(*before.updates, *updates)
            )
            continue
        for update in updates:
            open_at.pop(update.run, None)
        if event.kind is EventKind.REPORTED:
            open_at[updates[0].run] = len(found)
        found.append(Sending(ids=(event.id,), updates=updates))
    return found
