"""How much of a budget is spent."""

from collections.abc import Mapping, Sequence

from automtl.results import TrialRecord
from automtl.space.parts import Budget


def is_spent(budget: Budget, history: Sequence[TrialRecord], elapsed_s: float) -> bool:
    """Return whether no more trials may be proposed.

    Every proposed trial counts from its proposal on, failed ones too, so that slots working in
    parallel do not overshoot and a search whose every trial fails still ends. Baselines do not.
    """
    if budget.minutes is not None and elapsed_s >= budget.minutes * 60:
        return True
    return budget.trials is not None and len(_counted(history)) >= budget.trials


def share_spent(budget: Budget, history: Sequence[TrialRecord], elapsed_s: float) -> float:
    """Return the share of the budget that is spent, in [0, 1], for a progress bar.

    A running trial counts by its epochs.
    """
    shares = [0.0]
    if budget.minutes is not None:
        shares.append(elapsed_s / (budget.minutes * 60))
    if budget.trials is not None:
        shares.append(sum(map(_done, _counted(history))) / budget.trials)
    return min(max(shares), 1.0)


def remaining_s(budget: Budget, history: Sequence[TrialRecord], elapsed_s: float) -> float | None:
    """Return about how many seconds are left, or None if nothing has been done yet."""
    share = share_spent(budget, history, elapsed_s)
    return elapsed_s * (1 - share) / share if share > 0 else None


def _counted(history: Sequence[TrialRecord]) -> list[TrialRecord]:
    return [record for record in history if not record.origin.startswith("baseline:")]


def _done(record: TrialRecord) -> float:
    if record.status.is_final:
        return 1.0
    optimizer = record.config.get("optimizer")
    epochs = optimizer.get("epochs") if isinstance(optimizer, Mapping) else None
    if not isinstance(epochs, int) or not record.reports:
        return 0.0
    return min(record.reports[-1].epoch / epochs, 1.0)
