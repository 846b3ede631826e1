"""What the main path is given to train."""

from collections.abc import Callable
from dataclasses import dataclass

from automtl.controller.constraints import KnownCosts, nothing_known
from automtl.dispatch.base import Trainable
from automtl.study.disk import DiskEstimate


def no_floors() -> dict[str, dict[str, float]]:
    """Know no trivial predictors."""
    return {}


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A training that is ready to run.

    Attributes:
        trainable: Runs one attempt of a trial.
        digest: Of what it trains on; a study goes on with the same only. Empty if unknown.
        floors: Computes, once, what trivial predictors reach on the validation split.
        known: Gives what a trial will cost, as far as the search limits it.
        takes: Computes what the search will take on the disk; None where nobody knows.
    """

    trainable: Trainable
    digest: str = ""
    floors: Callable[[], dict[str, dict[str, float]]] = no_floors
    known: KnownCosts = nothing_known
    takes: Callable[[], DiskEstimate] | None = None
