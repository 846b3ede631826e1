"""Who waits for a slot."""

from collections.abc import Sequence

from automtl.controller.memo import PerTrial
from automtl.results import TrialRecord, TrialStatus

_IS_QUEUED = PerTrial(lambda record, _key, _given: record.status is TrialStatus.QUEUED)


def first_queued(history: Sequence[TrialRecord]) -> TrialRecord | None:
    """Return the first trial that has to run before any is proposed, or None."""
    is_queued = _IS_QUEUED.over(history, None, None)
    return history[is_queued.index(True)] if True in is_queued else None
