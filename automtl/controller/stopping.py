"""Where early stopping plugs in."""

from collections.abc import Sequence
from typing import Protocol

from typing_extensions import override

from automtl.results import Decision, EpochReport, TrialRecord
from automtl.space.recipe import Recipe


class StoppingRule(Protocol):
    """Decides at every report whether a trial goes on.

    A pure function of what it is given: the same history gives the same decision, before and
    after a crash.
    """

    def decide(
        self,
        recipe: Recipe,
        history: Sequence[TrialRecord],
        number: int,
        report: EpochReport,
    ) -> Decision:
        """Return how trial ``number`` goes on.

        Args:
            recipe: The search.
            history: All trials; ``report`` is already among the reports of ``number``.
            number: The trial that reported.
            report: Its newest report.
        """
        ...


class NeverStop(StoppingRule):
    """Trains every trial to its end."""

    @override
    def decide(
        self,
        recipe: Recipe,
        history: Sequence[TrialRecord],
        number: int,
        report: EpochReport,
    ) -> Decision:
        """Return CONTINUE."""
        return Decision.CONTINUE
