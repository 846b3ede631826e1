"""What happens in a search, for whoever wants to show it."""

from collections.abc import Sequence
from typing import Protocol

from automtl.results import EpochReport, TrialRecord


class Observer(Protocol):
    """Told of events after they are in the ledger. It must not raise and must return quickly."""

    def started(self, trial: TrialRecord) -> None:
        """Tell that an attempt of the trial begins."""
        ...

    def reported(self, trial: TrialRecord, report: EpochReport) -> None:
        """Tell that a trial finished an epoch."""
        ...

    def ended(self, trial: TrialRecord, history: Sequence[TrialRecord]) -> None:
        """Tell that a trial ended or paused, with all trials so far."""
        ...

    def message(self, text: str) -> None:
        """Tell one line that the user should read."""
        ...


class Silent:
    """Shows nothing."""

    def started(self, trial: TrialRecord) -> None:
        """Ignore the event."""

    def reported(self, trial: TrialRecord, report: EpochReport) -> None:
        """Ignore the event."""

    def ended(self, trial: TrialRecord, history: Sequence[TrialRecord]) -> None:
        """Ignore the event."""

    def message(self, text: str) -> None:
        """Ignore the event."""
