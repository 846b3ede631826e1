"""Trials whose training another study did: where that is written."""

from automtl.results import TrialRecord

REUSED = "reused: "
"""What stands in a trial's `worker` before the place where another study trained it."""


def reused_from(record: TrialRecord) -> str:
    """Return where another study trained it; empty if it was trained here."""
    return record.worker.removeprefix(REUSED) if record.worker.startswith(REUSED) else ""
