"""What happens in a search, for whoever wants to show it."""

import sys
from collections.abc import Callable, Sequence
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


class Lines:
    """Writes a line for each trial that ends, for scripts."""

    def __init__(self, write: Callable[[str], object] = sys.stderr.write) -> None:
        self._write = write

    def began(self, history: Sequence[TrialRecord], elapsed_s: float) -> None:
        """Say what an earlier controller left, if it left anything."""
        if history:
            self.message(f"going on with {len(history)} trials after {elapsed_s:.0f} s")

    def started(self, trial: TrialRecord) -> None:
        """Say nothing: its end will be said."""

    def reported(self, trial: TrialRecord) -> None:
        """Say nothing: there are too many."""

    def ended(self, trial: TrialRecord, history: Sequence[TrialRecord]) -> None:
        """Say how a trial ended, or where it waits."""
        del history
        self.message(f"trial {trial.number} {trial.status.value}: {_how(trial)}")

    def message(self, text: str) -> None:
        """Write one line."""
        self._write(f"automtl: {text}\n")


def _how(trial: TrialRecord) -> str:
    if trial.failure is not None:
        return f"{trial.failure.kind.value}: {trial.failure.message}"
    if not trial.reports:
        return "nothing reported"
    last = trial.reports[-1]
    values = trial.values or last.values
    shown = ", ".join(f"{name} {value:.4g}" for name, value in values.items())
    return f"{shown} after epoch {last.epoch}"
