"""When each execution of a trial ran, and how it ended."""

from automtl.config import Frozen
from automtl.results import FailureKind


class Attempt(Frozen):
    """One execution of a trial.

    Attributes:
        number: The trial.
        attempt: Which execution of it, from 1.
        worker: Where it ran; empty where nobody said.
        started_s: Unix time.
        ended_s: Unix time; None while it runs.
        outcome: ``running``, ``paused``, ``lost``, or the status that the trial ended with.
        failure: Why it failed, if it did.
    """

    number: int
    attempt: int
    worker: str = ""
    started_s: float
    ended_s: float | None = None
    outcome: str = "running"
    failure: FailureKind | None = None
