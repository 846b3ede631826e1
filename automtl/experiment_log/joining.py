"""Events to as few updates as say the same: after an outage thousands of them wait."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce

from automtl.experiment_log.updates import RunUpdate, updates_of
from automtl.ledger.outbox import Event, EventKind

OF_ONE_TRIAL = frozenset(
    {
        EventKind.TRIAL_STARTED,
        EventKind.REPORTED,
        EventKind.TRIAL_WAITS,
        EventKind.TRIAL_ENDED,
        EventKind.NOTED,
    }
)
"""Events that change the run of one trial and nothing else."""


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
        """All updates as one, if they are several events of one trial."""
        if len(self.ids) < 2:
            return None
        return reduce(_joined, self.updates)


def sendings(events: Sequence[Event]) -> list[Sending]:
    """Put what one trial has to say together, if nothing else of its run lies between.

    Within a run the order stays; runs do not see each other.
    """
    found: list[Sending] = []
    open_at: dict[str, int] = {}
    for event in events:
        updates = tuple(updates_of(event))
        place = open_at.get(updates[0].run) if event.kind in OF_ONE_TRIAL else None
        if place is not None and _agree(found[place].updates, updates[0]):
            before = found[place]
            found[place] = Sending(
                ids=(*before.ids, event.id), updates=(*before.updates, *updates)
            )
            continue
        for update in updates:
            open_at.pop(update.run, None)
        if event.kind in OF_ONE_TRIAL:
            open_at[updates[0].run] = len(found)
        found.append(Sending(ids=(event.id,), updates=updates))
    return found


def _agree(earlier: Sequence[RunUpdate], later: RunUpdate) -> bool:
    """Whether no parameter has two values: MLflow is to say that it does not take the second."""
    return all(
        one.params.get(name, value) == value
        for one in earlier
        for name, value in later.params.items()
    )


def _joined(before: RunUpdate, after: RunUpdate) -> RunUpdate:
    """Return the update that leaves what the two leave, one after the other."""
    # A start says that the run is running, which ends what a status before it said.
    last = after if after.start_s is not None or after.status is not None else before
    return replace(
        before,
        start_s=after.start_s if before.start_s is None else before.start_s,
        metrics=(*before.metrics, *after.metrics),
        params={**before.params, **after.params},
        tags={**before.tags, **after.tags},
        documents={**before.documents, **after.documents},
        files=(*before.files, *after.files),
        status=last.status,
        end_s=last.end_s,
    )
