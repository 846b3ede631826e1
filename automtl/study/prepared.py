"""What the main path is given to train."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from automtl.controller.constraints import KnownCosts, nothing_known
from automtl.dispatch.base import Trainable
from automtl.left_out import LeftOut
from automtl.results import TrialRecord
from automtl.study.disk import DiskEstimate
from automtl.study.folder import StudyFolder

Draw = Callable[[StudyFolder, Sequence[TrialRecord]], None]
"""Draws what some trials of a study have learned, the most important one first."""


def no_floors() -> dict[str, dict[str, float]]:
    """Know no trivial predictors."""
    return {}


def no_pictures(folder: StudyFolder, members: Sequence[TrialRecord]) -> None:
    """Draw nothing: nobody knows what the training code learns."""
    del folder, members


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A training that is ready to run.

    Attributes:
        trainable: Runs one attempt of a trial.
        digest: Of what it trains on; a study goes on with the same only. Empty if unknown.
        left_out: What of that is not used, or was mended.
        identity: Of all that decides a training but its configuration and seed
            (``automtl.study.identity``). Empty if unknown: nothing is then reused.
        floors: Computes, once, what trivial predictors reach on the validation split.
        known: Gives what a trial will cost, as far as the search limits it.
        draw: Draws what trials see in held-out frames, for the report.
        takes: Computes what the search will take on the disk; None where nobody knows.
    """

    trainable: Trainable
    digest: str = ""
    left_out: tuple[LeftOut, ...] = ()
    identity: str = ""
    floors: Callable[[], dict[str, dict[str, float]]] = no_floors
    known: KnownCosts = nothing_known
    draw: Draw = no_pictures
    takes: Callable[[], DiskEstimate] | None = None
