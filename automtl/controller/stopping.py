"""Where early stopping plugs in."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Protocol

from typing_extensions import override

from automtl.results import Decision, TrialRecord


class Phase(StrEnum):
    """How much a search may still begin.

    ``open``: trials are proposed. ``closing``: no more are proposed, what is good enough is
    finished. ``over``: nothing more is resumed, unless no trial was trained to its end.
    """

    OPEN = "open"
    CLOSING = "closing"
    OVER = "over"


class StoppingRule(Protocol):
    """Decides at every report whether a trial goes on, and which paused one is resumed.

    Pure functions of the history: the same history gives the same decisions, before and after
    a crash.
    """

    def decide(self, history: Sequence[TrialRecord], number: int) -> Decision:
        """Return how trial ``number``, whose newest report is in its record, goes on."""
        ...

    def waits(self, record: TrialRecord) -> bool:
        """Whether a paused trial waits to be chosen, rather than was interrupted."""
        ...

    def resumes(self, history: Sequence[TrialRecord], phase: Phase) -> int | None:
        """Return the paused trial to resume now, or None."""
        ...


class NeverStop(StoppingRule):
    """Trains every trial to its end."""

    @override
    def decide(self, history: Sequence[TrialRecord], number: int) -> Decision:
        """Return CONTINUE."""
        return Decision.CONTINUE

    @override
    def waits(self, record: TrialRecord) -> bool:
        """Return False."""
        return False

    @override
    def resumes(self, history: Sequence[TrialRecord], phase: Phase) -> int | None:
        """Return None."""
        return None
