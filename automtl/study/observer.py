"""What happens in a search, for whoever wants to show it."""

from collections.abc import Sequence
from typing import Protocol

from automtl.results import TrialRecord


class Observer(Protocol):
    """Told of events after they are in the ledger. It must not raise and must return quickly."""

    def began(self, history: Sequence[TrialRecord], elapsed_s: float) -> None:
        """Tell what an earlier controller left: its trials and the seconds it spent."""
        ...

    def started(self, trial: TrialRecord) -> None:
        """Tell that an attempt of the trial begins."""
        ...

    def reported(self, trial: TrialRecord) -> None:
        """Tell that a trial finished an epoch; its last report says how."""
        ...

    def ended(self, trial: TrialRecord, history: Sequence[TrialRecord]) -> None:
        """Tell that a trial ended or paused, with all trials so far."""
        ...

    def message(self, text: str) -> None:
        """Tell one line that the user should read."""
        ...


class Silent:
    """Shows nothing."""

    def began(self, history: Sequence[TrialRecord], elapsed_s: float) -> None:
        """Ignore the event."""

    def started(self, trial: TrialRecord) -> None:
        """Ignore the event."""

    def reported(self, trial: TrialRecord) -> None:
        """Ignore the event."""

    def ended(self, trial: TrialRecord, history: Sequence[TrialRecord]) -> None:
        """Ignore the event."""

    def message(self, text: str) -> None:
        """Ignore the event."""
