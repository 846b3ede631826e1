"""How long a search has taken.

Those are the seconds in which at least one trial ran, and short gaps between two, in which the
next one was proposed and its process started. What lies between two runs of a search (it was
stopped, or killed) is no part of them, nor is what it takes to begin, nor replicates.

Who searches counts as it goes (:class:`SearchTime`); who looks at a ledger counts what is there
(:func:`took_s`). The former is not ahead, unless the clock of a worker that was lost was, so that
what ended a search is also read there.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from automtl.attempts import Attempt
from automtl.results import TrialRecord

GAP_S = 30.0
"""A longer time without a trial is no part of a search: nobody was searching."""

_NEVER = float("inf")


def took_s(attempts: Sequence[Attempt], history: Sequence[TrialRecord]) -> float:
    """Return the seconds that a search has taken by its ledger.

    Args:
        attempts: All executions, by trial and number.
        history: All trials. A running one counts up to its newest report.
    """
    records = {record.number: record for record in history}
    begins = {(attempt.number, attempt.attempt): attempt.started_s for attempt in attempts}
    total, covered = 0.0, float("-inf")
    for start, end in sorted(
        # Of one that was lost a worker's own clock has the end: not after the next one's begin.
        (
            a.started_s,
            min(_end(a, records[a.number]), begins.get((a.number, a.attempt + 1), _NEVER)),
        )
        for a in attempts
        if records[a.number].replicate_of is None
    ):
        begin = covered if start - covered <= GAP_S else start
        total += max(0.0, end - max(begin, covered))
        covered = max(covered, end)
    return total


def _end(attempt: Attempt, record: TrialRecord) -> float:
    if attempt.ended_s is not None:
        return attempt.ended_s
    told = [r.time_s for r in record.reports if r.attempt == attempt.attempt]
    return max(told, default=attempt.started_s)


@dataclass(slots=True)
class SearchTime:
    """Counts the seconds of a search as it goes; they stand still while no trial runs.

    Attributes:
        before_s: What earlier runs of the search took.
        clock: Seconds from any moment on.
    """

    before_s: float = 0.0
    clock: Callable[[], float] = time.time
    _running: set[int] = field(default_factory=set)
    _since: float = 0.0
    _until: float = float("-inf")

    def begin(self, number: int) -> None:
        """Begin an execution of a trial, once the ledger has it."""
        now = self.clock()
        if not self._running and now - self._until > GAP_S:
            self.before_s = self.elapsed_s
            self._since = self._until = now
        self._running.add(number)

    def end(self, number: int) -> None:
        """End it, before the ledger has that; one that was not begun here is none."""
        if number in self._running:
            self._running.remove(number)
            self._until = self.clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds so far."""
        until = self.clock() if self._running else self._until
        return self.before_s + max(0.0, until - self._since)
